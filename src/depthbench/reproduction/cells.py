"""A published number as data: whose, of which model, on which set and under which protocol, with its source.

``conf/cells/NAME.yaml`` holds one table of one publication (and a folder ``cells`` of a plugin or of ``--config-dir``
more of them)::

    paper: "Ke et al. 2024, Marigold (arXiv:2312.02145)"
    table: zero-shot table
    source: where the number was read
    kind: affine_depth      # of the prediction; null where it is not fixed
    tolerance: 0.05         # share of the published error, see PublishedCell.allowed
    decimals: 3             # as printed
    known_as: {Marigold: [prs-eth/marigold-v1-0]}   # other names of a model
    cells:
      - {model: Marigold, set: NYUv2, protocol: marigold_nyu_affine_depth, scores: {AbsRel: 0.055}}

A cell may say any of these fields itself. The papers that are reproduced here have ``study: NAME`` and ``protocols`` by
set instead of ``cells``: their numbers come from ``experiments/NAME/published.csv``.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depthbench.config.compose import config_dir, config_folders, option_file
from depthbench.config.mistakes import nearest
from depthbench.config.published import every_member
from depthbench.config.reading import read_yaml
from depthbench.config.set_names import same_set
from depthbench.errors import UserError
from depthbench.output_kinds import OutputKind
from depthbench.report.analyze.published_tables import PROTOCOL, Number, read_published, shipped_numbers
from depthbench.stats.directions import higher_is_better

HEAD = {"paper", "table", "source", "kind", "tolerance", "decimals", "known_as"}
TABLE, STUDY = HEAD | {"cells"}, HEAD - {"table", "known_as"} | {"study", "protocols"}
CELL = HEAD - {"known_as"} | {"model", "set", "protocol", "scores"}


@dataclass(frozen=True)
class PublishedCell:
    """One number of one publication.

    Attributes:
        file: the name of the YAML that it is from.
        paper: authors, year, title or name, and where to find it.
        table: of the paper.
        model: as the table calls it.
        names: by which results may call the model, its own among them.
        data: the test set, see :mod:`depthbench.config.set_names`.
        protocol: name of the protocol here that has the paper's rules.
        metric: name of the score.
        value: as published.
        tolerance: share of the published error that ours may differ by.
        decimals: that were printed.
        source: where the number was read.
        kind: of the model's output; None where that is not fixed.
        select: choices of the run of a study that has this number; empty where a result is found by its name.
        study: the paper's folder of studies, or nothing.

    Example:
        >>> from depthbench.reproduction.cells import read_cells
        >>> cell = next(cell for cell in read_cells(["marigold"]) if cell.data == "NYUv2")
        >>> cell.metric, cell.value, round(cell.allowed, 5), cell.protocol
        ('AbsRel', 0.055, 0.00325, 'marigold_nyu_affine_depth')
    """

    file: str
    paper: str
    table: str
    model: str
    names: tuple[str, ...]
    data: str
    protocol: str
    metric: str
    value: float
    tolerance: float
    decimals: int
    source: str
    kind: OutputKind | None
    select: Mapping[str, Any]
    study: str = ""

    @property
    def share(self) -> bool:
        """Whether the score is a share of pixels or edges, of which more is better."""
        return higher_is_better(self.metric)

    @property
    def allowed(self) -> float:
        """Allowed distance of ours from the number: the tolerance's share of the published error, and its rounding.

        The error of a share is its distance to 1, so that 5 % of delta1 = 0.987 is not 0.05.
        """
        error = 1 - self.value if self.share else self.value
        return self.tolerance * error + 0.5 * 10.0**-self.decimals


def cell_files() -> dict[str, Path]:
    """The YAMLs of cells by name, plugins' included."""
    folders = [folder / "cells" for folder in config_folders()]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def read_cells(names: Sequence[str] = ()) -> list[PublishedCell]:
    """The cells of some YAMLs, by default of all.

    Raises:
        UserError: if there is none of a name, or one is not as it must be.
    """
    files = cell_files()
    for name in names:
        if name not in files:
            raise UserError(f"cells={name} does not exist; {nearest(name, files)}")
    return [cell for name in names or files for cell in read_cell_file(files[name])]


def read_cell_file(path: Path) -> list[PublishedCell]:
    """The cells of one YAML, checked.

    Raises:
        UserError: naming the file, the field and the form to write.
    """
    content = read_yaml(path)
    try:
        if not isinstance(content, dict):
            raise UserError("it holds no fields; begin it with paper:")
        _check_keys(content, STUDY if "study" in content else TABLE)
        cells = list(_of_study(path, content) if "study" in content else _of_table(path, content))
        for cell in cells:
            _check(cell)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return cells


def _check_keys(fields: Mapping[str, Any], known: set[str], needed: set[str] | None = None) -> None:
    for key in fields:
        if key not in known:
            raise UserError(f"there is no field {key}; {nearest(str(key), known)}")
    lacking = sorted((known if needed is None else needed) - fields.keys())
    if lacking:
        raise UserError(f"{', '.join(lacking)} must be given.")


def _of_table(path: Path, content: Mapping[str, Any]) -> Iterator[PublishedCell]:
    head = {key: content[key] for key in HEAD - {"known_as"}}
    also = content["known_as"]
    if not isinstance(content["cells"], list) or not isinstance(also, dict):
        raise UserError("cells must be a list, and known_as names by model.")
    for place, row in enumerate(content["cells"], 1):
        if not isinstance(row, dict) or not isinstance(row.get("scores"), dict):
            raise UserError(f"cell {place} must hold model, set, protocol and scores by name.")
        fields = {**head, **row}
        _check_keys(fields, CELL)
        for metric, value in row["scores"].items():
            names = (fields["model"], *also.get(fields["model"], ()))
            yield _cell(path, fields, metric, value, names=names, data=fields["set"], protocol=fields["protocol"])


def _of_study(path: Path, content: Mapping[str, Any]) -> Iterator[PublishedCell]:
    """Numbers of quality of the rows that a study here makes; times depend on a machine."""
    numbers = shipped_numbers(str(content["study"]))
    if not numbers.is_file():
        raise UserError(f"study {content['study']} has no published.csv.")
    for number in read_published(numbers):
        if number.select and not number.metric.startswith("seconds"):
            yield _of_number(path, content, number)


def _of_number(path: Path, content: Mapping[str, Any], number: Number) -> PublishedCell:
    select = dict(number.select)
    chosen = str(select.get("data", ""))
    data = next((name for name in content["protocols"] if chosen and same_set(name, chosen)), None)
    data = data or next(iter(content["protocols"]))
    protocol = str(select.pop(PROTOCOL, content["protocols"][data]))
    fields = {**content, "table": number.exhibit, "model": number.row}
    names, study = (number.row,), str(content["study"])
    more: dict[str, Any] = {"names": names, "data": data, "protocol": protocol, "select": select, "study": study}
    return _cell(path, fields, number.metric, number.value, **more)


def _cell(path: Path, fields: Mapping[str, Any], metric: Any, value: Any, **more: Any) -> PublishedCell:
    kind = fields["kind"]
    if kind is not None and kind not in set(OutputKind):
        raise UserError(f"kind is '{kind}'; {nearest(str(kind), OutputKind)}")
    texts = {key: str(fields[key]) for key in ("paper", "table", "model", "source")}
    numbers = {"value": value, "tolerance": fields["tolerance"], "decimals": fields["decimals"]}
    for key, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number) or number < 0:
            raise UserError(f"{key} of {texts['model']}, {metric} is {number!r}; give a number from 0 on.")
    known: dict[str, Any] = {**texts, **numbers, "select": {}, **more}
    return PublishedCell(path.stem, metric=str(metric), kind=None if kind is None else OutputKind(kind), **known)


def _check(cell: PublishedCell) -> None:
    if shipped_fields(cell.protocol) is None:
        raise UserError(f"protocol {cell.protocol} of {cell.model} does not exist.")
    if cell.share and cell.value > 1:
        raise UserError(f"{cell.metric} of {cell.model} is {cell.value}, but a share lies between 0 and 1.")


def shipped_fields(protocol: str) -> Mapping[str, Any] | None:
    """The fields of a protocol as its file has them; None where there is none of this name."""
    found = every_member(config_dir()).get(protocol)
    if found is not None:
        return found
    file = option_file("protocol", protocol)
    fields: Mapping[str, Any] | None = None if file is None else read_yaml(file)
    return fields

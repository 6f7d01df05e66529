"""Results that exist, in one form: of run folders, and of the JSON that ``evaluate`` writes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from depthbench.config.set_names import set_label, set_of_option, set_of_record
from depthbench.errors import UserError, reason_of
from depthbench.input_files import parse_json, read_bytes
from depthbench.input_files.limits import MAX_JSON
from depthbench.output_kinds import OutputKind, output_kind
from depthbench.report.analyze.data_sets import edition_of
from depthbench.report.analyze.published_tables import paper_of
from depthbench.report.read.runs import Run, read_runs
from depthbench.results.reading import read_content
from depthbench.runs.lookup import find_runs
from depthbench.runs.results import scores_of


@dataclass(frozen=True)
class FoundResult:
    """Scores of one model on one data set.

    Attributes:
        name: of the model, as the result or the user says.
        place: the file or run folder, for sentences.
        kind: of its output.
        data: the test set; None where the result does not say it.
        protocols: fields of each protocol that was scored, as they were written down.
        scores: by protocol and metric.
        run: the run, where the result is one of this bench's.
    """

    name: str
    place: str
    kind: OutputKind
    data: str | None
    protocols: Mapping[str, Mapping[str, Any]]
    scores: Mapping[str, Mapping[str, float]]
    run: Run | None = None

    @property
    def recipe(self) -> tuple[str, ...]:
        """The key of results that are averaged: a run's overrides except its seed; otherwise the place."""
        if self.run is None:
            return self.place, self.name
        overrides = self.run.info.get("overrides")
        return tuple(sorted(str(one) for one in overrides or () if not str(one).lstrip("+").startswith("seed=")))

    @property
    def study(self) -> str:
        """The paper of whose study it is, or nothing."""
        return "" if self.run is None else paper_of(self.run)


def read_found(texts: Iterable[str], model: str | None = None) -> list[FoundResult]:
    """All results that a user names: JSON files, run folders, folders of either.

    Args:
        texts: paths, or names for :func:`~depthbench.runs.lookup.find_runs`.
        model: the name under which all of them count.

    Raises:
        UserError: if there is none, or one can't be read.
    """
    found = [result for text in texts for result in _of_place(text)]
    return found if model is None else [replace(result, name=model) for result in found]


def _of_place(text: str) -> list[FoundResult]:
    path = Path(text).expanduser()
    if path.is_file():
        return read_results_file(path)
    if path.is_dir():
        files = [file for file in sorted(path.glob("*.json")) if not (path / "config.yaml").exists()]
        if files:
            return [result for file in files for result in read_results_file(file)]
    return [_of_run(run) for run in read_runs(find_runs(text))]


def read_results_file(path: Path) -> list[FoundResult]:
    """The inputs of one file that ``evaluate`` wrote.

    Raises:
        UserError: if it is not such a file.
    """
    try:
        content = parse_json(read_bytes(path, MAX_JSON))
    except ValueError as error:
        raise UserError(f"{path} is not readable JSON ({reason_of(error, path)}); write it again.") from None
    if isinstance(content, Mapping) and "schema" in content:
        content = read_content(path)  # which also tells whether it was changed since
    scores = content.get("scores") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or not isinstance(scores, Mapping):
        raise UserError(f"{path} holds no scores; give the JSON of `depthbench evaluate ... output=scores.json`.")
    inputs = scores if "kinds" in content else {path.parent.name: scores}  # a run's own file has one kind
    found = []
    for name, rows in inputs.items():
        said = content["kinds"].get(name) if isinstance(content.get("kinds"), Mapping) else content.get("kind")
        kind = OutputKind.METRIC_DEPTH if said is None else output_kind(str(said))
        read = scores_of({**content, "scores": rows})
        found.append(FoundResult(str(name), str(path), kind, _data_of(content), _protocols_of(content), read))
    return found


def _data_of(content: Mapping[str, Any]) -> str | None:
    data = content.get("data")
    record = data if isinstance(data, Mapping) else {"name": data}
    name = record.get("name")
    return set_of_record(str(name), str(record.get("reader"))) if name else None


def _protocols_of(content: Any) -> dict[str, Mapping[str, Any]]:
    found = content.get("protocols") if isinstance(content, Mapping) else None
    rows = found.items() if isinstance(found, Mapping) else ()
    return {str(name): fields for name, fields in rows if isinstance(fields, Mapping)}


def _of_run(run: Run) -> FoundResult:
    file = run.path / "scores.json"
    protocols = _protocols_of(parse_json(read_bytes(file, MAX_JSON))) if run.scores else {}
    option, chosen = run.choices.get("data"), run.value("data.set")
    data = set_of_option(str(option), chosen) if option else None
    if data is not None and not chosen:
        data = set_label(data, edition_of(run))
    return FoundResult(run.name, str(run.path), run.kind, data, protocols, run.scores, run)

"""Sources of a page of results: the folder of a leaderboard, or files that ``evaluate`` wrote."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from depthbench.errors import UserError
from depthbench.report.read.run_files import Array
from depthbench.results.board import BoardCell, board_results, read_board
from depthbench.results.reading import read_content, results_of
from depthbench.results.records import Result
from depthbench.runs.panels import read_arrays

_MAPS = ("image", "truth", "before", "after", "x", "y", "scale", "shift")


@dataclass(frozen=True)
class AlignedPanels:
    """A few frames of one model on one data set, before and after the alignment.

    Attributes:
        model: its label.
        data: likewise.
        told: ``protocol``, ``alignment``, its ``space``, and the ``quantity`` that the model predicts.
        names: of the frames.
        arrays: ``image (N, h, w, 3)`` uint8, ``truth``, ``before`` and ``after (N, h, w)``, ``x`` and ``y (N, points)``
            in the alignment's space, ``scale`` and ``shift (N,)`` of the line.
    """

    model: str
    data: str
    told: Mapping[str, str]
    names: tuple[str, ...]
    arrays: Mapping[str, Array]


@dataclass(frozen=True)
class ShownBoard:
    """Cells in the order of the leaderboard, the results of finished cells by place, and panels."""

    cells: tuple[BoardCell, ...]
    results: Mapping[int, Result]
    panels: tuple[AlignedPanels, ...] = ()


def read_shown(places: Sequence[str], panels: bool = True) -> ShownBoard:
    """The cells of all places, in their order.

    Args:
        places: files of results, or folders of leaderboards.
        panels: whether pictures are read, too.

    Raises:
        UserError: if one can't be read, or nothing is in them.
    """
    cells: list[BoardCell] = []
    results: dict[int, Result] = {}
    kept: list[AlignedPanels] = []
    for text in places:
        path = Path(text).expanduser()
        found = _of_file(path) if path.suffix == ".json" else _under_set_names(_of_folder(path))
        for cell, result in found:
            if result is not None:
                results[len(cells)] = result
            cells.append(cell)
        done = [cell for cell, result in found if result and cell.file]
        files = dict.fromkeys((cell.model, cell.data, path / cell.file) for cell in done)
        kept += [one for key in (files if panels else ()) if (one := _panels(*key)) is not None]
    if not cells:
        raise UserError(f"No score is in {', '.join(places)} yet; start the evaluate command again.")
    keys = [(cell.model, cell.data, cell.protocol) for cell in cells]
    if repeated := next((one for one in keys if keys.count(one) > 1), None):
        raise UserError(f"{', '.join(repeated)} is there twice; leave one of the places out.")
    return ShownBoard(tuple(cells), results, tuple(kept))


def _of_folder(path: Path) -> list[tuple[BoardCell, Result | None]]:
    board = read_board(path)
    results = board_results(path, board)
    order = {name: place for place, name in enumerate([*board.models])}
    sets = {name: place for place, name in enumerate(board.data)}
    listed = sorted(board.shown.items(), key=lambda item: (order.get(item[1].model, 0), sets.get(item[1].data, 0)))
    return [(cell, results.get(key)) for key, cell in listed]


def _under_set_names(found: list[tuple[BoardCell, Result | None]]) -> list[tuple[BoardCell, Result | None]]:
    """Cells of options of ``data=`` under the names of their sets, by which files of results call them.

    Options of one set, such as two cuts of NYUv2, keep their own names, and so does an option without a result.
    """
    sets: dict[str, set[str]] = {cell.data: set() for cell, _ in found}
    for cell, result in found:
        sets[cell.data] |= {result.data.name} if result is not None else set()
    names = {option: known.pop() if len(known) == 1 else option for option, known in sets.items()}
    once = Counter(names.values())
    kept = {option: name if once[name] == 1 else option for option, name in names.items()}
    return [(replace(cell, data=kept[cell.data]), result) for cell, result in found]


def _of_file(path: Path) -> list[tuple[BoardCell, Result | None]]:
    content = read_content(path)
    found: list[tuple[BoardCell, Result | None]] = [
        (BoardCell(one.model.name, one.data.name, one.rules.name, "done"), one) for one in results_of(content, path)
    ]
    name = content["data"]["name"]
    refused = content["refused"].items()
    for model in content["models"]:
        found += [(BoardCell(model, name, rules, "empty", reason=reason), None) for rules, reason in refused]
    return found


def _panels(model: str, data: str, file: Path) -> AlignedPanels | None:
    """The pictures beside a result; None where there are none."""
    path = file.with_suffix(".npz")
    found: dict[str, Any] | None = read_arrays(path, "panels")
    if found is None or "image" not in found:
        return None
    told = ("protocol", "alignment", "space", "quantity")
    if lacking := [name for name in (*_MAPS, *told, "name") if name not in found]:
        raise UserError(f"{path} lacks {', '.join(lacking)}; delete it to leave its pictures out.")
    counts = {len(found[name]) for name in (*_MAPS, "name")}
    shapes = {found[name].shape[:3] for name in ("image", "truth", "before", "after")}
    if len(counts) > 1 or len(shapes) > 1 or found["image"].ndim != 4 or found["x"].shape != found["y"].shape:
        raise UserError(f"{path} holds maps of several sizes; delete it to leave its pictures out.")
    arrays = {name: found[name] if name == "image" else np.asarray(found[name], np.float64) for name in _MAPS}
    names = tuple(map(str, found["name"]))
    return AlignedPanels(model, data, {key: str(found[key]) for key in told}, names, arrays)

"""A leaderboard is a folder: the requested models, data and protocols, and the outcome of every cell.

``leaderboard.json`` names the file of each cell; the files (:mod:`depthbench.results.reading`) lie in ``results/``. A
cell is one model on one data set under one protocol. Its key changes with whatever may change its numbers, so that a
cell that is there needn't be filled again.
"""

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from depthbench.errors import UserError
from depthbench.files import read_json, told_unwritable, write_atomically
from depthbench.results.reading import read_results
from depthbench.results.records import Result

BOARD = "leaderboard.json"
FORMAT = 1
State = Literal["done", "empty", "failed"]


@dataclass(frozen=True)
class BoardCell:
    """Outcome of a cell.

    Attributes:
        model: its label in tables.
        data: likewise.
        protocol: name of it.
        state: ``done``; ``empty``: the protocol can't score this; ``failed``.
        file: of the result, relative to the folder; empty where there is none.
        reason: why it is empty or failed, in a sentence.
    """

    model: str
    data: str
    protocol: str
    state: State
    file: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Board:
    """A leaderboard.

    Attributes:
        models: labels that were asked for last, in order.
        data: likewise.
        asked: keys of the cells that were asked for last.
        cells: every cell that was ever filled, by key.
    """

    models: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    cells: Mapping[str, BoardCell] = field(default_factory=dict)

    @property
    def shown(self) -> dict[str, BoardCell]:
        """The cells that were asked for last and are filled, by key."""
        return {key: self.cells[key] for key in self.asked if key in self.cells}


def is_board_place(text: str) -> bool:
    """Whether a place is a file of results or the folder of a leaderboard, and not one of runs."""
    path = Path(text).expanduser()
    return path.suffix == ".json" or (path / BOARD).is_file()


def read_board(folder: Path) -> Board:
    """The leaderboard of a folder; an empty one where there is none.

    Raises:
        UserError: if its file is damaged or of a later version.
    """
    path = folder / BOARD
    content = read_json(path)
    if not content:
        return Board()
    if isinstance(content.get("format"), int) and content["format"] > FORMAT:
        raise UserError(f"{path} is of format {content['format']}, which a later version writes; update depthbench.")
    try:
        cells = {str(key): _cell(one) for key, one in content["cells"].items()}
        models, data, asked = (tuple(map(_text, content[name])) for name in ("models", "data", "asked"))
        return Board(models, data, asked, cells)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            f"{path} is damaged ({error}); delete it, and the same evaluate command fills it again."
        ) from None


def _cell(content: Mapping[str, Any]) -> BoardCell:
    found = BoardCell(**{str(key): _text(value) for key, value in content.items()})  # type: ignore[arg-type]
    if found.state not in get_args(State):
        raise ValueError(f"a cell is {found.state!r}")
    if Path(found.file).is_absolute() or ".." in Path(found.file).parts:
        raise ValueError(f"a cell's file is {found.file!r}, outside of the folder")
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.60} is not text")
    return value


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Hold the leaderboard for this process, among several that fill it."""
    with told_unwritable(folder / BOARD), (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def ask(folder: Path, models: Iterable[str], data: Iterable[str], keys: Iterable[str]) -> Board:
    """Record the current request."""
    with changing(folder):
        return _write(folder, Board(tuple(models), tuple(data), tuple(keys), read_board(folder).cells))


def add_cells(folder: Path, cells: Mapping[str, BoardCell]) -> Board:
    """Record the outcomes of cells, by key; others stay."""
    with changing(folder):
        board = read_board(folder)
        return _write(folder, Board(board.models, board.data, board.asked, {**board.cells, **cells}))


def _write(folder: Path, board: Board) -> Board:
    content = {"format": FORMAT, **asdict(board), "cells": {key: asdict(one) for key, one in board.cells.items()}}
    write_atomically(folder / BOARD, json.dumps(content, indent=1) + "\n")
    return board


def board_results(folder: Path, board: Board) -> dict[str, Result]:
    """The results of the cells that are shown and done, by key, under the labels of the leaderboard.

    Raises:
        UserError: if a file can't be read, or lacks the result.
    """
    found: dict[str, Result] = {}
    files: dict[str, dict[str, Result]] = {}
    for key, cell in board.shown.items():
        if cell.state != "done":
            continue
        if cell.file not in files:
            files[cell.file] = {one.rules.name: one for one in read_results(folder / cell.file)}
        if cell.protocol not in files[cell.file]:
            raise UserError(f"{folder / cell.file} has no scores under {cell.protocol}; delete it, and evaluate again.")
        found[key] = files[cell.file][cell.protocol]
    return found

"""Fill a leaderboard: finished cells are skipped, failures are recorded while the rest goes on."""

import fcntl
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from depthbench.errors import UserError
from depthbench.leaderboard.asked import AskedBoard
from depthbench.leaderboard.cell import outcome_of, write_order
from depthbench.leaderboard.slurm_work import SlurmWork, submitted
from depthbench.leaderboard.work import Work
from depthbench.results.board import Board, BoardCell, add_cells, ask, read_board
from depthbench.results.reading import read_results

RESULTS, LOGS, ORDERS = "results", "logs", "orders"


@dataclass(frozen=True)
class _Group:
    """One model on one data set, and its cells that are left, by protocol."""

    model: str
    data: str
    words: tuple[str, ...]
    keys: dict[str, str]

    @property
    def name(self) -> str:
        """The name of its files: equal cells have equal names, so a result is found that nobody wrote down yet."""
        digits = sha256(json.dumps(sorted(self.keys.values())).encode()).hexdigest()[:8]
        return f"{_plain(self.model)}__{_plain(self.data)}-{digits}"

    def cells(self, state: str, file: str = "", reason: str = "") -> dict[str, BoardCell]:
        """All of its cells in one state."""
        return {
            key: BoardCell(self.model, self.data, protocol, state, file, reason)  # type: ignore[arg-type]
            for protocol, key in self.keys.items()
        }


def fill_board(asked: AskedBoard) -> Board:
    """Fill every cell that is asked for and not there; the leaderboard as it is then.

    Several processes, on one machine or many, may fill the same folder: each takes groups that no other is working at.
    """
    # Here and not above: torch takes seconds to import, and a mistake should be reported at once.
    from depthbench.inference.foreign import open_model
    from depthbench.leaderboard.keys import Keys

    for name in (RESULTS, LOGS, ORDERS):
        (asked.folder / name).mkdir(parents=True, exist_ok=True)
    keyed = Keys(open_model).of(asked.groups)
    board = ask(asked.folder, asked.models, asked.data, [key for one in keyed for key in one.keys.values()])
    groups = []
    for one in keyed:
        left = {name: key for name, key in one.keys.items() if _is_left(board, key, asked.folder)}
        group = _Group(one.asked.model, one.asked.data, one.asked.words, left)
        if left and one.failed:
            add_cells(asked.folder, group.cells("failed", reason=one.failed))
            print(f"{group.model} on {group.data} failed: {one.failed}", flush=True)
        elif left:
            groups.append(group)
        else:
            print(f"{group.model} on {group.data}: done already.", flush=True)
    _work(asked, groups)
    return read_board(asked.folder)


def _is_left(board: Board, key: str, folder: Path) -> bool:
    """A cell that failed is tried again; one whose file is gone is filled again."""
    cell = board.cells.get(key)
    return cell is None or cell.state == "failed" or (cell.state == "done" and not (folder / cell.file).is_file())


def _work(asked: AskedBoard, groups: Sequence[_Group]) -> None:
    """Start processes for those groups that no other process is working at."""
    mine: list[_Group] = []
    with _held(asked.folder, groups) as held:
        for group in held:
            if (asked.folder / RESULTS / f"{group.name}.outcome.json").is_file() and _taken(asked.folder, group):
                print(f"{group.model} on {group.data}: done already.", flush=True)
            else:
                mine.append(group)
        orders = []
        for group in mine:
            order = asked.folder / ORDERS / f"{group.name}.json"
            result = asked.folder / RESULTS / f"{group.name}.json"
            result.with_suffix(".outcome.json").unlink(missing_ok=True)
            write_order(order, list(group.words), group.model, list(group.keys), result.absolute())
            orders.append((order, asked.folder / LOGS / f"{group.name}.txt"))
        work = _work_of(asked)

        def ended(place: int, code: int) -> None:
            group = mine[place]
            told = _ended(asked.folder, group, partial(work.ending, code))
            print(f"[{place + 1}/{len(mine)}] {group.model} on {group.data}: {told}", flush=True)

        if orders:
            work.run(orders, ended)


def _work_of(asked: AskedBoard) -> Work | SlurmWork:
    if asked.launched.slurm is not None:
        return SlurmWork(submitted(asked.launched.slurm, asked.folder / LOGS))
    on_gpu = bool(asked.groups) and asked.groups[0].request.options["device"] != "cpu"
    return Work(asked.folder, asked.launched.jobs, on_gpu)


@contextmanager
def _held(folder: Path, groups: Sequence[_Group]) -> Iterator[list[_Group]]:
    """The groups that no other process is working at, held for this one; the system lets go however it ends."""
    files = []
    found = []
    try:
        for group in groups:
            file = (folder / ORDERS / f"{group.name}.lock").open("w")
            files.append(file)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                found.append(group)
            except BlockingIOError:
                print(f"{group.model} on {group.data}: another process is filling it.", flush=True)
        yield found
    finally:
        for file in files:
            file.close()


def _ended(folder: Path, group: _Group, ending: Callable[[Path], str]) -> str:
    """Record the outcome of a group and return it in words; ``ending`` reads the reason for a missing one in a log."""
    if _taken(folder, group):
        board = read_board(folder)
        states = [board.cells[key].state for key in group.keys.values()]
        empty = states.count("empty")
        return f"{states.count('done')} protocols{f', {empty} of no use for it' if empty else ''}"
    try:
        reason = str(outcome_of(folder / RESULTS / f"{group.name}.json").get("failed") or "")
    except UserError as error:
        reason = str(error)
    reason = reason or ending(folder / LOGS / f"{group.name}.txt")
    add_cells(folder, group.cells("failed", reason=reason))
    return f"failed: {reason}"


def _taken(folder: Path, group: _Group) -> bool:
    """Take over the result that a process left; whether there was one."""
    file = f"{RESULTS}/{group.name}.json"
    try:
        outcome = outcome_of(folder / file)
        if "refused" not in outcome:
            return False
        there = {one.rules.name for one in read_results(folder / file)} if (folder / file).is_file() else set()
    except UserError:
        return False
    refused: dict[str, str] = outcome["refused"]
    cells = {}
    for protocol, key in group.keys.items():
        if protocol in there:
            cells[key] = BoardCell(group.model, group.data, protocol, "done", file)
        elif protocol in refused:
            cells[key] = BoardCell(group.model, group.data, protocol, "empty", reason=str(refused[protocol]))
        else:
            return False
    add_cells(folder, cells)
    return True


def _plain(text: str) -> str:
    """Letters, digits, points and dashes: a part of a file's name."""
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII).strip("-.")[-60:] or "model"

"""The torture sees what it is there to see."""

import contextlib
import errno
import fcntl
import os
import random
import signal
from pathlib import Path

import pytest

from depthbench.files import write_atomically
from tests.torture import branches, kills, victims
from tests.torture.events import Events
from tests.torture.kills import Case, Kill


def left_by_a_kill(folder, number, write):
    """The content of a file whose writer is killed at its n-th event; None where the writer came to its end."""
    path = folder / "scores.json"
    path.write_text("former")

    def work():
        def end():
            os.kill(os.getpid(), signal.SIGKILL)

        Events(folder, lambda role, count, name, where: end if count == number else None)
        write(path, "new" * 50_000)

    pid = victims.fork(work)
    killed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    return path.read_text() if killed else None


@pytest.mark.parametrize(
    ("write", "sound"), [(write_atomically, True), (lambda path, text: path.write_text(text), False)]
)
def test_a_file_that_is_written_in_place_is_caught_at_one_of_its_events(tmp_path, write, sound):
    found = []
    for number in range(1, 30):
        text = left_by_a_kill(tmp_path, number, write)
        if text is None:
            break
        found.append(text in ("former", "new" * 50_000))
    assert 2 <= len(found) < 29
    assert all(found) == sound


@pytest.mark.skipif(not branches.mounts(), reason="needs the right to mount")
def test_a_command_branches_at_its_events(tmp_path):
    """Each branch has its own copy, with the files and locks that were open, and the command goes on as if alone."""
    place = tmp_path / "place"
    place.mkdir()

    def work():
        os.chdir(place)
        with Path("lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for name in ("a", "b"):
                with Path(name).open("w") as file:
                    file.write(name * 10)
                    file.flush()
                    file.write("end")
            Path(f"number {random.random()}").touch()

    def full(role, number, name, path):
        with Path("lock").open() as other, contextlib.suppress(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
            os._exit(9)  # nobody holds it
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def start(hook):
        def both():
            random.seed(1)
            hook()
            work()

        return victims.fork(both, tmp_path / "log")

    branch = [branches.Branch(index, event, full) for index, event in enumerate((2, 3, 4, 6))]
    found = {}
    for outcome in branches.grow(start, place, place, branch, tmp_path / "copy", 30):
        assert outcome.code == 1
        found[outcome.index] = {path.name: path.read_text() for path in sorted(outcome.place.glob("?"))}
    assert found == {0: {}, 1: {"a": ""}, 2: {"a": "a" * 10}, 3: {"a": "a" * 10 + "end", "b": ""}}
    random.seed(1)
    assert {path.name for path in place.iterdir()} == {"lock", "a", "b", f"number {random.random()}"}
    assert (place / "b").read_text() == "b" * 10 + "end"


@pytest.mark.slow
def test_a_checkpoint_that_is_written_in_place_is_caught(tmp_path, monkeypatch):
    import torch

    from depthbench.training.checkpoint_file import CheckpointFile
    from tests.torture.bench import Bench

    bench = Bench(tmp_path / "bench")
    names = [(number, name) for _, number, name in bench.whole("plain").events]
    first = next(number for number, name in names if name == "link")  # the second checkpoint is complete beside it
    case = Case(0, "plain", (Kill("self", role="command", number=first), Kill("command", share=0.6)))
    assert kills.torture(bench, case)[0] == []

    def saved_in_place(self, checkpoint, path, storage_options=None):
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:  # a path is opened outside of Python, where no event is seen
            torch.save(checkpoint, file)

    monkeypatch.setattr(CheckpointFile, "save_checkpoint", saved_in_place)
    bench.whole.cache_clear()
    writes = [number for number, name in ((n, e) for _, n, e in bench.whole("plain").events) if name == "write"]
    half = Case(0, "plain", (Kill("self", role="command", number=writes[len(writes) // 2]),))
    assert any("damaged" in problem for problem in kills.torture(bench, half)[0])


def test_a_part_that_is_not_written_is_named(tmp_path, monkeypatch, capsys):
    from tests.torture import __main__ as torture
    from tests.torture import bench

    monkeypatch.setitem(torture.SHARES, "earthquakes", 1)
    monkeypatch.setattr(torture, "PARTS", [*torture.PARTS, "earthquakes"])
    monkeypatch.setattr(bench, "Bench", lambda folder: folder)
    kept = ["--results", str(tmp_path / "results"), "--output", str(tmp_path / "page.md")]
    torture.main(["--only", "earthquakes", *kept])
    assert "earthquakes: 0 of 1, 0 failures. This part is not written." in capsys.readouterr().out
    assert "This part is not written." in (tmp_path / "page.md").read_text()

"""Files and folders come into being whole or not at all."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from depthbench import files
from depthbench.errors import UserError
from depthbench.files import clean, whole, write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / ("x" * 251 + ".txt")  # the longest name that a file may have
    write_atomically(path, "one\udcff")
    assert path.read_bytes() == b"one\xff"
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.EIO, "broken"), ValueError])
@pytest.mark.parametrize("folder", [False, True])
def test_nothing_is_left_of_what_failed(tmp_path, error, folder):
    def write():
        with whole(tmp_path / "out.npz") as part:
            if folder:
                part.mkdir()
                (part / "inside").write_text("half")
            else:
                part.write_text("half")
            raise error

    with pytest.raises((KeyboardInterrupt, OSError, ValueError)):
        write()
    assert names(tmp_path) == []


def test_a_full_disk_is_a_sentence_and_the_former_file_stays(tmp_path, monkeypatch):
    write_atomically(tmp_path / "scores.json", "former")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"scores\.json can't be written: the disk is full; make room"):
        write_atomically(tmp_path / "scores.json", "new")
    assert (tmp_path / "scores.json").read_text() == "former"
    assert names(tmp_path) == ["scores.json"]


def test_a_file_system_that_can_not_sync_folders_is_no_hindrance(tmp_path, monkeypatch):
    def unable(handle):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", unable)
    write_atomically(tmp_path / "a", "text")
    assert (tmp_path / "a").read_text() == "text"


def test_what_killed_processes_left_is_removed_when_it_is_old(tmp_path):
    old, young, other = tmp_path / f"{files.PART}1-a.txt", tmp_path / f"{files.PART}2-b", tmp_path / ".lock"
    old.write_text("")
    young.mkdir()
    other.write_text("")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    os.utime(other, (0, 0))
    clean(tmp_path)
    assert names(tmp_path) == sorted([young.name, other.name])
    clean(tmp_path, age=-1)
    assert names(tmp_path) == [".lock"]
    clean(tmp_path / "absent")


def test_what_a_process_of_this_machine_left_is_removed_when_the_process_is_gone(tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    with whole(tmp_path / "a.json") as mine:
        mine.write_text("being written")
        orphan = mine.with_name(mine.name.replace(f"-{os.getpid()}-", f"-{gone.pid}-"))
        orphan.write_text("half")
        foreign = tmp_path / f"{files.PART}elsewhere-{gone.pid}-0.json"
        foreign.write_text("being written on another machine")
        clean(tmp_path)
        assert names(tmp_path) == sorted([mine.name, foreign.name])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_the_reader_never_meets_half_of_a_file(tmp_path):
    """A writer is killed at random instants; the file holds one of the contents that were written in full."""
    path = tmp_path / "status.json"
    code = (
        "import sys, itertools; from pathlib import Path; from depthbench.files import write_atomically\n"
        "for n in itertools.count(): write_atomically(Path(sys.argv[1]), f'{n % 10}' * 200000, durable=False)\n"
    )
    for attempt in range(5):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)])
        while not path.exists():
            time.sleep(0.01)
        time.sleep(0.03 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        text = path.read_text()
        assert len(text) == 200000
        assert len(set(text)) == 1

"""Checkpoints on disk: never half of one, the one before is kept, one flipped bit is noticed."""

import errno
import os
import zipfile
from pathlib import Path

import pytest
import torch

from depthbench.errors import UserError
from depthbench.training import checkpoint_file
from depthbench.training.checkpoint_file import CheckpointFile, read, to_resume

WEIGHT = torch.arange(10_000, dtype=torch.float32)


def content(number):
    return {"state_dict": {"w": WEIGHT + number}, "loops": {}, "callbacks": {}, "number": number}


@pytest.fixture
def last(tmp_path):
    return tmp_path / "checkpoints" / "last.ckpt"


def saved(last, *numbers):
    file = CheckpointFile()
    for number in numbers:
        file.save_checkpoint(content(number), last)
    return file


def flip(path, share=0.5):
    """One bit in the stored bytes of the largest member: a weight."""
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda member: member.file_size)
    data = bytearray(path.read_bytes())
    start = data.find((WEIGHT.numpy() + read(path)["number"]).tobytes())
    data[start + int(largest.file_size * share)] ^= 1
    path.write_bytes(data)


def test_the_one_before_is_kept(last):
    saved(last, 1)
    assert [file.name for file in last.parent.iterdir()] == ["last.ckpt"]
    saved(last, 1, 2, 3)
    assert sorted(file.name for file in last.parent.iterdir()) == ["last.ckpt", "previous.ckpt"]
    assert read(last)["number"] == 3
    assert read(last.with_name("previous.ckpt"))["number"] == 2


@pytest.mark.parametrize("share", [0.0, 0.31, 0.999])
def test_one_flipped_bit_of_a_weight_is_noticed(last, share):
    saved(last, 1, 2)
    flip(last, share)
    assert torch.load(last, weights_only=True)["number"] == 2  # torch itself says nothing
    path, state, sentence = to_resume(last)
    assert (path.name, state["number"]) == ("previous.ckpt", 1)
    assert sentence.startswith(f"{last} is damaged")
    assert sentence.endswith("Continuing from previous.ckpt.")


@pytest.mark.parametrize("junk", [b"", b"junk" * 100, b"PK\x03\x04 cut short", None, {}, [1]])
def test_whatever_is_no_checkpoint_gets_a_sentence(last, junk):
    saved(last, 1)
    if junk is None:
        last.unlink()
        last.mkdir()
    elif isinstance(junk, bytes):
        last.write_bytes(junk)
    else:
        torch.save(junk, last)
    with pytest.raises(UserError, match=r"(damaged|not a checkpoint|not a file).*To train from the beginning"):
        to_resume(last)


def test_a_cut_file_gets_a_sentence(last):
    saved(last, 1)
    whole = last.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.999):
        last.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(UserError, match="damaged"):
            to_resume(last)


def test_at_the_beginning_there_is_none(last):
    assert to_resume(last) is None


@pytest.mark.parametrize("event", range(12))
def test_killed_anywhere_there_is_a_good_checkpoint(last, event, monkeypatch):
    """The last checkpoint or the one before can be read after every event, and the next save mends all."""
    file, events = saved(last, 1, 2), []

    class Killed(BaseException):
        pass

    def dying(name):
        call = getattr(os, name)

        def wrapped(*args, **kwargs):
            events.append(name)
            if len(events) == event + 1:
                raise Killed
            return call(*args, **kwargs)

        return wrapped

    for name in ("fsync", "link", "replace", "rename", "open", "unlink"):
        monkeypatch.setattr(os, name, dying(name))
    ended = False
    try:
        file.save_checkpoint(content(3), last)
        ended = True
    except Killed:
        pass
    monkeypatch.undo()
    assert ended == (event >= len(events))
    found = to_resume(last)
    assert found.path.name == "last.ckpt"
    assert found.state["number"] in ((3,) if ended else (2, 3))
    saved(last, 4)
    assert to_resume(last).state["number"] == 4


def test_a_full_disk_costs_nothing_and_gets_a_sentence(last, monkeypatch):
    file = saved(last, 1, 2)
    save = torch.save

    def full(content, handle):
        save(content, handle)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint_file.torch, "save", full)
    with pytest.raises(UserError, match=r"last\.ckpt can't be written: the disk is full; make room"):
        file.save_checkpoint(content(3), last)
    assert to_resume(last).state["number"] == 2
    assert sorted(path.name for path in last.parent.iterdir()) == ["last.ckpt", "previous.ckpt"]


def test_what_a_full_disk_says_is_told_through_torch():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full, which this system lacks")
    with pytest.raises(OSError, match="No space left on device"):
        checkpoint_file._write(content(1), full)


def test_the_temporary_folder_is_not_used(last, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    saved(last, 1)
    assert read(last)["number"] == 1


def test_a_damaged_last_one_never_replaces_a_good_one_before(last):
    saved(last, 1, 2)
    flip(last)
    file = CheckpointFile()
    file.sound = to_resume(last).path
    file.save_checkpoint(content(3), last)
    assert read(last)["number"] == 3
    assert read(last.with_name("previous.ckpt"))["number"] == 1

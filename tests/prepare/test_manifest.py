"""Lists, numbers and hashes of frames, from a command line."""

import hashlib
import json
import os

from depthbench.data import Rooms
from depthbench.prepare.__main__ import main


def test_amounts_of_rooms(tmp_path, capsys):
    assert main(["manifest", "data=rooms", "data.split=12k", f"output={tmp_path}"]) == 0
    record = json.loads((tmp_path / "manifest.json").read_text())
    lines = (tmp_path / "train.txt").read_bytes()
    assert record["train"] == {"data": "Rooms", "count": 12_000, "names_sha256": hashlib.sha256(lines).hexdigest()}
    assert lines.decode().splitlines() == Rooms(split=12_000).names
    assert record["test"]["count"] == len((tmp_path / "test.txt").read_text().splitlines())
    assert f"train: 12,000 frames of Rooms, {record['train']['names_sha256']}" in capsys.readouterr().out


def test_mistakes(capsys):
    assert main(["manifest", "data=rooms", "data.split=many"]) == 2
    assert "many (data.split, data.val_frames or data.test_frames) is not an amount" in capsys.readouterr().err
    assert main(["manifest", "data=attic"]) == 2
    assert "data=attic does not exist" in capsys.readouterr().err


def test_names_that_are_no_text(made, tmp_path):
    """A file system allows such names: the list holds the bytes of the name, and its hash is the file's."""
    made.pair(tmp_path / "own" / "train", "café", 1)
    made.pair(tmp_path / "own" / "train", os.fsdecode(b"caf\xe9"), 2)
    made.pair(tmp_path / "own" / "test", "0", 3)
    assert main(["manifest", "data=folder", "data.scale=0.001", f"data.root={tmp_path}/own", f"output={tmp_path}"]) == 0
    lines = (tmp_path / "train.txt").read_bytes()
    assert sorted(lines.split(b"\n")) == sorted(["café".encode(), b"caf\xe9"])
    record = json.loads((tmp_path / "manifest.json").read_text())
    assert record["train"]["names_sha256"] == hashlib.sha256(lines).hexdigest()

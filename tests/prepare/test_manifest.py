"""Lists, numbers and hashes of frames, from a command line."""

import hashlib
import json

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

"""Damaged training files: left out and counted when the user allows it."""

import json
import sys

from depthbench.run import main
from tests.commands import TINY, make_frames, runs


def test_a_damaged_frame_is_skipped_and_counted(tmp_path, monkeypatch, capfd):
    make_frames(tmp_path / "frames")
    (tmp_path / "frames" / "train" / "rgb_00003.png").write_bytes(b"broken")
    monkeypatch.chdir(tmp_path)
    told = [*TINY, f"data.root={tmp_path / 'frames'}", "data.on_error=skip", "trainer.max_epochs=1"]
    monkeypatch.setattr(sys, "argv", ["depthbench", *told])
    main()
    assert "1 damaged training frames were skipped" in "".join(capfd.readouterr())
    (folder,) = runs(tmp_path).values()
    record = json.loads((folder / "data.json").read_text())
    assert record["damaged"] == [3]
    assert record["train"]["count"] == 12
    assert len(record["test"]["names_sha256"]) == 64

"""Damaged training files: left out and counted when the user allows it."""

import json

from tests.commands import TINY, make_frames, run, runs


def test_a_damaged_frame_is_skipped_and_counted(tmp_path):
    make_frames(tmp_path / "frames")
    (tmp_path / "frames" / "train" / "rgb_00003.png").write_bytes(b"broken")
    output = run(tmp_path, *TINY, f"data.root={tmp_path / 'frames'}", "data.on_error=skip", "trainer.max_epochs=1")
    assert "1 damaged training frames were skipped" in output
    (folder,) = runs(tmp_path).values()
    record = json.loads((folder / "data.json").read_text())
    assert record["damaged"] == [3]
    assert record["train"]["count"] == 12
    assert len(record["test"]["names_sha256"]) == 64

"""Data that were moved are the same data; other data in their place are not."""

import shutil

import cv2
import pytest

from depthbench.run import main
from depthbench.runs.checksums import changed
from depthbench.runs.folder import RunFolder
from tests.commands import TINY, make_frames, runs


@pytest.mark.parametrize("more", [[], ["callbacks.average=0.9"]], ids=["plain", "short forms"])
def test_moved_data_are_the_same_and_other_data_are_refused(tmp_path, monkeypatch, capfd, more):
    first, second, other = tmp_path / "first", tmp_path / "second", tmp_path / "other"
    make_frames(first)
    make_frames(other)
    for file in other.rglob("depth_*.png"):  # the same names and numbers, another scene
        cv2.imwrite(str(file), cv2.imread(str(file), cv2.IMREAD_UNCHANGED) // 2)
    monkeypatch.chdir(tmp_path)

    def start(*overrides):
        told = [*TINY, "trainer.max_epochs=1", *more]
        monkeypatch.setattr("sys.argv", ["depthbench", *told, *overrides])
        main()
        return "".join(capfd.readouterr())

    assert "full: AbsRel" in start(f"data.root={first}")
    assert "Done already. Delete" in start(f"data.root={first}", "data.workers=0")
    shutil.move(first, second)
    assert "Done already. Delete" in start(f"data.root={second}", "data.test_batch_size=3")
    (folder,) = runs(tmp_path).values()
    assert RunFolder(folder).config.data.root == str(second)  # its checksum still fits
    assert changed(folder) == []
    assert str(second) in (folder / "config.yaml").read_text(), "evaluate finds the data where they lie now"
    with pytest.raises(SystemExit) as stopped:
        start(f"data.root={other}")
    assert stopped.value.code == 2
    said = capfd.readouterr().err
    assert "look different" in said
    assert "+data.name=NAME" in said
    assert str(second) in (folder / "config.yaml").read_text()
    assert "full: AbsRel" in start(f"data.root={other}", "+data.name=other")
    assert len(runs(tmp_path)) == 2


def test_a_sweep_over_places_alone_is_refused(tmp_path, monkeypatch, capfd):
    for name in ("a", "b"):
        make_frames(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["depthbench", "-m", *TINY, f"data.root={tmp_path / 'a'},{tmp_path / 'b'}"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "differ only in where their data lie" in capfd.readouterr().err

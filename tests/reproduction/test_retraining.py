"""Kept results: their file, and the comparison of what was kept with what was made again."""

import numpy as np
import pytest
import yaml

from depthbench.config.compose import config_dir
from depthbench.reproduction import kept as kept_module
from depthbench.reproduction.__main__ import main
from depthbench.reproduction.kept import kept_results, papers
from depthbench.reproduction.retraining import changes
from depthbench.reproduction.speed import seconds_per_pass
from depthbench.runs.archive import pack_runs
from tests.report.conftest import write_run


def runs(root, better=1.0, seeds=(0, 1, 2), losses=("l1", "eigen")):
    qualities = {"l1": 1.0, "eigen": 0.9 * better}
    return [write_run(root, loss=loss, seed=seed, quality=qualities[loss]) for loss in losses for seed in seeds]


@pytest.fixture
def file(tmp_path):
    pack_runs(runs(tmp_path / "before"), tmp_path / "kept.runs.zip")
    return tmp_path / "kept.runs.zip"


def test_the_same_scores_are_equal(file, tmp_path):
    runs(tmp_path / "again")
    found = changes(file, tmp_path / "again")
    assert [one.verdict for one in found] == ["equal", "equal"]
    assert all(one.low <= 0 <= one.high for one in found)


def test_a_row_that_is_better_is_named_and_the_other_is_not(file, tmp_path):
    runs(tmp_path / "again", better=0.7)
    verdicts = {one.row.partition(",")[0]: one.verdict for one in changes(file, tmp_path / "again")}
    assert verdicts == {"l1": "equal", "eigen": "better"}


def test_other_seeds_agree(file, tmp_path):
    runs(tmp_path / "again", seeds=(5, 6, 7))
    found = changes(file, tmp_path / "again")
    assert {one.verdict for one in found} == {"agrees"}
    assert all(one.low < one.new - one.kept < one.high for one in found)


def test_a_row_that_was_not_made_again_is_left_out(file, tmp_path):
    runs(tmp_path / "again", losses=("l1",))
    assert [one.row.partition(",")[0] for one in changes(file, tmp_path / "again")] == ["l1"]


KEPT = [paper for paper in papers() if (config_dir() / "experiment" / paper / "results.yaml").is_file()]


@pytest.mark.parametrize("paper", KEPT)
def test_every_kept_result_is_whole(paper):
    for result in kept_results(paper):
        assert result.runs.is_file()
        assert min(result.core_hours, result.step) > 0
        assert any(word.startswith(f"experiment={paper}/") for word in result.command)


def test_mistakes(capsys, monkeypatch, tmp_path):
    paper = tmp_path / "experiment" / "paper2000"
    paper.mkdir(parents=True)
    (paper / "claims.yaml").write_text("[]")
    monkeypatch.setattr(kept_module, "config_dir", lambda: tmp_path)
    assert main(["paper2000"]) == 2
    assert "No result of paper2000 is kept yet" in capsys.readouterr().err
    entry = {"shows": "x", "command": ["experiment=a"], "give": ["data.root"], "runs": "r", "core_hours": 1, "step": 1}
    entry |= {"baseline": "loss=l1"}
    (paper / "results.yaml").write_text(yaml.safe_dump({"one": entry}))
    assert main(["paper2000/one"]) == 2
    assert "machine is missing or unknown" in capsys.readouterr().err
    (paper / "results.yaml").write_text(yaml.safe_dump({"one": entry | {"machine": "a core"}}))
    assert main(["paper2000/two"]) == 2
    assert "paper2000 has no result two" in capsys.readouterr().err
    assert main(["paper2000/one"]) == 2
    assert "append data.root=... to the command" in capsys.readouterr().err


def test_a_pass_takes_time():
    words = ["model=small", "data=rooms", "data.size=[33,41]", "data.batch_size=2", "loss=l1,eigen", "seed=0,1"]
    assert 0 < seconds_per_pass(words) < np.inf

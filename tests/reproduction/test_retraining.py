"""Kept results: their file, and the comparison of what was kept with what was made again."""

import csv
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from depthbench.config.compose import config_dir
from depthbench.reproduction import kept as kept_module
from depthbench.reproduction.__main__ import main
from depthbench.reproduction.kept import kept_results, study_folders
from depthbench.reproduction.retraining import changes, print_changes, reproduce_result
from depthbench.reproduction.speed import StudyWork, seconds_per_pass, work_of
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
    assert {one.verdict for one in found} == {"can't be told apart"}
    assert all(one.low < one.change < one.high for one in found)
    assert all(one.change == pytest.approx(one.new - one.kept, abs=1e-4) for one in found)


def test_other_test_images_are_compared_on_the_common_ones(file, tmp_path):
    for loss, quality in (("l1", 1.0), ("eigen", 0.9)):
        for seed in (0, 1, 2):
            write_run(tmp_path / "again", loss=loss, seed=seed, quality=quality, images=40)
    for one in changes(file, tmp_path / "again"):
        loss = one.row.partition(",")[0]
        again, before = (mean_of_first(tmp_path / place, loss, 40) for place in ("again", "before"))
        assert one.change == pytest.approx(again - before, abs=1e-4)
        assert one.change != pytest.approx(one.new - one.kept, abs=1e-3)
        assert one.low <= one.change <= one.high


def mean_of_first(root, loss, count):
    """AbsRel over seeds and the first images."""
    tables = [list(csv.DictReader(path.open())) for path in root.glob(f"loss={loss},*/per_image.csv")]
    return np.mean([float(row["AbsRel"]) for table in tables for row in table[:count]])


def test_the_last_line_says_what_counts(file, tmp_path, capsys):
    runs(tmp_path / "again", better=0.7)
    print_changes(replace(kept_results("carvalho2018")[0], runs=file), tmp_path / "again")
    told = capsys.readouterr().out
    assert "1 of 2 rows differ from the kept ones (p below 0.05, adjusted for all rows" in told
    assert "beyond their intervals" not in told


def test_a_row_that_was_not_made_again_is_left_out(file, tmp_path):
    runs(tmp_path / "again", losses=("l1",))
    assert [one.row.partition(",")[0] for one in changes(file, tmp_path / "again")] == ["l1"]


def test_a_single_row_is_compared_with_the_kept_row_of_its_name(file, tmp_path, capsys):
    """A study of one row finds no key in which its runs differ; the kept study says which key names the rows."""
    write_run(tmp_path / "again", loss="eigen", seed=1, quality=0.9)
    (found,) = changes(file, tmp_path / "again")
    assert found.row.partition(",")[0] == "eigen"
    assert found.verdict == "equal"  # over seed 1, which both have; the kept seeds 0 and 2 have no part
    assert found.low <= found.new - found.kept <= found.high
    result = replace(kept_results("carvalho2018")[0], runs=file)
    print_changes(result, tmp_path / "again")
    assert "0 of 1 rows differ" in capsys.readouterr().out
    write_run(tmp_path / "other", loss="huber", seed=1)
    print_changes(result, tmp_path / "other")
    assert "nothing was compared" in capsys.readouterr().out


KEPT = [name for name in study_folders() if (config_dir() / "experiment" / name / "results.yaml").is_file()]


@pytest.mark.parametrize("name", KEPT)
def test_every_kept_result_is_whole(name):
    for result in kept_results(name):
        assert result.runs.is_file()
        assert min(result.core_hours, result.step) > 0
        assert any(word.startswith(f"experiment={name}") for word in result.command)


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


WORDS = ["experiment=carvalho2018/losses", "scale=machine", "data=rooms", "seed=0,1,2", "trainer.max_epochs=8"]
SIZED = ["data.epoch_size=795", "data.batch_size=16"]


def test_the_work_of_a_study_counts_its_jobs_and_passes():
    assert work_of([*WORDS, *SIZED])[:3] == (7 * 3, 8, 50)  # the study's own seven losses; 795 frames are 50 batches
    assert work_of([*WORDS, *SIZED, "loss=l1,gan"])[:3] == (2 * 3, 8, 50)
    assert work_of(["loss=l1", "seed=3", "trainer.max_epochs=2"])[:3] == (1, 2, None)


def test_work_is_in_proportion_to_jobs_epochs_and_passes():
    kept = StudyWork(70, 8, 50, 0.2)
    assert StudyWork(7, 8, 50, 0.1).against(kept) == pytest.approx(0.05)
    assert StudyWork(70, 4, 100, 0.2).against(kept) == pytest.approx(1)
    assert StudyWork(70, 8, None, 0.2).against(kept) == pytest.approx(1)  # unknown passes are taken as equal


def test_a_word_of_the_user_replaces_the_kept_one(monkeypatch, tmp_path, capsys):
    """Kept beside it, hydra would cross both lists of seeds: ten times two jobs instead of two."""
    started = []
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: started.append(command) or SimpleNamespace(returncode=3)
    )
    (result,) = [one for one in kept_results("carvalho2018") if one.name == "carvalho2018/losses_nyu795"]
    assert reproduce_result(result, ["data.root=x", "seed=0,1"], tmp_path) == 3
    (command,) = started
    assert [word for word in command if word.startswith("seed=")] == ["seed=0,1"]
    assert [word for word in command if word.startswith("data=")] == ["data=nyu_labeled"]
    assert "Its 70 jobs took 3.5 hours" in (told := capsys.readouterr().out)
    assert "so 14 jobs take about" in told


def test_a_pass_takes_time():
    words = ["model=small", "data=rooms", "data.size=[33,41]", "data.batch_size=2", "loss=l1,eigen", "seed=0,1"]
    assert 0 < seconds_per_pass(words) < np.inf

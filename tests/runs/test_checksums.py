"""A file of a finished run that changed afterwards is noticed by whoever reads it, and mended by the run's command."""

import copy
import json
import pickle
import shutil

import pytest

from depthbench.errors import UserError
from depthbench.report.read.runs import read_run
from depthbench.runs import checksums
from depthbench.runs.checksums import RowsChecksum
from depthbench.runs.folder import RunFolder
from depthbench.runs.results import read_scores, recorded_kind
from depthbench.runs.tables import read_per_image
from depthbench.training.loggers import MetricsTable
from tests.commands import make_frames
from tests.training.interrupted import assert_same, folder, train

SHORT = ["data.split=8", "trainer.max_epochs=1", "data.test_frames=2", "loss=l1"]


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return make_frames(tmp_path_factory.mktemp("frames"), train=8, test=2)


@pytest.fixture(scope="module")
def finished(frames, tmp_path_factory):
    return train(folder(frames, tmp_path_factory.mktemp("whole"), *SHORT))


@pytest.fixture
def run(finished, tmp_path):
    """A copy, which a test may damage."""
    place = tmp_path / "runs" / finished.path.name
    shutil.copytree(finished.path, place)
    return RunFolder(place)


def change_digit(path):
    """One digit of a number behind a decimal point, or the last of all."""
    text = path.read_text()
    places = [place for place, letter in enumerate(text) if letter.isdigit()]
    place = next((place for place in places if text[place - 1] == "."), places[-1])
    path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])


READERS = {
    "scores.json": lambda run: read_scores(run.path / "scores.json"),
    "per_image.csv": lambda run: read_per_image(run.path / "per_image.csv"),
    "metrics.csv": lambda run: read_run(run.path).history,
    "data.json": lambda run: read_run(run.path),
    "run.json": lambda run: run.run,
    "config.yaml": lambda run: run.config,
    "DONE": lambda run: checksums.read_done(run.path),
}


@pytest.mark.parametrize("name", READERS)
def test_a_changed_digit_is_a_sentence_with_the_command_that_mends_it(name, run):
    READERS[name](run)
    assert checksums.changed(run.path) == []
    change_digit(run.path / name)
    with pytest.raises(UserError, match=r"depthbench run .*loss=l1|its command, started again|delete it to leave it"):
        READERS[name](run)
    assert checksums.changed(run.path) == [name]


@pytest.mark.parametrize(("name", "read"), [("run.json", recorded_kind), ("scores.json", read_run)])
def test_evaluate_looks_at_the_kind_and_report_at_the_scores(name, read, run):
    change_digit(run.path / name)
    with pytest.raises(UserError, match=rf"{name} has changed"):
        read(run.path)


@pytest.mark.parametrize("names", [["scores.json"], ["per_image.csv", "metrics.csv"], ["DONE"], ["data.json"]])
def test_the_same_command_repeats_the_test(names, run, finished, frames, capfd):
    for name in names:
        change_digit(run.path / name)
    again = folder(frames, run.path.parent, *SHORT)
    assert again.path == run.path
    assert not again.done
    assert "the test is repeated" in capfd.readouterr().err
    if "metrics.csv" in names:
        assert (run.path / "metrics.csv.damaged").is_file(), "not sealed as if it were sound"
        train(again)
        assert again.read_json("scores.json") == finished.read_json("scores.json")
        assert MetricsTable(again.path).rows, "of the test"
    else:
        assert_same(train(again), finished)
    assert checksums.changed(run.path) == []


def test_an_empty_marker_is_damaged(run, finished, frames, capfd):
    (run.path / "DONE").write_text("")
    with pytest.raises(UserError, match=r"DONE is not as the run wrote it; .* repeats its test"):
        read_run(run.path)
    again = folder(frames, run.path.parent, *SHORT)
    assert not again.done
    assert "the test is repeated" in capfd.readouterr().err
    assert_same(train(again), finished)
    assert checksums.changed(run.path) == []


@pytest.mark.parametrize("name", ["config.yaml", "run.json"])
def test_configuration_and_record_are_written_anew(name, run, frames):
    change_digit(run.path / name)
    again = folder(frames, run.path.parent, *SHORT)
    assert again.path == run.path
    assert again.done
    assert checksums.changed(run.path) == []
    assert again.run["identity"] == RunFolder(run.path).run["identity"]


def test_a_configuration_whose_data_moved_is_the_same(run):
    path = run.path / "config.yaml"
    path.write_text(path.read_text().replace("workers: auto", "workers: 3"))
    assert run.config.data.workers == 3


@pytest.mark.parametrize("name", ["metrics.csv", "scores.json"])
def test_without_a_way_to_make_it_again_the_run_stays(name, run, frames, capfd):
    run.checkpoint.unlink()
    change_digit(run.path / name)
    assert folder(frames, run.path.parent, *SHORT).done
    told = capfd.readouterr().err
    assert name in told
    assert "delete" in told


def test_a_table_that_was_left_out_is_no_damage(run, frames, capfd):
    (run.path / "metrics.csv").unlink()
    assert folder(frames, run.path.parent, *SHORT).done
    assert read_run(run.path).history == {}
    assert "metrics.csv" not in capfd.readouterr().err


def test_earlier_versions_have_no_checksums(run):
    (run.path / "DONE").write_text(json.dumps({"score": 0.5, "steps": 2}) + "\n")
    change_digit(run.path / "scores.json")
    assert read_run(run.path).done["score"] == 0.5
    assert checksums.changed(run.path) == []


def test_a_growing_checksum_is_copied_and_goes_to_new_processes_while_it_is_empty():
    assert pickle.loads(pickle.dumps(RowsChecksum())).value == RowsChecksum().value
    grown = RowsChecksum([{"step": 1}])
    copied = copy.deepcopy(grown)
    copied.add({"step": 2})
    assert grown.value == RowsChecksum([{"step": 1}]).value
    assert copied.value == RowsChecksum([{"step": 1}, {"step": 2}]).value
    with pytest.raises(TypeError, match="from the rows"):
        pickle.dumps(grown)

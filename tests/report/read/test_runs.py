import json

import numpy as np
import pytest

import depthbench.report
from depthbench.errors import UserError
from depthbench.report.read.runs import FILES, find_run_folders, read_run, read_runs


def test_run_folders_are_found_at_any_depth_and_once(tmp_path, make_run):
    deep = make_run(tmp_path / "a" / "b", panels=False)
    top = make_run(tmp_path / "c", loss="l2", panels=False)
    (deep / "wandb" / "inner").mkdir(parents=True)
    (deep / "wandb" / "inner" / "run.json").write_text("{}")  # inside a run: not another run
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "run.json").write_text("{}")
    assert find_run_folders([tmp_path, top]) == [deep.resolve(), top.resolve()]


@pytest.mark.parametrize(("place", "words"), [("empty", "No run folder found"), ("absent", "is not a folder")])
def test_wrong_places_say_what_to_do(tmp_path, place, words):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=words):
        find_run_folders([tmp_path / place])


def test_every_file_may_be_missing(tmp_path, make_run):
    for name in FILES:
        path = make_run(tmp_path / name)
        (path / name).unlink()
        run = read_run(path)
        assert run.missing == (name,)
        assert (run.state == "done") == (name != "DONE")
        assert run.per_image == {} or name != "per_image.csv"
        assert run.history == {} or name != "metrics.csv"
        assert (run.panels() is None) == (name == "panels.npz")


@pytest.mark.parametrize("name", ["metrics.csv", "per_image.csv"])
def test_an_empty_file_is_named_as_one_that_is_missing(tmp_path, make_run, name):
    path = make_run(tmp_path)
    (path / name).write_text("")
    assert read_run(path).missing == (name,)


@pytest.mark.parametrize("name", ["run.json", "status.json", "scores.json", "DONE"])
def test_unreadable_json_is_named(tmp_path, make_run, name):
    path = make_run(tmp_path, panels=False)
    (path / name).write_text('{"AbsRel": 0.')
    with pytest.raises(UserError, match=f"{name} is not readable JSON"):
        read_runs([tmp_path])


def test_unreadable_yaml_and_panels_are_named(tmp_path, make_run):
    path = make_run(tmp_path)
    (path / "panels.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(UserError, match=r"panels\.npz is not a readable file of panels"):
        read_run(path).panels()
    (path / "config.yaml").write_text("a: [1, 2")
    with pytest.raises(UserError, match=r"config\.yaml is not readable YAML"):
        read_run(path)


def test_curves_skip_empty_cells_and_a_row_cut_short(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "metrics.csv").write_text(
        "epoch,step,train/loss,val/AbsRel\n0,10,1.5,\n0,10,,0.4\n1,20,1.0,\n1,20,,nan\n2,3"
    )
    history = read_run(tmp_path).history
    assert set(history) == {"epoch", "train/loss", "val/AbsRel"}
    np.testing.assert_array_equal(history["train/loss"], [[10, 20], [1.5, 1.0]])
    np.testing.assert_array_equal(history["val/AbsRel"], [[10], [0.4]])


def test_a_run_is_done_by_its_marker_alone(tmp_path, make_run):
    path = make_run(tmp_path, panels=False)
    (path / "DONE").unlink()
    assert read_run(path).state == "unfinished"
    (path / "status.json").write_text(json.dumps({"state": "failed", "reason": "CUDA out of memory"}))
    assert (read_run(path).state, read_run(path).reason) == ("failed", "CUDA out of memory")
    (path / ".lock").touch()
    (path / "status.json").write_text(json.dumps({"state": "running"}))
    assert read_run(path).state == "interrupted"  # no process holds the lock
    (path / "status.json").unlink()
    assert (read_run(path).state, read_run(path).reason) == ("unknown", "it never wrote a status")


def test_terms_that_were_not_defined_are_no_part_of_the_trace(tmp_path):
    rows = ["period,epoch,step,name,loss,weight,contribution", "0,0,3,D/0,2,0.5,1", "0,0,3,rr/5,nan,0.5,nan"]
    rows += ["1,0,6,D/0,1,0.5,0.5", "1,0,6,rr/5,nan,0.5,nan"]
    (tmp_path / "loss_trace.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    trace = read_run(tmp_path).trace
    assert set(trace) == {"D/0"}
    np.testing.assert_array_equal(trace["D/0"], [[0, 1], [1, 0.5]])


def test_former_names_in_run_folders_are_read_as_todays(tmp_path, make_run):
    """Otherwise runs of an earlier version and of this one would be two rows, and select no row of a paper."""
    choices = {"loss": "rebalanced", "protocol": "none", "data": "nyu", "scale": None}
    path = make_run(tmp_path, panels=False, choices=choices, overrides=["loss=rebalanced", "+loss.lam=1"])
    (path / "config.yaml").write_text("loss: {lam: 1.0}\n")
    scores = json.loads((path / "scores.json").read_text())
    (path / "scores.json").write_text(json.dumps({"none": scores["eigen"]}))
    (path / "per_image.csv").write_text((path / "per_image.csv").read_text().replace("\neigen,", "\nnone,"))
    run = read_run(path)
    assert run.choices == {"loss": "lee2020", "protocol": "full", "data": "nyu", "scale": None}
    assert (list(run.scores), list(run.per_image)) == (["full"], ["full"])
    assert run.value("loss.lambda_") == 1.0
    assert run.info["overrides"] == ["loss=lee2020", "+loss.lambda_=1"]


def test_scores_of_a_command_beside_runs_are_no_run(tmp_path, make_run):
    """`depthbench evaluate output=runs/scores.json` writes a file that is called like a run's."""
    made = [make_run(tmp_path, loss=loss, panels=False) for loss in ("l1", "l2")]
    (tmp_path / "scores.json").write_text('{"schema": "depthbench.result.1", "results": []}')
    assert find_run_folders([tmp_path]) == sorted(path.resolve() for path in made)


def test_every_public_name_is_there():
    for name in depthbench.report.__all__:
        assert getattr(depthbench.report, name)

import json

import pytest
import yaml

from depthbench.report.analyze.study import studies
from depthbench.report.read.runs import read_runs
from depthbench.stats.directions import higher_is_better


def change(path, config=None, **info):
    """Change a run's configuration by dotted keys, and keys of its run.json."""
    content = yaml.safe_load((path / "config.yaml").read_text())
    for key, value in (config or {}).items():
        *parents, last = key.split(".")
        inner = content
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    (path / "config.yaml").write_text(yaml.safe_dump(content))
    record = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(record | info))


def test_loss_and_amount_are_the_axes_and_seeds_are_pooled(tmp_path, make_run):
    for loss in ("eigen", "l1"):
        for split in ("12k", "795"):
            for seed in (0, 1):
                make_run(tmp_path, loss=loss, split=split, seed=seed, images=3, panels=False)
    (study,) = studies(read_runs([tmp_path]))
    assert study.axes == ("loss",)
    assert study.methods == ("l1", "eigen")
    assert study.amounts == (795, 12000)
    assert [len(cell.runs) for cell in study.cells] == [2, 2, 2, 2]


def test_a_key_that_follows_another_is_no_axis(tmp_path, make_run):
    for loss, task in (("l1", "Regression"), ("gan", "Adversarial")):
        path = make_run(tmp_path, loss=loss, images=3, panels=False)
        change(path, {"task._target_": task, "output": f"/somewhere/{loss}", "trainer.devices": len(loss)})
    assert studies(read_runs([tmp_path]))[0].axes == ("loss",)


def test_a_studys_variations_are_an_axis_and_its_name_is_none(tmp_path, make_run):
    for study in ("one", "two"):
        for variation in ("standard", "no_skips"):
            choices = {"data": "rooms", "loss": "l1", "experiment": f"p/{study}", "experiment/p/variation": variation}
            make_run(tmp_path / study / variation, images=3, panels=False, choices=choices)
    (study,) = studies(read_runs([tmp_path]))
    assert study.axes == ("experiment/p/variation",)
    assert study.methods == ("no_skips", "standard")


def test_what_a_variation_brings_is_no_axis(tmp_path, make_run):
    """Two variations of one loss, and one that brings another loss and its stages."""
    for variation, loss, length in (
        ("set", "li2017_set", 0),
        ("both", "li2017_set", 2),
        ("single", "li2017_single", 0),
    ):
        choices = {"data": "rooms", "loss": loss, "experiment/p/variation": variation}
        path = make_run(tmp_path / variation, images=3, panels=False, choices=choices)
        change(path, {"task.stages.joint.length": length})
    (study,) = studies(read_runs([tmp_path]))
    assert study.axes == ("experiment/p/variation",)
    assert set(study.methods) == {"set", "both", "single"}


def test_shares_and_similarities_are_better_higher():
    assert all(map(higher_is_better, ("delta1", "mSSIM", "edge_F1_0.5", "F_5cm")))
    assert not any(map(higher_is_better, ("AbsRel", "SILog", "DBE_accuracy", "normal_degrees", "chamfer")))


@pytest.mark.parametrize(("key", "name"), [("optim.lr", "lr"), ("trainer.max_epochs", "max_epochs")])
def test_what_differs_in_the_configuration_alone_is_an_axis(tmp_path, make_run, key, name):
    for value in (1, 2):
        change(make_run(tmp_path / str(value), images=3, panels=False), {key: value})
    (study,) = studies(read_runs([tmp_path]))
    assert study.axes == (key,)
    assert study.methods == (f"{name}=1", f"{name}=2")


def test_a_key_that_changes_with_the_seed_alone_is_no_axis(tmp_path, make_run):
    for seed in (0, 1):
        change(make_run(tmp_path, seed=seed, images=3, panels=False), {"data.train.first": seed})
    assert studies(read_runs([tmp_path]))[0].axes == ()


def test_data_sets_are_never_compared(tmp_path, make_run):
    for data in ("rooms", "nyu_labeled"):
        make_run(tmp_path / data, data=data, images=3, panels=False)
    assert [study.data for study in studies(read_runs([tmp_path]))] == ["nyu_labeled", "rooms"]


def test_a_folder_with_a_status_alone_is_kept(tmp_path):
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / "status.json").write_text('{"state": "waiting"}')
    (study,) = studies(read_runs([tmp_path]))
    assert (study.data, study.methods, study.amounts) == ("unknown data", ("lost",), (None,))


def test_a_row_is_never_called_by_what_can_not_change_a_result(tmp_path, make_run):
    """Two runs of 3 and of 4 epochs, one of them without an estimate and with more panels."""
    for epochs, estimate in ((3, True), (4, False)):
        path = make_run(tmp_path / str(epochs), images=3, panels=False)
        told = [f"trainer.estimate={estimate}", f"callbacks.panels={epochs}", f"trainer.max_epochs={epochs}"]
        cosmetic = {"trainer.estimate": estimate, "callbacks.panels": epochs, "data.workers": epochs}
        change(path, cosmetic | {"trainer.max_epochs": epochs}, overrides=told)
    (study,) = studies(read_runs([tmp_path]))
    assert study.methods == ("max_epochs=3", "max_epochs=4")


@pytest.mark.parametrize("scale", ["paper", "machine", None])
def test_parts_of_a_study_for_a_scale_are_no_axis(tmp_path, make_run, scale):
    """Two studies of one paper: each has its own part for a scale, which the other lacks."""
    for study, loss in (("backbones", "rebalanced"), ("times", "all")):
        choices = {
            "data": "nyu",
            "loss": loss,
            "scale": scale,
            "experiment": f"p/{study}",
            f"experiment/p/{study}": scale,
        }
        make_run(tmp_path / study, loss=loss, images=3, panels=False, choices=choices)
    assert studies(read_runs([tmp_path]))[0].axes == ("loss",)


def test_how_a_run_is_scored_is_no_axis(tmp_path, make_run):
    for more in (False, True):
        choices = {"data": "nyu", "loss": "l1", "protocol": "eigen"}
        choices |= (
            {"protocol@more_protocols.scaled": "eigen_scaled", "structure@task.structure.ssim": "ssim"} if more else {}
        )
        path = make_run(tmp_path / str(more), images=3, panels=False, choices=choices)
        change(path, {"task.structure.ssim.max_depth": 10, "more_protocols.scaled.name": "x"} if more else {})
    assert studies(read_runs([tmp_path]))[0].axes == ()

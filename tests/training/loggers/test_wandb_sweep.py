"""Each job of a sweep has one W&B run, which ends as the job does; offline it holds everything that was logged."""

import csv
import math

import pytest

from depthbench.runs.results import read_scores
from tests.commands import TINY, make_frames, run, runs, status
from tests.wandb_file import history, wandb_runs

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Run folders by state: of a sweep that ends with its first failure."""
    place = tmp_path_factory.mktemp("sweep")
    make_frames(place / "frames")
    (place / "frames" / "train" / "rgb_00003.png").write_bytes(b"\x89PNG broken")
    tiny = [item for item in [*TINY, "data.val=test"] if not item.startswith(("logger", "data.split"))]
    # Two evenly spaced frames leave the broken one out; they are one step of an epoch, and every tenth is logged.
    sweep = ["-m", "data.split=2,12,3", "launch.fail_fast=true", "logger=wandb", "trainer.max_epochs=12"]
    run(place, *sweep, *tiny, f"data.root={place / 'frames'}", code=1)
    by_state = {status(folder)["state"]: folder for folder in runs(place).values()}
    assert sorted(by_state) == ["done", "failed", "waiting"]
    return by_state


def test_a_run_ends_as_its_job_does(folders):
    assert not wandb_runs(folders["waiting"])
    assert history(folders["done"])[1] == 0
    assert history(folders["failed"])[1] == 2
    first, second = (wandb_runs(folders[state])[0].name for state in ("done", "failed"))
    assert first != second


def test_every_metric_is_in_the_offline_run(folders):
    folder = folders["done"]
    values = history(folder)[0]
    with (folder / "metrics.csv").open() as file:
        reader = csv.DictReader(file)
        columns = set(reader.fieldnames)
    assert {"train/loss", "val/AbsRel", "test/full/RMSE", "speed/images_per_second", "lr-AdamW"} <= columns
    assert columns - {"step"} <= set(values)
    scores = read_scores(folder / "scores.json")["full"]
    for name, score in scores.items():
        assert math.isclose(values[f"test/full/{name}"], score, rel_tol=1e-6), name
    assert values["panels/val/count"] == 2
    assert values["panels/test/count"] == 4
    pictures = list(folder.glob("wandb/offline-run-*/files/media/images/panels/test_*.png"))
    assert len(pictures) == 4

"""What a run's test keeps beside its scores, on a few frames of the built-in rooms."""

import csv
import json

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_dir

from depthbench.config.compose import config_dir
from depthbench.runs.folder import RunFolder
from depthbench.training.trainer import train_and_test

SMALL = ["model.encoder.name=test_resnet", "model.encoder.pretrained=false", "model.decoder.widths=[16,8,8,8]"]
SMALL += ["trainer=smoke", "logger=csv", "data.size=[48,64]", "data.test_frames=5", "data.val_frames=2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        overrides = [*SMALL, f"output={tmp_path_factory.mktemp('runs')}", "trainer.limit_test_batches=null"]
        config = compose("config", overrides=overrides)
    folder = RunFolder.create(config, [], {})
    train_and_test(folder, progress_bar=False)
    return folder.path


def test_profiles_hold_what_the_scores_are_means_of(folder):
    with np.load(folder / "profiles.npz") as file, (folder / "per_image.csv").open() as rows:
        absrel = {row["name"]: float(row["AbsRel"]) for row in csv.DictReader(rows)}
        assert list(file["name"]) == sorted(absrel)
        sums = file["distance"]
        assert sums.shape == (5, len(file["distance_limits"]) - 1, 3)
        for name, (pixels, relative, _) in zip(file["name"], sums.sum(1), strict=True):
            assert relative / pixels == pytest.approx(absrel[name], rel=1e-3)
        assert all(file[kind][..., 0].sum() > 0 for kind in ("angle", "edge"))


def test_the_marker_has_the_times(folder):
    done = json.loads((folder / "DONE").read_text())
    with (folder / "metrics.csv").open() as rows:
        speeds = [float(row["speed/images_per_second"] or "nan") for row in csv.DictReader(rows)]
    batch = yaml.safe_load((folder / "config.yaml").read_text())["data"]["batch_size"]
    assert done["seconds_per_step"] == pytest.approx(np.nanmedian(batch / np.array(speeds)))
    assert 0 < done["seconds_per_image"] < done["seconds"]


def test_panels_know_their_camera(folder):
    with np.load(folder / "panels.npz") as file:
        count, height, width = file["truth"].shape
        assert file["image"].shape == (count, height, width, 3)
        assert file["intrinsics"].shape == (count, 3, 3)
        np.testing.assert_allclose(file["intrinsics"][:, 0, 2], (width - 1) / 2, atol=1)

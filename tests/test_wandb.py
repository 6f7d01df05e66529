"""An offline W&B run holds everything that was logged."""

import csv
import json
import math

from tests.commands import TINY, make_frames, run, runs
from tests.wandb_file import history


def test_every_metric_is_in_the_offline_run(tmp_path):
    make_frames(tmp_path / "frames")
    tiny = [item for item in TINY if not item.startswith("logger")]
    run(tmp_path, *tiny, f"data.root={tmp_path / 'frames'}", "trainer.max_epochs=12", "logger=wandb")
    (folder,) = runs(tmp_path).values()
    values, exit_code = history(folder)
    assert exit_code == 0
    with (folder / "metrics.csv").open() as file:
        reader = csv.DictReader(file)
        columns = set(reader.fieldnames)
    assert {"train/loss", "val/AbsRel", "test/none/RMSE", "speed/images_per_second", "lr-AdamW"} <= columns
    assert columns - {"step"} <= set(values)
    scores = json.loads((folder / "scores.json").read_text())["none"]
    for name, score in scores.items():
        assert math.isclose(values[f"test/none/{name}"], score, rel_tol=1e-6), name
    assert values["panels/val/count"] == 2
    assert values["panels/test/count"] == 4
    pictures = list(folder.glob("wandb/offline-run-*/files/media/images/panels/test_*.png"))
    assert len(pictures) == 4

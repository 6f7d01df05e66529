"""An offline W&B run holds everything that was logged."""

import csv
import json
import math

from tests.commands import TINY, make_frames, run, runs
from wandb.proto import wandb_internal_pb2
from wandb.sdk.internal.datastore import DataStore


def history(folder):
    """Read the records that W&B keeps of an offline run: the last value of each name, and the exit status."""
    (file,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    store = DataStore()
    store.open_for_scan(str(file))
    values, exit_code = {}, None
    while (data := store.scan_data()) is not None:
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        for item in record.history.item:
            values[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
        if record.WhichOneof("record_type") == "exit":
            exit_code = record.exit.exit_code
    return values, exit_code


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
    assert "panels/val" in values
    assert values["panels/test"]["count"] == 4


def test_a_failed_run_is_failed_in_wandb(tmp_path):
    make_frames(tmp_path / "frames")
    (tmp_path / "frames" / "train" / "rgb_00003.png").write_bytes(b"broken")
    tiny = [item for item in TINY if not item.startswith("logger")]
    output = run(tmp_path, *tiny, f"data.root={tmp_path / 'frames'}", "logger=wandb", code=2)
    assert "rgb_00003.png" in output
    assert "Traceback" not in output
    (folder,) = runs(tmp_path).values()
    assert history(folder)[1] == 2

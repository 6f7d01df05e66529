"""An offline W&B run holds everything that was logged."""

import csv
import json
import math
import struct

from wandb.proto import wandb_internal_pb2

from tests.commands import TINY, make_frames, run, runs

BLOCK, HEADER = 32768, 7  # of the log format of LevelDB, which W&B uses


def records(data):
    """The records of a ``.wandb`` file: pieces (checksum, length, kind, bytes) in blocks, after a header."""
    position, record = HEADER, b""
    while position + HEADER <= len(data):
        left = BLOCK - position % BLOCK
        if left < HEADER:  # the rest of a block is padding
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        record += data[position + HEADER : position + HEADER + length]
        position += HEADER + length
        if kind in (1, 4):  # whole, or the last of several pieces
            yield record
            record = b""


def history(folder):
    """The last value of each name in an offline run, and its exit status."""
    (file,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    values, exit_code = {}, None
    for data in records(file.read_bytes()):
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
    assert values["panels/val/count"] == 2
    assert values["panels/test/count"] == 4
    pictures = list(folder.glob("wandb/offline-run-*/files/media/images/panels/test_*.png"))
    assert len(pictures) == 4


def test_a_failed_run_is_failed_in_wandb(tmp_path):
    make_frames(tmp_path / "frames")
    (tmp_path / "frames" / "train" / "rgb_00003.png").write_bytes(b"broken")
    tiny = [item for item in TINY if not item.startswith("logger")]
    output = run(tmp_path, *tiny, f"data.root={tmp_path / 'frames'}", "logger=wandb", code=2)
    assert "rgb_00003.png" in output
    assert "Traceback" not in output
    (folder,) = runs(tmp_path).values()
    assert history(folder)[1] == 2

"""The files that a finished run leaves."""

import csv
import io
import json
import statistics

from depthbench.files import write_atomically
from depthbench.runs.folder import RunFolder
from depthbench.tasks import DepthTask
from depthbench.training.loggers import MetricsTable


def save_results(folder: RunFolder, task: DepthTask) -> None:
    """Scores, per-image scores, and at last the marker that the run is complete, with score, steps and times."""
    folder.write_json("scores.json", task.test_scores)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(task.rows[0]) if task.rows else ["protocol", "name"])
    writer.writeheader()
    writer.writerows(task.rows)
    write_atomically(folder.path / "per_image.csv", text.getvalue())
    first = next(iter(task.test_scores.values()))
    folder.update_status(state="done", reason=None)
    told = {"score": first.get("AbsRel"), "steps": task.total_steps(), **_times(folder)}
    write_atomically(folder.path / "DONE", json.dumps(told) + "\n")


def _times(folder: RunFolder) -> dict[str, float | None]:
    """Seconds of the run, of its network for one image, and of a training step (the median of what was logged)."""
    status = folder.read_json("status.json")
    speeds = MetricsTable(folder.path).column("speed/images_per_second")
    steps = [folder.config.data.batch_size / speed for speed in speeds]
    found = {name: status.get(name) for name in ("seconds", "seconds_per_image")}
    return {**found, "seconds_per_step": statistics.median(steps) if steps else None}

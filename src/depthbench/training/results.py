"""The files that a finished run leaves."""

import csv
import io
import math
import statistics
from dataclasses import asdict

from depthbench.files import write_atomically
from depthbench.runs.checksums import write_done
from depthbench.runs.folder import RunFolder
from depthbench.runs.results import write_scores
from depthbench.tasks import DepthTask
from depthbench.training.checkpoint_file import PREVIOUS
from depthbench.training.loggers import MetricsTable


def save_results(folder: RunFolder, task: DepthTask) -> None:
    """Scores, per-image scores, and at last the marker that the run is complete, with score, steps and times."""
    protocols = {name: asdict(protocol) for name, protocol in task.protocols.items()}
    write_scores(folder.path / "scores.json", protocols, task.test_scores, task.output_kind)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(task.rows[0]) if task.rows else ["protocol", "name"])
    writer.writeheader()
    writer.writerows(task.rows)
    write_atomically(folder.path / "per_image.csv", text.getvalue())
    score = next(iter(task.test_scores.values()))["AbsRel"]
    folder.update_status(state="done", reason=None)
    # Completed steps: training may have stopped early.
    steps = task.trainer.global_step // task.optimizers_per_step
    # Before DONE: whatever stops this process, nobody comes back to a run that is done.
    folder.checkpoint.with_name(PREVIOUS).unlink(missing_ok=True)
    told = {"score": score if math.isfinite(score) else None, "steps": steps, **_times(folder)}
    write_done(folder.path, told)


def _times(folder: RunFolder) -> dict[str, float | None]:
    """Seconds of the run, of its network for one image, and of a training step (the median of the logged ones)."""
    status = folder.read_json("status.json")
    speeds = MetricsTable(folder.path).column("speed/images_per_second")
    steps = [folder.config.data.batch_size / speed for speed in speeds]
    found = {name: status.get(name) for name in ("seconds", "seconds_per_image")}
    return {**found, "seconds_per_step": statistics.median(steps) if steps else None}

"""The card of a trained network: what it is, what it was trained on, its scores with their intervals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from depthbench import __version__
from depthbench.files import read_json
from depthbench.runs.checksums import read_done
from depthbench.runs.results import read_scores
from depthbench.runs.tables import read_per_image
from depthbench.stats.image_sums import of_means, scenes_of
from depthbench.stats.intervals import Limits, intervals

SCORES = ("AbsRel", "RMSE", "log10", "delta1", "delta2", "delta3")


def model_card(config: Mapping[str, Any], run: Path | None = None) -> str:
    """The text of ``README.md`` beside exported weights, with the head that the hub reads.

    Args:
        config: of the training, plain.
        run: the run folder; without it the card has no scores.
    """
    name = _class(config["model"].get("decoder", config["model"]))
    encoder = config["model"].get("encoder", {}).get("name", "")
    scores = {} if run is None or not (run / "scores.json").is_file() else read_scores(run / "scores.json")
    data = _data(config, run)
    head = {
        "library_name": "depthbench",
        "pipeline_tag": "depth-estimation",
        "tags": ["depth-estimation", "depthbench"],
    }
    if scores:
        head["model-index"] = [{"name": f"{encoder} {name}".strip(), "results": _results(scores, data)}]  # type: ignore[list-item]
    lines = [f"---\n{yaml.safe_dump(head, sort_keys=False)}---", f"# {encoder} with {name}", ""]
    lines += [
        f"Depth in metres along the optical axis from one picture, trained by depthbench {__version__}.",
        "",
        "```python",
        "import depthbench",
        'network = depthbench.load("FOLDER")          # this folder, or hub:USER/NAME',
        'depth = network.predict("photo.jpg").depth   # (H, W) in metres',
        "```",
        "",
        "## Training",
        "",
        f"- data: {data}",
        f"- loss: {_class(config['loss'])}; kind of training: {_class(config['task'])}; seed {config['seed']}",
        f"- pictures of {_size(config)} pixels (height x width), RGB in [0, 1]; other sizes are resized to it",
    ]
    if run is not None:
        done = read_done(run)
        lines.append(f"- {done.get('steps', '?')} steps; {_duration(done.get('seconds'))}; code {_code(run)}")
    lines += ["", "## Scores", ""]
    lines += _table(scores, run) if scores and run is not None else ["None: the network was saved without its run."]
    return "\n".join(lines) + "\n"


def _table(scores: Mapping[str, Mapping[str, float]], run: Path) -> list[str]:
    shown = [name for name in SCORES if any(name in row for row in scores.values())]
    lines = ["| protocol | " + " | ".join(shown) + " |", "|---" * (len(shown) + 1) + "|"]
    images = 0
    for protocol, row in scores.items():
        limits, images = score_intervals(run, protocol, row)
        lines.append(f"| {protocol} | " + " | ".join(_cell(row.get(name), limits.get(name)) for name in shown) + " |")
    note = f"In brackets: 95 % bootstrap intervals over the {images} test images of one training."
    return [*lines, "", note if images else "The run has no scores of its images, so no intervals."]


def score_intervals(run: Path, protocol: str, row: Mapping[str, float]) -> tuple[dict[str, Limits], int]:
    """95 % intervals of scores that are means over images, and the number of images.

    A score that the mean of ``per_image.csv`` does not give (protocols that pool pixels) has none.
    """
    table = read_per_image(run / "per_image.csv").get(protocol, {})
    found: dict[str, Limits] = {}
    for name in SCORES:
        values = table.get(name)
        kept = np.isfinite(values) if values is not None else np.zeros(0, bool)
        if values is None or not kept.any() or not np.isclose(values[kept].mean(), row.get(name, np.nan), rtol=1e-4):
            continue
        names = [str(one) for one in table["name"][kept]]
        found |= intervals(of_means(values[kept], name, scenes_of(names), names))
    return found, len(table.get("name", ()))


def _results(scores: Mapping[str, Mapping[str, float]], data: str) -> list[dict[str, Any]]:
    return [
        {
            "task": {"type": "depth-estimation"},
            "dataset": {"name": f"{data}, protocol {protocol}", "type": "depth-estimation"},
            "metrics": [
                {"type": name, "name": name, "value": round(float(row[name]), 5)}
                for name in SCORES
                if name in row and np.isfinite(row[name])
            ],
        }
        for protocol, row in scores.items()
    ]


def _cell(value: float | None, limits: Limits | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if limits is None else f"{value:.3f} [{limits[0]:.3f}, {limits[1]:.3f}]"


def _data(config: Mapping[str, Any], run: Path | None) -> str:
    data = config.get("data", {})
    name = data.get("name") or _class(data.get("train") or {})
    count = read_json(run / "data.json").get("train", {}) if run is not None else {}
    frames = count.get("count") or count.get("frames") if isinstance(count, Mapping) else None
    return f"{name}, {frames} training frames" if isinstance(frames, int) else name


def _class(node: Mapping[str, Any]) -> str:
    return str(node.get("_target_", "")).rpartition(".")[2] or "unnamed"


def _size(config: Mapping[str, Any]) -> str:
    size = config["data"].get("size")
    return "their own size in" if size is None else f"{size[0]}x{size[1]}"


def _duration(seconds: Any) -> str:
    return f"{seconds / 60:.0f} minutes" if isinstance(seconds, int | float) else "time not recorded"


def _code(run: Path) -> str:
    return str(read_json(run / "run.json").get("code_version", "unknown"))

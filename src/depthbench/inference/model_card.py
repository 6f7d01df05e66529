"""The card of a trained network: its parts, its training data, its scores with their intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from depthbench import __version__
from depthbench.files import read_json
from depthbench.output_kinds import OutputKind
from depthbench.results.hub import CARD_METRICS, TASK, eval_results
from depthbench.results.of_runs import results_of_run
from depthbench.results.records import Result
from depthbench.runs.checksums import read_done
from depthbench.stats.intervals import Limits


def model_card(config: Mapping[str, Any], run: Path | None = None, kind: OutputKind = OutputKind.METRIC_DEPTH) -> str:
    """The text of ``README.md`` beside exported weights, with the head that the hub reads.

    Args:
        config: of the training, plain.
        run: the run folder; without it the card has no scores.
        kind: of the network's output.
    """
    along = " in metres along the optical axis" if kind.is_metric else ""
    name = _class(config["model"].get("decoder", config["model"]))
    encoder = config["model"].get("encoder", {}).get("name", "")
    data = _data(config, run)
    results = [] if run is None else results_of_run(run, data, f"{encoder} {name}".strip())
    head = ModelCardData(
        library_name="depthbench",
        pipeline_tag=TASK,
        tags=[TASK, "depthbench"],
        model_name=f"{encoder} {name}".strip() if results else None,
        eval_results=eval_results(results) or None,
    )
    lines = [f"---\n{head.to_yaml()}\n---", f"# {encoder} with {name}", ""]
    lines += [
        f"{kind.words[0].upper()}{kind.words[1:]} from one picture{along}, trained by depthbench {__version__}.",
        "",
        "```python",
        "import depthbench",
        'network = depthbench.load("FOLDER")          # this folder, or hub:USER/NAME',
        f'depth = network.predict("photo.jpg").depth   # (H, W), {"metres" if kind.is_metric else kind.words}',
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
    lines += _table(results) if results else ["None: the network was saved without its run."]
    return "\n".join(lines) + "\n"


def _table(results: Sequence[Result]) -> list[str]:
    shown = [name for name in CARD_METRICS if any(name in one.scores for one in results)]
    lines = ["| protocol | " + " | ".join(shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for one in results:
        cells = [_cell(one.scores.get(name), one.limits.get(name)) for name in shown]
        lines.append(f"| {one.rules.name} | " + " | ".join(cells) + " |")
    images = results[-1].data.images
    note = f"In brackets: 95 % bootstrap intervals over the {images} test images of one training."
    return [*lines, "", note if images else "The run has no scores of its images, so no intervals."]


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

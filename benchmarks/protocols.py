"""Why numbers differ: one set of predictions under every NYUv2 protocol, and one knob at a time; docs/protocols.md.

    python benchmarks/protocols.py data=nyu_labeled data.root=FOLDER [data.scale=...] [run=RUN | predictions=FOLDER]

Takes what ``depthbench.evaluate`` takes. Without predictions it makes its own: the mean of the log depth of the
training pairs, the same map for every image.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import torch

from depthbench.config.targets import instantiate
from depthbench.errors import UserError
from depthbench.evaluation import EvaluateRequest, Input, read_evaluate_request
from depthbench.evaluation.predictors import open_predictor
from depthbench.evaluation.scoring import score
from depthbench.evaluation.test_set import PUBLISHED, EvaluationSet
from depthbench.metrics.functional import STANDARD
from depthbench.protocols import EvalProtocol, protocol_from
from depthbench.training.devices import choose_device

PAGE = Path(__file__).parents[1] / "docs" / "protocols.md"
BASE = "eigen"

# One knob at a time, from `eigen`.
KNOBS: dict[str, dict[str, Any]] = {
    "region: eigen_short, a row and a column less": {"region": "eigen_short"},
    "region: eigen_shifted by one pixel": {"region": "eigen_shifted"},
    "region: toolbox": {"region": "toolbox"},
    "region: bts": {"region": "bts"},
    "region: full": {"region": "full"},
    "region: hu, at 240x320": {"region": "hu", "score_size": (240, 320)},
    "truth: raw": {"truth": "raw"},
    "min_depth, max_depth: none": {"min_depth": None, "max_depth": None},
    "max_depth: 8": {"max_depth": 8.0},
    "clamp: none": {"clamp": None},
    "clamp: to [1, 8] before resizing": {"clamp": (1.0, 8.0), "clamp_at": "output"},
    "resize: bicubic": {"resize": "bicubic"},
    "resize: nearest": {"resize": "nearest"},
    "align_corners: true": {"align_corners": True},
    "flip_average: true": {"flip_average": True},
    "alignment: median": {"alignment": "median"},
    "alignment: scale_shift": {"alignment": "scale_shift"},
    "reduction: pixel": {"reduction": "pixel"},
    "reduction: mse_image": {"reduction": "mse_image"},
    "comparison: inclusive": {"comparison": "inclusive"},
    "swap_prediction_and_truth: true": {"swap_prediction_and_truth": True},
}

TEXT = Template("""# Protocols

A protocol is a named set of rules that turns predictions into scores: which part of the frame, which depths, how a
prediction is resized, clamped, flipped, aligned, and how scores of images become one number. Each is a YAML in
`conf/protocol/` whose comment names its source. `python -m depthbench.evaluate --help` says how to score prediction
files or runs under one, several or all of them.

A new one takes ten lines, chosen by the name of its file; what it leaves out is as in `protocol=full`:

```yaml
# conf/protocol/mine.yaml
_target_: depthbench.protocols.EvalProtocol
name: mine
region: [10, 470, 10, 630]  # rows 10:470, columns 10:630
min_depth: 0.5
max_depth: 8.0
truth: raw
clamp: [0.5, 8.0]
reduction: pixel
```

`structure=all`, or some of the names in `conf/structure/`, adds scores of whole images: edges, boundaries, SSIM,
normals, order of depths, point clouds. They are computed on what the protocol scores and always averaged over images.
The test of a run has them, too, with `+structure@task.structure.edges=edges` and so on.

A protocol has a `version`, which is raised whenever the same predictions would get other scores. `scores.json` of a run
and the JSON of `evaluate` hold all fields of the protocols beside the scores; `null` is a score that is no number. A
prediction that is not finite is never left out: means of errors over it are no numbers, and the tables say how many
pixels of how many images it concerns.

## Alignments and kinds

What predictions are (`kind=`), how they are fitted to the truth (`protocol.alignment=`), and the published protocols
(`protocol=moge`): [alignments](alignments.md).

## Where published numbers disagree

[disagreements.md](disagreements.md) shows on real truth how much each choice moves a number and which ranks flip, and
explains the known disagreements. [reproduction.md](reproduction.md) puts results beside published numbers of the same
protocol.

## The same predictions under every NYUv2 protocol

$what, on the $images test pairs. The predictions never change; only the rules do.

$table

$truth

Spread between the protocols that do not align predictions, as a share of the number under `$base`:

$spread

## Which knob moves which metric

From `$base`, one knob at a time; the change of each number in percent (`0`: less than 0.05 %, `=`: exactly the same).

$knobs

The strongest for each metric (alignment, which changes the predictions, apart): $strongest.

$idle

## Predictions that were made elsewhere

`predictions/` holds the exponential of the mean log depth of the 795 training pairs, 654 times, as `00000.npy` and so
on: written with numpy alone.

```
python -m depthbench.evaluate data=nyu_labeled data.root=FOLDER data.scale=0.000153116881 predictions=predictions \\
    protocol=eigen output=scores.json
```

$outside

## How this page is made

`python benchmarks/protocols.py $command` writes it again.
Pictures of the labeled pairs may hold coarser depth than the official file; `data.scale` is given where they were used.
""")


def variants(request: EvaluateRequest, truth: EvaluationSet) -> tuple[list[EvalProtocol], list[str]]:
    """Every protocol of the data set and every knob; names of those whose truth had to be replaced."""
    listed: list[EvalProtocol] = [protocol_from(config) for config in request.protocols.values()]
    counts = PUBLISHED[truth.family or ""]
    listed = [protocol for protocol in listed if protocol.images in counts]
    base = next(protocol for protocol in listed if protocol.name == BASE)
    listed += [replace(base, name=name, **changes) for name, changes in KNOBS.items()]
    if request.inputs[0].run is None:
        listed = [protocol for protocol in listed if protocol.name != "flip_average: true"]
    lacking = [protocol.name for protocol in listed if protocol.truth not in truth.sets]
    listed = [protocol for protocol in listed if protocol.name not in lacking or protocol.name not in KNOBS]
    settled = [replace(one, truth=truth.kind) if one.name in lacking else one for one in listed]
    return settled, [name for name in lacking if name not in KNOBS]


def mean_map(request: EvaluateRequest, truth: EvaluationSet, folder: Path) -> None:
    """The exponential of the mean log depth of the training pairs, as a file for every test frame."""
    settings = request.inputs[0].config.data.train
    frames = instantiate({**settings, "size": None})
    total = sum(frames[index].depth[0].double().log() for index in range(len(frames)))
    mean = torch.as_tensor(total / len(frames)).exp().float().numpy()
    for name in truth.frame_names():
        np.save(folder / f"{name}.npy", mean)


def mean_scores(request: EvaluateRequest, truth: EvaluationSet, protocols: list[EvalProtocol], folder: Path) -> str:
    """A sentence with the scores of the files of :func:`mean_map`."""
    base = next(protocol for protocol in protocols if protocol.name == BASE)
    plain = replace(request, options={**request.options, "kind": "depth", "key": None, "covers": "full"}, unit=None)
    mean = replace(request.inputs[0], path=folder, run=None)
    files = open_predictor(mean, truth, [base], plain, torch.device("cpu"))
    found = score("mean", files, truth, [base], torch.device("cpu")).scores(base)
    return f"It gives AbsRel {found['AbsRel']:.3f} and delta1 {found['delta1']:.3f}."


def page(arguments: list[str]) -> str:
    """The page as text."""
    own = not any(item.startswith(("run=", "predictions=")) for item in arguments)
    with tempfile.TemporaryDirectory() as folder:
        given = [*arguments, *([f"predictions={folder}"] if own else []), "protocol=all"]
        request = read_evaluate_request(given)
        (one,) = request.inputs
        opened: list[EvalProtocol] = [protocol_from(config) for config in request.protocols.values()]
        truth = EvaluationSet(one.config, opened)
        protocols, replaced = variants(request, truth)
        mean_map(request, truth, Path(folder))
        outside = mean_scores(request, truth, protocols, Path(folder))
        device = choose_device(request.options["device"])
        predictor = open_predictor(one, truth, protocols, request, device)
        scored = score(one.name, predictor, truth, protocols, device)
    scores = {protocol.name: scored.scores(protocol) for protocol in protocols}
    named = {protocol.name: protocol for protocol in protocols if protocol.name not in KNOBS}
    return TEXT.substitute(
        what=described(one, own),
        images=len(scored.frames),
        base=BASE,
        table=rules_table(named, scores),
        truth=truth_note(replaced),
        spread=spread(scores, [name for name, protocol in named.items() if protocol.alignment.fit == "none"]),
        knobs=knob_table(scores),
        strongest=strongest(scores),
        idle=idle(scores, one.run is not None),
        command=" ".join(masked(arguments)),
        outside=outside,
    )


def described(one: Input, own: bool) -> str:
    """A sentence about the data and the network, without the paths of a machine."""
    if own:
        return (
            "The mean map (no network: the exponential of the mean log depth of the training pairs, the same for every "
            "image)"
        )
    if one.run is None:
        return f"The predictions `{one.path.name}`"
    settings = " ".join(item for item in one.run.run["overrides"] if "/" not in item)
    return f"A network trained by `python -m depthbench.run {settings}`"


def masked(arguments: Iterable[str]) -> Iterable[str]:
    """The command without the paths of a machine."""
    paths = {"data.root": "FOLDER", "predictions": "FOLDER", "run": "RUN_FOLDER"}
    for argument in arguments:
        key, _, value = argument.partition("=")
        yield f"{key}={paths.get(key, value)}"


def rules_table(protocols: dict[str, EvalProtocol], scores: dict[str, dict[str, float]]) -> str:
    """Scores of named protocols with what is peculiar to each."""
    rows = [
        [f"`{name}`", peculiar(protocol), *(f"{scores[name][key]:.4f}" for key in STANDARD)]
        for name, protocol in protocols.items()
    ]
    return markdown(["protocol", "rules", *STANDARD], rows)


def peculiar(protocol: EvalProtocol) -> str:
    """A protocol in a line."""
    parts = [protocol.region if isinstance(protocol.region, str) else str(protocol.region), protocol.truth]
    parts.append("any depth" if protocol.max_depth is None else f"{protocol.min_depth:g} to {protocol.max_depth:g} m")
    parts.append(
        {"image": "per image", "pixel": "pixels pooled", "mse_image": "root of the mean MSE"}[protocol.reduction]
    )
    parts += ["flips averaged"] if protocol.flip_average else []
    parts += [f"aligned by {protocol.alignment}"] if protocol.alignment.fit != "none" else []
    parts += ["divided by the prediction"] if protocol.swap_prediction_and_truth else []
    return ", ".join(parts)


def truth_note(replaced: list[str]) -> str:
    """Notes on the truth for the reader of the table."""
    if not replaced:
        return "Filled and raw truth as each protocol says."
    names = " and ".join(f"`{name}`" for name in replaced)
    return f"{names} are defined on raw truth, which these pairs lack: here they are scored on the filled one."


def spread(scores: dict[str, dict[str, float]], names: list[str]) -> str:
    """Least, greatest and their distance by metric."""
    rows = []
    for key in STANDARD:
        low, high = (choose(names, key=lambda name: scores[name][key]) for choose in (min, max))
        share = (scores[high][key] - scores[low][key]) / scores[BASE][key]
        least, most = f"{scores[low][key]:.4f} (`{low}`)", f"{scores[high][key]:.4f} (`{high}`)"
        rows.append([key, least, most, f"{100 * share:.1f} %"])
    return markdown(["metric", "least", "greatest", "spread"], rows)


def change(scores: dict[str, dict[str, float]], name: str, key: str) -> float:
    """Change by a knob in percent."""
    return 100 * (scores[name][key] / scores[BASE][key] - 1)


def knob_table(scores: dict[str, dict[str, float]]) -> str:
    """Changes in percent, knobs that act."""
    rows = [
        [name, *(percent(change(scores, name, key)) for key in STANDARD)]
        for name in KNOBS
        if name in scores and acts(scores, name)
    ]
    absolute = [f"`{BASE}` itself", *(f"{scores[BASE][key]:.4f}" for key in STANDARD)]
    return markdown(["knob", *STANDARD], [absolute, *rows])


def acts(scores: dict[str, dict[str, float]], name: str) -> bool:
    """Whether a knob changes any number."""
    return any(scores[name][key] != scores[BASE][key] for key in STANDARD)


def percent(value: float) -> str:
    """Signed, to a tenth."""
    return "=" if abs(value) < 1e-9 else "0" if abs(value) < 0.05 else f"{value:+.1f}"


def strongest(scores: dict[str, dict[str, float]]) -> str:
    """For each metric the knob that moves it most."""
    names = [name for name in KNOBS if name in scores and not name.startswith("alignment")]
    told = []
    for key in STANDARD:
        name = max(names, key=lambda name: abs(change(scores, name, key)))
        told.append(f"{key} by {name} ({percent(change(scores, name, key))} %)")
    return "; ".join(told)


def idle(scores: dict[str, dict[str, float]], run: bool) -> str:
    """Knobs that are not in the table, and why."""
    still = [name for name in KNOBS if name in scores and not acts(scores, name)]
    missing = [name for name in KNOBS if name not in scores]
    lines = []
    if still:
        lines.append(f"Without any effect on these predictions: {'; '.join(still)}.")
    if missing:
        lines.append(f"Not tried, for want of raw truth{'' if run else ' and of a network'}: {'; '.join(missing)}.")
    return " ".join(lines)


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


if __name__ == "__main__":
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("setting", nargs="+", help="KEY=VALUE, as for depthbench evaluate")
    try:
        PAGE.write_text(page(command.parse_args().setting))
    except UserError as error:
        sys.exit(str(error))
    print(PAGE)

"""From a request to its answer: open, predict, score, compare, show."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import torch
import torch.distributed as dist

from depthbench.config.targets import instantiate
from depthbench.errors import UserError
from depthbench.evaluation.command_line import Input, Request
from depthbench.evaluation.predictors import Network, Predictor, open_files
from depthbench.evaluation.scoring import Scored, rank_and_world, score
from depthbench.evaluation.tables import Evaluation, Paired, adjusted, per_image_csv, show, write
from depthbench.evaluation.test_set import Truth
from depthbench.files import write_atomically
from depthbench.metrics import ImageMetric
from depthbench.protocols import EvalProtocol, ProtocolSuite
from depthbench.stats.image_sums import difference, intervals
from depthbench.training.devices import choose_device


def answer(request: Request) -> None:
    """Evaluate; the first process writes the files and prints the table."""
    device = choose_device(request.options["device"])
    with _processes():
        evaluation = evaluate(request, device)
        if rank_and_world()[0] > 0:
            return
        for path in request.output:
            write(evaluation, path)
        if request.options["per_image"]:
            write_atomically(Path(request.options["per_image"]), per_image_csv(evaluation))
        show(evaluation)


def evaluate(request: Request, device: torch.device) -> Evaluation:
    """Scores of all inputs under all protocols.

    Raises:
        UserError: if data, predictions and protocols do not fit together.
    """
    protocols: list[EvalProtocol] = [instantiate(config) for config in request.protocols.values()]
    free = [rules for rules in protocols if rules.images is None and rules.truth == "filled" and request.own_truth]
    named = [protocol for protocol in protocols if protocol not in free]
    truths = [Truth(one.config, named) for one in request.inputs]
    own = truths[0].kind
    if own != "any":  # without published numbers there is no kind of truth to keep to
        protocols = [replace(protocol, truth=own) if protocol in free else protocol for protocol in protocols]
    fitting, refused = choose(protocols, request, truths)
    structure, lacking = choose_structure(request, truths)
    scored = []
    for one, truth in zip(request.inputs, truths, strict=True):
        predict = _predictor(one, truth, fitting, request, device)
        scored.append(score(one.name, predict, truth, fitting, device, structure))
    notes = [*_notes(request, fitting, scored[0]), *lacking]
    return evaluation_of(scored, fitting, refused, notes, request.options["seed"])


def evaluation_of(
    scored: list[Scored], protocols: list[EvalProtocol], refused: dict[str, str], notes: list[str], seed: int
) -> Evaluation:
    """Scores, intervals and differences from sums.

    Raises:
        UserError: if inputs are not of the same images.
    """
    for one in scored[1:]:
        if one.frames != scored[0].frames:
            raise UserError(f"{scored[0].name} and {one.name} are not of the same images, so nothing can be paired.")
    return Evaluation(
        protocols,
        scored,
        scores={one.name: {rules.name: one.scores(rules) for rules in protocols} for one in scored},
        limits={
            one.name: {
                rules.name: {
                    name: limits for part in one.addends(rules) for name, limits in intervals(part, seed).items()
                }
                for rules in protocols
            }
            for one in scored
        },
        paired=[pair for rules in protocols for pair in _paired(scored, rules, seed)],
        refused=refused,
        notes=notes,
    )


def _paired(scored: list[Scored], rules: EvalProtocol, seed: int) -> list[Paired]:
    pairs = list(combinations(scored, 2))
    found = []
    for a, b in pairs:
        parts = zip(a.addends(rules), b.addends(rules), strict=True)
        found.append({name: value for part in parts for name, value in difference(*part, seed).items()})
    return [
        Paired(rules.name, a.name, b.name, differences, p_values)
        for (a, b), differences, p_values in zip(pairs, found, adjusted(found, scored[0].shown()), strict=True)
    ]


def choose(
    protocols: Sequence[EvalProtocol], request: Request, truths: Sequence[Truth]
) -> tuple[list[EvalProtocol], dict[str, str]]:
    """Protocols that fit the data, and the sentences of those that refuse it.

    Raises:
        UserError: if one that was named refuses, or all do.
    """
    refused: dict[str, str] = {}
    for one, truth in zip(request.inputs, truths, strict=True):
        covers = "full" if one.run else request.options["covers"]
        first = truth[0].truth
        for protocol in protocols:
            try:
                reason = truth.refuses(protocol) if request.every else None
                if reason:
                    raise UserError(reason)
                ProtocolSuite([protocol]).sums(torch.ones(1, 1, 8, 8), truth.given(first), covers=covers)
            except UserError as error:
                if not request.every:
                    raise
                refused[protocol.name] = str(error)
    fitting = [protocol for protocol in protocols if protocol.name not in refused]
    if not fitting:
        raise UserError(f"No protocol fits this data; for example: {next(iter(refused.values()))}")
    return fitting, refused


def choose_structure(request: Request, truths: Sequence[Truth]) -> tuple[dict[str, ImageMetric], list[str]]:
    """Metrics of structure that the data can serve, and a sentence about the others.

    Raises:
        UserError: if one that was named needs intrinsics that the data lack.
    """
    metrics: dict[str, ImageMetric] = {name: instantiate(config) for name, config in request.structure.items()}
    blind = [truth.target for truth in truths if truth[0].intrinsics is None]
    lacking = [name for name, metric in metrics.items() if metric.needs_intrinsics] if blind else []
    if lacking and not request.every_structure:
        raise UserError(f"structure={','.join(lacking)} needs intrinsics of the camera, which {blind[0]} lacks.")
    note = [f"Left out: {', '.join(lacking)}: {blind[0]} has no intrinsics of the camera."] if lacking else []
    return {name: metric for name, metric in metrics.items() if name not in lacking}, note


def _predictor(
    one: Input, truth: Truth, protocols: list[EvalProtocol], request: Request, device: torch.device
) -> Predictor:
    if one.run:
        return Network(one.run, one.config, device)
    return open_files(one.path, truth, request.options, request.unit, protocols)


def _notes(request: Request, protocols: list[EvalProtocol], scored: Scored) -> list[str]:
    notes = [
        f"{one.name} is not done: its last checkpoint was scored."
        for one in request.inputs
        if one.run and not one.run.done
    ]
    averaging = [protocol.name for protocol in protocols if protocol.flip_average]
    if averaging and not all(one.run for one in request.inputs):
        notes.append(
            f"{', '.join(averaging)}: averages with the mirror image's prediction; files are taken as they are."
        )
    other = [protocol for protocol in protocols if protocol.images not in (None, len(scored.frames))]
    for images in sorted({protocol.images or 0 for protocol in other}):
        names = ", ".join(protocol.name for protocol in other if protocol.images == images)
        notes.append(f"{names}: published numbers are of {images} images, these of {len(scored.frames)}.")
    return notes


@contextlib.contextmanager
def _processes() -> Iterator[None]:
    """Meet the other processes that torchrun has started."""
    if rank_and_world()[1] == 1:
        yield
        return
    # gloo for GPUs too: only the sums of images are exchanged, once.
    dist.init_process_group("gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()

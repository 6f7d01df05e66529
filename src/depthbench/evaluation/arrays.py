"""Scores of predictions in memory."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from depthbench.annotations import Annotations, stack_annotations
from depthbench.errors import UserError
from depthbench.evaluation.covered_part import check_covers
from depthbench.evaluation.prediction_files import check_prediction, in_quantity
from depthbench.evaluation.scoring import Scored
from depthbench.metrics import ImageMetric
from depthbench.output_kinds import OutputKind, output_kind
from depthbench.protocols import Camera, Declared, EvalProtocol, Scorer, load_protocol
from depthbench.protocols.regions import Region
from depthbench.stats.intervals import Limits, intervals

MapsLike = ArrayLike | Tensor | Sequence[ArrayLike | Tensor]
"""``(N, H, W)``, or N maps ``(H, W)`` of any sizes."""


class ArrayScores(NamedTuple):
    """Scores of :func:`score_arrays`.

    Attributes:
        scores: by protocol and metric, with counts.
        intervals: 95 % bootstrap limits over images, by protocol and metric.
        per_image: scores of each image, by protocol and metric.
    """

    scores: dict[str, dict[str, float]]
    intervals: dict[str, dict[str, Limits]]
    per_image: dict[str, dict[str, list[float]]]


@torch.no_grad()
def score_arrays(
    predictions: MapsLike,
    truths: MapsLike,
    protocols: str | EvalProtocol | Iterable[str | EvalProtocol] = "full",
    intrinsics: ArrayLike | Tensor | None = None,
    structure: Mapping[str, ImageMetric] | None = None,
    seed: int = 0,
    covers: Region | None = None,
    annotations: Sequence[Annotations] | None = None,
    extended: bool = False,
    kind: str = OutputKind.METRIC_DEPTH,
) -> ArrayScores:
    """Scores of predictions in memory, with intervals, as ``depthbench evaluate`` gives them for files.

    Protocols that average with the mirror image's prediction take the predictions as they are. Predictions may have
    another size than the truth; each protocol resizes them.

    Args:
        predictions: of their kind, floats; by default depth in metres.
        truths: depth in metres, floats, 0 = missing.
        protocols: one or several, by name (``conf/protocol``) or as objects.
        intrinsics: ``(3, 3)`` of all or ``(N, 3, 3)``, in pixels of the truths; for structure that needs a camera.
        structure: metrics of whole images that are scored, too, by any names.
        seed: of the bootstrap.
        covers: the part of the truths that predictions show; by default all, where their size can be that of all.
        annotations: of each truth, for structure that needs them.
        extended: whether the scores of ``metrics.functional.EXTENDED_SCORES`` are given, too.
        kind: of the predictions, see :class:`~depthbench.output_kinds.OutputKind`; every protocol must serve it.

    Raises:
        UserError: if there is nothing to score, numbers or shapes don't fit, or a protocol refuses the truths.

    Example:
        >>> import numpy as np
        >>> from depthbench.evaluation import score_arrays
        >>> truths = np.random.default_rng(0).uniform(1, 5, (20, 48, 64))
        >>> found = score_arrays(1.1 * truths, truths)
        >>> round(found.scores["full"]["AbsRel"], 4)
        0.1
        >>> low, high = found.intervals["full"]["RMSE"]
        >>> low < found.scores["full"]["RMSE"] < high
        True
    """
    declared = output_kind(kind)
    rules = _rules(protocols, declared)
    predicted, true = _maps(predictions, "predictions", declared), _maps(truths, "truths")
    if len(predicted) != len(true) or not true:
        raise UserError(f"Scoring needs as many predictions as truths, got {len(predicted)} and {len(true)}.")
    cameras = None if intrinsics is None else _cameras(intrinsics, len(true))
    noted = None if annotations is None else _annotations(annotations, len(true))
    scorer = Scorer(rules, structure, extended)
    scorer.structure.refuse(cameras is not None, None if noted is None else noted[0], "; give them.")
    shown: Region = "full" if covers is None else covers
    for place, (prediction, truth) in enumerate(zip(predicted, true, strict=True)):
        size = (truth.shape[-2], truth.shape[-1])
        check_prediction(str(place), prediction, declared)
        check_covers(str(place), (prediction.shape[-2], prediction.shape[-1]), size, covers)
        scorer.update(
            prediction[None],
            truth[None],
            [str(place)],
            covers=shown,
            camera=None if cameras is None else Camera(cameras[place : place + 1], size),
            annotations=None if noted is None else noted[place],
            places=[place],
            declared=Declared(declared.quantity),
        )
    return _read(Scored(name="", **vars(scorer.compute())), rules, seed)


def _rules(protocols: str | EvalProtocol | Iterable[str | EvalProtocol], kind: OutputKind) -> list[EvalProtocol]:
    """The protocols, each of which must serve the kind and fit images one by one."""
    chosen = [protocols] if isinstance(protocols, str | EvalProtocol) else list(protocols)
    rules = [load_protocol(one) if isinstance(one, str) else one for one in chosen]
    for one in rules:
        if reason := one.refuses(kind):
            raise UserError(reason)
        if one.alignment.over != "image":
            raise UserError(f"Protocol '{one.name}' is fitted over more than an image; score files by the command.")
    return rules


def _read(found: Scored, rules: Sequence[EvalProtocol], seed: int) -> ArrayScores:
    limits = {
        one.name: {name: pair for part in found.addends(one, seed) for name, pair in intervals(part).items()}
        for one in rules
    }
    return ArrayScores(
        scores={one.name: found.scores(one) for one in rules},
        intervals=limits,
        per_image={one.name: found.per_image(one) for one in rules},
    )


def _maps(values: Any, what: str, kind: OutputKind = OutputKind.METRIC_DEPTH) -> list[Tensor]:
    """Each map ``(1, H, W)`` float32 on the CPU, in the quantity of its kind."""
    if isinstance(values, Tensor | np.ndarray) and values.ndim != 3:
        raise UserError(f"The {what} have the shape {tuple(values.shape)}, not (N, H, W).")
    found = []
    for place, one in enumerate(values):
        one_map = torch.as_tensor(one.detach() if isinstance(one, Tensor) else np.asarray(one))
        if one_map.ndim != 2 or not one_map.is_floating_point():
            raise UserError(
                f"Map {place} of the {what} has the shape {tuple(one_map.shape)} and holds {one_map.dtype}; give "
                "floats (H, W) in metres."
            )
        found.append(torch.from_numpy(in_quantity(one_map.float().cpu().numpy(), kind))[None])
    return found


def _annotations(annotations: Sequence[Annotations], count: int) -> list[Annotations | None]:
    if len(annotations) != count:
        raise UserError(f"Scoring needs annotations of each of the {count} truths, got {len(annotations)}.")
    return [stack_annotations([one]) for one in annotations]


def _cameras(intrinsics: Any, count: int) -> Tensor:
    cameras = torch.as_tensor(intrinsics).float()
    if cameras.shape not in ((3, 3), (count, 3, 3)):
        raise UserError(f"The intrinsics have the shape {tuple(cameras.shape)}, not (3, 3) or ({count}, 3, 3).")
    return cameras.expand(count, 3, 3)

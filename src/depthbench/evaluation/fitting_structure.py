"""The requested metrics of structure that fit data and protocols, and a sentence about the others."""

from collections.abc import Mapping, Sequence

from torchmetrics import Metric

from depthbench.config.targets import instantiate
from depthbench.errors import UserError
from depthbench.evaluation.camera_scores import lacks_cameras
from depthbench.evaluation.clip_scores import lacks_clips
from depthbench.evaluation.command_line import EvaluateRequest
from depthbench.evaluation.test_set import EvaluationSet
from depthbench.metrics import FieldOfViewError, ImageMetric, TemporalError
from depthbench.metrics.image.image_metric import lacks
from depthbench.protocols import EvalProtocol

BESIDE: Mapping[str, type[Metric]] = {"fov": FieldOfViewError, "tae": TemporalError}
"""Metrics that score no single map: of predicted cameras, and of clips."""


def fitting_structure(
    request: EvaluateRequest, sets: Sequence[EvaluationSet], protocols: Sequence[EvalProtocol]
) -> tuple[dict[str, Metric], list[str]]:
    """Metrics of structure that the data can serve, and a sentence about the others.

    Raises:
        UserError: if one that was named needs anything that data or protocols lack.
    """
    metrics: dict[str, Metric] = {name: instantiate(config) for name, config in request.structure.items()}
    asked = [word for word, wanted in (("structure=", metrics), ("scores=extended", request.extended)) if wanted]
    if asked and any(frames.has_pairs for frames in sets):
        if not request.every_structure or request.extended:
            raise UserError(f"{asked[-1]} needs depth, of which {sets[0].target} has none; leave it out.")
        return {}, [f"Left out: structure=all: {sets[0].target} has no depth."]
    lacking: dict[tuple[str, str], list[str]] = {}
    for name, metric in metrics.items():
        needs = (_lacks(metric, frames, protocols, request.every_structure) for frames in dict.fromkeys(sets))
        if told := next(filter(None, needs), None):
            lacking.setdefault(told, []).append(name)
    for (wanted, _), names in lacking.items() if not request.every_structure else ():
        raise UserError(f"structure={','.join(names)} needs {wanted}.")
    notes = [f"Left out: {', '.join(names)}: {note}." for (_, note), names in lacking.items()]
    left_out = {name for names in lacking.values() for name in names}
    return {name: metric for name, metric in metrics.items() if name not in left_out}, notes


def _lacks(
    metric: Metric, frames: EvaluationSet, protocols: Sequence[EvalProtocol], every: bool
) -> tuple[str, str] | None:
    """The inputs that a metric needs and doesn't find, in words after "needs", and as a note; None where it has all."""
    if isinstance(metric, TemporalError | FieldOfViewError):
        if isinstance(metric, TemporalError):
            wanted = lacks_clips(frames, protocols)
        else:
            wanted = "predicted cameras; name it where predictions have them" if every else lacks_cameras(frames)
        return None if wanted is None else (wanted, f"needs {wanted}")
    assert isinstance(metric, ImageMetric)
    first = frames[0]
    words = lacks(metric, first.intrinsics is not None, first.annotations)
    told = " and ".join(words)
    return (f"{told}, which {frames.target} lacks", f"{frames.target} has no {told}") if words else None

"""Depth edges as three published evaluations measure them: iBims-1, SharpDepth, SYNS-Patches (MDEC).

All find edges with Canny and measure distances between edges; they differ in the map on which edges are found, in whose
edges are true and in what is cut off at 10 pixels. Edges near holes are not found (see :func:`canny`). All wait for
the device.
"""

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthbench.annotations import Annotations
from depthbench.metrics.canny import canny
from depthbench.metrics.image import edge_kernel
from depthbench.metrics.image.distances import edge_distances
from depthbench.metrics.image.image_metric import AnnotatedMetric, ImageMetric, count, everywhere, share

NEAR = 10.0
"""Pixels from which on an edge is too far away to be the same; the score where there is none."""


def normalized(maps: Tensor, valid: Tensor) -> Tensor:
    """The valid part brought to 0 to 1, float64; NaN elsewhere."""
    if everywhere(valid):  # on a CPU, where numpy takes a tenth of torch's time
        low, high = (maps.new_tensor([edge(one) for one in maps.numpy()]) for edge in (np.min, np.max))
        low, high = (edge.double()[:, None, None, None] for edge in (low, high))
        return maps.to(torch.float64, copy=True).sub_(low).div_(high - low)
    maps = maps.double()
    low = torch.where(valid, maps, torch.inf).flatten(1).amin(1)[:, None, None, None]
    maps = maps - low
    high = torch.where(valid, maps, -torch.inf).flatten(1).amax(1)[:, None, None, None]
    return torch.where(valid, maps / high, torch.nan)


def edge_errors(found: Tensor, wanted: Tensor, symmetric: bool = False) -> tuple[Tensor, Tensor]:
    """Accuracy and completeness ``(B, 2)`` of predicted edges, and which images have true ones.

    Accuracy: mean distance of predicted edges to true ones, of those nearer than :data:`NEAR`. Completeness: mean
    distance of true edges to predicted ones; if symmetric, of both to the others, each cut at :data:`NEAR`.
    """
    forth, back = edge_distances(found, wanted), edge_distances(wanted, found)
    near = forth.nearer(NEAR)
    if symmetric:
        complete = (forth.sums(NEAR) + back.sums(NEAR)) / (forth.counts() + back.counts())
    else:
        complete = back.sums() / back.counts()
    scores = torch.stack([share(near.sums(), near.counts()), complete], 1)
    scores = torch.where(near.counts()[:, None] > 0, scores, NEAR).to(found.device)
    return scores, (back.counts() > 0)[:, None].expand_as(scores).to(found.device)


class IBimsBoundaryError(AnnotatedMetric):
    """Depth-boundary errors of iBims-1 (Koch et al. 2018; its script ``evaluate_ibims_error_metrics.py``).

    Predicted edges are Canny's (sigma sqrt 2, thresholds 0.15 and 0.3) on the prediction brought to 0 to 1; true edges
    are annotated. ``ibims_DBE_accuracy``: mean distance in pixels of predicted edges to true ones, of those nearer than
    10; ``ibims_DBE_completeness``: mean distance, cut at 10, from each side's edges to the other's. Both are 10 where
    no predicted edge is near. Images without a true edge are left out. :class:`~depthbench.metrics.BoundaryError` has
    the same formulas on edges of its own, for data without annotated ones. Needs annotated edges.

    Example:
        >>> import torch
        >>> from depthbench.annotations import Annotations
        >>> from depthbench.metrics import IBimsBoundaryError
        >>> depth = torch.where(torch.arange(40) < 20, 2.0, 3.0).expand(1, 1, 30, 40)
        >>> edges = (torch.arange(40) == 17).expand(1, 1, 30, 40)
        >>> metric = IBimsBoundaryError()
        >>> metric.update(depth, depth, annotations=Annotations(edges=edges))
        >>> metric.compute()["ibims_DBE_accuracy"].item()
        2.5
    """

    higher_is_better = False
    needs = ("edges",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(["ibims_DBE_accuracy", "ibims_DBE_completeness"], **kwargs)

    def score_annotated(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None, annotations: Annotations
    ) -> tuple[Tensor, Tensor]:
        """See :class:`AnnotatedMetric`."""
        wanted = _edges_of(annotations)
        found = canny(normalized(prediction, valid), 2**0.5, 0.15, 0.3)
        return edge_errors(found, wanted, symmetric=True)


class SharpDepthBoundaryError(ImageMetric):
    """Pseudo depth-boundary errors of SharpDepth (Pham et al. 2025; ``evaluation/metric.py`` of its release).

    For data without annotated edges: edges of prediction and truth are each Canny's (sigma sqrt 2, thresholds 0.1 and
    0.2) on the depth or on the disparity, each brought to 0 to 1. Accuracy as in :class:`IBimsBoundaryError`;
    completeness is the mean distance from true edges to predicted ones, neither cut off nor symmetric. Both are 10
    where no predicted edge is near a true one. Images without a true edge are left out.

    Example:
        >>> import torch
        >>> from depthbench.metrics import SharpDepthBoundaryError
        >>> truth = torch.where(torch.arange(40) < 20, 2.0, 3.0).expand(1, 1, 30, 40)
        >>> metric = SharpDepthBoundaryError()
        >>> metric.update(7 * truth, truth)
        >>> metric.compute()["pseudo_DBE_accuracy"].item()
        0.0
    """

    higher_is_better = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(["pseudo_DBE_accuracy", "pseudo_DBE_completeness"], **kwargs)

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        found, wanted = (
            canny(normalized(depth, valid), 2**0.5, 0.1, 0.2)
            | canny(normalized(1 / depth.clamp(min=1e-6), valid), 2**0.5, 0.1, 0.2)
            for depth in (prediction, target)
        )
        return edge_errors(found, wanted)


class MDECEdgeError(AnnotatedMetric):
    """Edge accuracy and completeness of SYNS-Patches and the MDE challenges (Spencer et al. 2022; ``metrics_ibims``).

    Predicted edges are Canny's (sigma 1, thresholds 0.1 and 0.2) on the logarithm of the prediction; true edges are
    annotated. Accuracy as in :class:`IBimsBoundaryError`; completeness is the mean distance from true edges to
    predicted ones, not cut off. Both are 10 where no predicted edge is near a true one. Images without a true edge are
    left out. Needs annotated edges.

    Example:
        >>> import torch
        >>> from depthbench.annotations import Annotations
        >>> from depthbench.metrics import MDECEdgeError
        >>> depth = torch.where(torch.arange(40) < 20, 2.0, 4.0).expand(1, 1, 30, 40)
        >>> edges = (torch.arange(40) == 17).expand(1, 1, 30, 40)
        >>> metric = MDECEdgeError()
        >>> metric.update(depth, depth, annotations=Annotations(edges=edges))
        >>> 2 <= metric.compute()["edge_accuracy"].item() <= 3  # one side of the step, or both
        True
    """

    higher_is_better = False
    needs = ("edges",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(["edge_accuracy", "edge_completeness"], **kwargs)

    def score_annotated(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None, annotations: Annotations
    ) -> tuple[Tensor, Tensor]:
        """See :class:`AnnotatedMetric`."""
        wanted = _edges_of(annotations)
        logs = prediction.to(torch.float64, copy=True).clamp_(min=1e-6).log_()
        logs = logs if everywhere(valid) else torch.where(valid, logs, torch.nan)
        found = canny(logs, 1.0, 0.1, 0.2)
        return edge_errors(found, wanted)


def _edges_of(annotations: Annotations) -> Tensor:
    assert annotations.edges is not None
    return annotations.edges.bool()


class DirectedDepthError(ImageMetric):
    """Directed depth errors of iBims-1 (3 m) and SYNS-Patches (10 m): shares of pixels on the wrong side of a plane.

    ``DDE_equal``: prediction and truth lie on the same side; ``DDE_nearer``: the prediction in front of the plane, the
    truth behind it; ``DDE_farther``: the other way round. Shares of valid pixels (both publish percent).

    Args:
        distance: of the plane, metres; a point on it is in front.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import DirectedDepthError
        >>> truth = torch.full((1, 1, 20, 30), 2.5)
        >>> metric = DirectedDepthError()
        >>> metric.update(truth + 1, truth)
        >>> metric.compute()["DDE_farther_3m"].item()
        1.0
    """

    def __init__(self, distance: float = 3.0, **kwargs: Any) -> None:
        super().__init__([f"DDE_{kind}_{distance:g}m" for kind in ("equal", "nearer", "farther")], **kwargs)
        self.distance = distance

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        found, wanted = prediction <= self.distance, target <= self.distance
        parts = [count(part & valid) for part in (found == wanted, found & ~wanted, wanted & ~found)]
        scores = torch.stack([share(part, count(valid)) for part in parts], 1)
        return scores, valid.flatten(1).any(1, keepdim=True).expand_as(scores)


class SoftEdgeError(ImageMetric):
    """Soft edge error of PatchFusion (Li et al. 2024; ``estimator/utils/metric.py``; Chen et al. 2019): metres.

    At each pixel the least of the nine errors between the prediction and the truth around it (zeros around the map),
    averaged over the pixels at a true edge: both of two neighbors (4 directions) that differ by more than 1 metre of
    depth, or 1 pixel of disparity. Images without one are left out.

    Args:
        disparity: focal length times baseline, in pixels times metres, of data whose edges are steps of disparity
            (UnrealStereo4K, Middlebury); None for steps of depth.
        step: metres (pixels).
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import SoftEdgeError
        >>> truth = torch.where(torch.arange(40) < 20, 2.0, 4.0).expand(1, 1, 30, 40)
        >>> metric = SoftEdgeError()
        >>> metric.update(truth.roll(1, -1), truth)  # a pixel to the right is forgiven
        >>> metric.compute()["SEE"].item()
        0.0
    """

    higher_is_better = False

    def __init__(self, disparity: float | None = None, step: float = 1.0, **kwargs: Any) -> None:
        super().__init__(["SEE"], **kwargs)
        self.disparity, self.step = disparity, step

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        stepped = target if self.disparity is None else self.disparity / target
        if edge_kernel.takes(prediction, target, stepped):
            masks = None if everywhere(valid) else edge_kernel.dense(valid[:, 0])
            maps = [edge_kernel.dense(one[:, 0]) for one in (prediction, target, stepped)]
            pairs = [
                edge_kernel.soft_errors(p, t, at, None if masks is None else masks[image], self.step)
                for image, (p, t, at) in enumerate(zip(*maps, strict=True))
            ]
        else:
            edges = step_pixels(stepped, valid, self.step)
            maps = [one[:, 0].cpu().numpy() for one in (prediction, torch.where(valid, target, 0.0), edges)]
            pairs = [(_soft_error(*one), float(one[2].sum())) for one in zip(*maps, strict=True)]
        sums, counts = torch.tensor(pairs, dtype=torch.float64, device=target.device).reshape(-1, 2).unbind(1)
        return share(sums, counts)[:, None], (counts > 0)[:, None]


def _soft_error(prediction: NDArray[Any], truth: NDArray[Any], edges: NDArray[np.bool_]) -> float:
    """Sum over the edge pixels ``(H, W)`` of the least of the nine errors around each, with zeros around the map."""
    places = np.flatnonzero(edges)
    prediction, truth = (np.ascontiguousarray(one) for one in (prediction, truth))
    width = truth.shape[1] + 2
    around = cv2.copyMakeBorder(truth, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0).ravel()
    above = places + 2 * (places // truth.shape[1])  # the upper left of nine
    predicted = prediction.reshape(-1).take(places)
    least = np.full(len(places), np.inf, dtype=truth.dtype)
    for step in (down * width + across for down in range(3) for across in range(3)):
        np.minimum(least, np.abs(around.take(above + step) - predicted), out=least)
    return float(least.sum(dtype=np.float64))


def step_pixels(maps: Tensor, valid: Tensor, step: float) -> Tensor:
    """Both pixels of each pair of valid neighbors (4 directions) that differ by more than ``step``."""
    whole = everywhere(valid)
    if edge_kernel.takes(maps):
        pairs = zip(*map(edge_kernel.dense, (maps[:, 0], valid[:, 0])), strict=True)
        marks = [edge_kernel.step_marks(one, None if whole else mask, step) for one, mask in pairs]
        return torch.from_numpy(np.stack(marks)[:, None]) if marks else valid
    values, known = maps.cpu().numpy(), valid.cpu().numpy()
    edges = np.zeros(known.shape, dtype=bool)
    for one, other in ((np.s_[..., 1:, :], np.s_[..., :-1, :]), (np.s_[..., 1:], np.s_[..., :-1])):
        steps = values[one] - values[other]
        over = np.abs(steps, out=steps) > step
        if not whole:
            over &= known[one] & known[other]
        edges[one] |= over
        edges[other] |= over
    return torch.from_numpy(edges).to(maps.device)

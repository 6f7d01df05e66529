"""Published boundary and point metrics as their code goes about them: their formulas, one image at a time, in numpy.

The sources are named in the docstrings of the classes of :mod:`depthbench.metrics` that are compared with these.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import cdist

Map = NDArray[np.float64]
Mask = NDArray[np.bool_]
WEIGHTS = np.linspace(1.05, 1.25, 10)
STEPS = np.linspace(0.05, 0.25, 10)


def relations(depth: Map, threshold: float) -> list[Mask]:
    """Depth Pro's edges in four directions; NaN is no edge."""
    z = 1 / depth.clip(min=1e-6)
    with np.errstate(invalid="ignore"):
        return [
            z[:, :-1] / z[:, 1:] > threshold,
            z[:-1] / z[1:] > threshold,
            z[:, 1:] / z[:, :-1] > threshold,
            z[1:] / z[:-1] > threshold,
        ]


def depth_pro_f1(prediction: Map, truth: Map) -> float:
    scores = []
    for threshold in WEIGHTS:
        pairs = list(zip(relations(prediction, threshold), relations(truth, threshold), strict=True))
        precision = np.mean([(p & t).sum() / max(p.sum(), 1) for p, t in pairs])
        recall = np.mean([(p & t).sum() / max(t.sum(), 1) for p, t in pairs])
        scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    return float(np.sum(scores * WEIGHTS) / WEIGHTS.sum())


def thinned(ratio: Map, threshold: float) -> Mask:
    """The first largest of each run of ratios above the threshold along a row."""
    kept = np.zeros(ratio.shape, dtype=bool)
    for row, values in enumerate(ratio):
        above = np.flatnonzero(values > threshold)
        for run in np.split(above, np.flatnonzero(np.diff(above) > 1) + 1):
            if len(run):
                kept[row, run[np.argmax(values[run])]] = True
    return kept


def depth_pro_recall(prediction: Map, alpha: Map) -> float:
    z, front = 1 / prediction.clip(min=1e-6), alpha > 0.1
    scores = []
    for threshold in WEIGHTS:
        recalls = []
        for near, mask in ((z, front), (z.T, front.T)):
            for one, other in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
                edges = mask[:, one] & ~mask[:, other]
                found = thinned(near[:, one] / near[:, other], threshold)
                recalls.append((found & edges).sum() / max(edges.sum(), 1))
        scores.append(np.mean(recalls))
    return float(np.sum(scores * WEIGHTS) / WEIGHTS.sum())


def moge_f1(prediction: Map, truth: Map, valid: Mask, radius: int) -> float:
    side = 2 * radius + 1
    offsets = np.arange(side) - radius
    near = offsets[:, None] ** 2 + offsets**2 <= radius**2
    inner = slice(radius, -radius)
    windows = [np.lib.stride_tricks.sliding_window_view(one, (side, side)) for one in (prediction, truth, valid)]
    p, t = (
        window / one[inner, inner, None, None] for window, one in zip(windows[:2], (prediction, truth), strict=True)
    )
    counted = near & windows[2] & valid[inner, inner, None, None]
    scores = []
    for step in STEPS:
        found, wanted = (p > 1 + step) & counted, (t > 1 + step) & counted
        precision, recall = ((found & wanted).sum() / max(one.sum(), 1e-12) for one in (found, wanted))
        scores.append(2 * precision * recall / max(precision + recall, 1e-12))
    return float(np.sum(scores * STEPS) / STEPS.sum())


def canny_edges(image: Map, sigma: float, low: float, high: float) -> Mask:
    """Canny's edges by scipy's filters and labels, as scikit-image puts them together."""
    inside = ndimage.gaussian_filter(np.ones_like(image), sigma, mode="constant") + np.finfo(float).eps
    smooth = ndimage.gaussian_filter(image, sigma, mode="constant") / inside
    gy, gx = ndimage.sobel(smooth, axis=0), ndimage.sobel(smooth, axis=1)
    strength = np.sqrt(gy * gy + gx * gx)
    low = float(np.float32(low))
    row, column = (axis + 1 for axis in np.nonzero(strength[1:-1, 1:-1] >= low))
    y, x, own = gy[row, column], gx[row, column], strength[row, column]
    same = (y > 0) == (x > 0)
    vertical = np.where(same, np.abs(y) > np.abs(x), np.abs(y) >= np.abs(x))
    turn = np.where(same, 1, -1)
    weight = np.minimum(np.abs(y), np.abs(x)) / np.maximum(np.abs(y), np.abs(x))
    kept = np.ones(own.shape, dtype=bool)
    for sign in (1, -1):
        diagonal = strength[row + sign * turn, column + sign]
        straight = strength[row + sign * np.where(vertical, turn, 0), column + sign * np.where(vertical, 0, 1)]
        kept &= diagonal * weight + straight * (1 - weight) <= own
    thin = np.zeros(image.shape, dtype=bool)
    thin[row[kept], column[kept]] = True
    labels, _ = ndimage.label(thin, np.ones((3, 3)))
    return np.isin(labels, np.setdiff1d(labels[thin & (strength >= high)], 0))


def zero_to_one(values: Map) -> Map:
    values = values - np.nanmin(values)
    return np.asarray(values / np.nanmax(values))


def accuracy_and_completeness(found: Mask, wanted: Mask) -> tuple[float, float, Map, Map]:
    to_wanted, to_found = ndimage.distance_transform_edt(~wanted), ndimage.distance_transform_edt(~found)
    near = found & (to_wanted < 10)
    if not near.any():
        return 10.0, 10.0, to_wanted, to_found
    return to_wanted[near].mean(), to_found[wanted].mean(), to_wanted, to_found


def ibims_dbe(prediction: Map, wanted: Mask) -> tuple[float, float]:
    found = canny_edges(zero_to_one(prediction), 2**0.5, 0.15, 0.3)
    accuracy, _, to_wanted, to_found = accuracy_and_completeness(found, wanted)
    if not (found & (to_wanted < 10)).any():
        return 10.0, 10.0
    both = np.minimum(to_wanted, 10)[found].sum() + np.minimum(to_found, 10)[wanted].sum()
    return accuracy, both / (found.sum() + wanted.sum())


def sharpdepth_dbe(prediction: Map, truth: Map) -> tuple[float, float]:
    """Released, edges and distances are computed for each of the two numbers anew."""
    numbers = []
    for number in (0, 1):
        edges = []
        for depth in (prediction, truth):
            kinds = [canny_edges(zero_to_one(one), 2**0.5, 0.1, 0.2) for one in (depth, 1 / depth.clip(min=1e-6))]
            edges.append(kinds[0] | kinds[1])
        numbers.append(accuracy_and_completeness(edges[0], edges[1])[number])
    return numbers[0], numbers[1]


def mdec_edges(prediction: Map, wanted: Mask) -> tuple[float, float]:
    return accuracy_and_completeness(canny_edges(np.log(prediction), 1.0, 0.1, 0.2), wanted)[:2]


def soft_edge_error(prediction: Map, truth: Map) -> float:
    height, width = truth.shape
    edges = np.zeros(truth.shape, dtype=bool)
    down, across = np.abs(np.diff(truth, axis=0)) > 1, np.abs(np.diff(truth, axis=1)) > 1
    edges[1:] |= down
    edges[:-1] |= down
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    around = np.pad(truth, 1)
    errors = [np.abs(around[i : i + height, j : j + width] - prediction) for i in range(3) for j in range(3)]
    return float(np.min(errors, axis=0)[edges].mean())


def planarity(points: Map, plane: Mask, normal: Map) -> tuple[float, float]:
    """``points (H, W, 3)`` at the truth's scale; spread in cm and angle in degrees."""
    own = points[plane] - points[plane].mean(0)
    found = np.linalg.svd(own, full_matrices=False)[2][2]
    cosine = abs(found @ normal) / np.linalg.norm(normal)
    return float(100 * (own @ found).std()), float(np.degrees(np.arccos(min(cosine, 1))))


def moge_affine(points: Map, target: Map, weight: Map) -> tuple[float, Map]:
    """The factor and shift of the least weighted sum, every point ``(N, 3)`` an anchor in turn."""
    best, found = np.inf, (1.0, np.zeros(3))
    weights = np.repeat(weight, 3)
    for p_anchor, g_anchor in zip(points, target, strict=True):
        x, y = (points - p_anchor).ravel(), (target - g_anchor).ravel()
        used = weights * np.abs(x)
        ratio = np.divide(y, x, out=np.full_like(y, np.inf), where=used > 0)
        order = np.argsort(ratio)
        reached = np.cumsum(used[order])
        scale = ratio[order[np.searchsorted(reached, reached[-1] / 2)]]
        cost = np.sum(weights * np.abs(scale * x - y))
        if cost < best:
            best, found = cost, (scale, g_anchor - scale * p_anchor)
    return found


def clouds(p: Map, g: Map) -> tuple[Map, Map]:
    """Distances both ways between ``(N, 3)`` by all pairs, as the kernels of UniDepth and MDEC."""
    distances = cdist(p, g)
    return distances.min(1), distances.min(0)


def unidepth_cloud(p: Map, g: Map, low: float, high: float, released: bool) -> tuple[float, float]:
    forth, back = clouds(p, g)
    scores = []
    for limit in np.exp(np.linspace(np.log(low), np.log(high / 20), 100)):
        precision, recall = (((one**2 if released else one) < limit).mean() for one in (forth, back))
        scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    return float(np.mean((forth + back) / 2)), float(np.trapezoid(scores) / 100)


def syns_cloud(p: Map, g: Map, limit: float) -> tuple[float, float, float]:
    forth, back = clouds(p, g)
    precision, recall = (forth < limit).mean(), (back < limit).mean()
    if precision < 1e-3 and recall < 1e-3:
        f = iou = precision
    else:
        f = 2 * precision * recall / (precision + recall)
        iou = precision * recall / (precision + recall - precision * recall)
    return float(forth.mean() + back.mean()), 100 * f, 100 * iou

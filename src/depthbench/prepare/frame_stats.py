"""Measurements of the doctor on one frame: plain numbers and small maps, from which verdicts are made."""

from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from depthbench.data.frame import Frame
from depthbench.data.readers.reader import Reader
from depthbench.data.sample import Sample
from depthbench.errors import UserError
from depthbench.images import resize_depth
from depthbench.prepare.nyu_camera import COLOR, undistortion

SHIFTS = 12  # pixels of EDGES, to each side
EDGES = (120, 160)  # height, width at which edges are compared
THUMB = (24, 32)  # of the fingerprints
MOST_EDGES = 200  # frames, about, whose edges are kept
_WHITE = 245

Floats = NDArray[np.float32]


class FrameStats(NamedTuple):
    """One frame as the doctor sees it. Lengths are in metres.

    Attributes:
        place: its place in the data set.
        name: of the frame, or of its place where it can't be read.
        error: why it can't be read; everything below is then empty.
        sizes: height and width of the picture and of the depth.
        missing: share of pixels without depth.
        quantiles: of the known depth: least, median, largest.
        step: between the values of the known depth, where all differ by whole steps; else 0.
        largest: share of known pixels that have the largest depth.
        fits: ``(25, 25)`` correlation of the edges of picture and depth, by how depth is moved (down, right).
        mirrored: the same with mirrored depth.
        edges: ``(2, 120, 160)`` of picture and depth, normalized; None where they were not to be kept.
        prints: ``(2, 768)`` small picture and depth, normalized.
        frame: pixels that are white where only NYUv2's camera leaves them so, and where only a mirrored one would.
    """

    place: int
    name: str
    error: str | None = None
    sizes: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    missing: float = 1.0
    quantiles: tuple[float, float, float] = (0.0, 0.0, 0.0)
    step: float = 0.0
    largest: float = 0.0
    fits: Any = None
    mirrored: Any = None
    edges: Any = None
    prints: Any = None
    frame: tuple[int, int] = (0, 0)


def sample_of(dataset: Dataset[Frame], index: int) -> Sample:
    """A frame as it is stored, or as it is made where nothing is stored."""
    if isinstance(dataset, Reader):
        return dataset.read(index)
    frame = dataset[index]
    rgb = (frame.image.permute(1, 2, 0) * 255).round().byte().numpy()
    return Sample(rgb, frame.depth[0].numpy(), None, frame.name)


def measure_frame(dataset: Dataset[Frame], index: int, keep_edges: bool = True) -> FrameStats:
    """Measure one frame; one that can't be read says why."""
    try:
        sample = sample_of(dataset, index)
    except UserError as error:
        return FrameStats(index, str(index), str(error))
    depth = sample.depth
    known = depth[depth > 0]
    sizes = (sample.rgb.shape[:2], depth.shape)
    if not known.size:
        return FrameStats(index, sample.name, sizes=sizes)
    values = np.unique(known)
    edges = _edges(sample)
    fits, mirrored = (correlations(edges[0], moved) for moved in (edges[1], edges[1][:, ::-1]))
    return FrameStats(
        index,
        sample.name,
        sizes=sizes,
        missing=1 - known.size / depth.size,
        quantiles=(float(values[0]), float(np.median(known)), float(values[-1])),
        step=step_of(values),
        largest=float((known == values[-1]).mean()),
        fits=fits,
        mirrored=mirrored,
        edges=edges.astype(np.float16) if keep_edges else None,
        prints=fingerprints(sample.rgb, depth),
        frame=white_frame(sample.rgb),
    )


def step_of(values: Floats) -> float:
    """The step of which all differences of sorted values are multiples, judged by the least of them; 0 if none is."""
    steps = np.diff(values.astype(np.float64))
    if len(steps) < 8:
        return 0.0
    # One step is too rough in float32 to count a wide gap by; the sum of narrow ones is not.
    step = float(steps.min())
    for width in (4, 32, np.inf):
        some = steps[steps < width * step]
        counts = np.rint(some / step)
        step = float(some.sum() / counts.sum())
    return 0.0 if np.abs(steps / step - np.rint(steps / step)).max() > 0.1 else step


def _edges(sample: Sample) -> Floats:
    """Edges of the picture and of the logarithm of depth, of mean 0 and length 1."""
    size = (EDGES[1], EDGES[0])
    gray = cv2.cvtColor(cv2.resize(sample.rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    depth = resize_depth(sample.depth, EDGES)
    holes = cv2.dilate((depth <= 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    maps = np.stack([_slope(gray.astype(np.float32)), _slope(np.log(np.where(depth > 0, depth, 1), dtype=np.float32))])
    # Few strong edges must not decide alone; nor the borders, where pictures have frames and depth ends.
    maps = np.minimum(maps, np.quantile(maps, 0.97, axis=(1, 2), keepdims=True))
    inside = np.zeros(EDGES, bool)
    margin = EDGES[0] // 10
    inside[margin:-margin, margin:-margin] = True
    masks = inside, inside & ~holes
    out = np.stack([np.where(m, e - e[m].mean(), 0) if m.any() else 0 * e for e, m in zip(maps, masks, strict=True)])
    return np.asarray(out / np.linalg.norm(out, axis=(1, 2), keepdims=True).clip(min=1e-9), np.float32)


def _slope(values: Floats) -> Floats:
    return np.hypot(cv2.Sobel(values, cv2.CV_32F, 1, 0), cv2.Sobel(values, cv2.CV_32F, 0, 1))


def correlations(still: Floats, moved: Floats) -> Floats:
    """``(25, 25)``: how well maps agree when the second is moved by -12 to 12 pixels down and right."""
    spectrum = np.fft.rfft2(still.astype(np.float32)) * np.fft.rfft2(moved.astype(np.float32)).conj()
    around = np.fft.irfft2(spectrum, still.shape)
    return np.asarray(np.roll(around, (SHIFTS, SHIFTS), (0, 1))[: 2 * SHIFTS + 1, : 2 * SHIFTS + 1], np.float32)


def fingerprints(rgb: NDArray[np.uint8], depth: Floats) -> Floats:
    """Small picture and depth, flat, each of mean 0 and length 1: products near 1 are copies."""
    size = (THUMB[1], THUMB[0])
    gray = cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(np.float32)
    weight = cv2.resize((depth > 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    mean = cv2.resize(depth.astype(np.float32), size, interpolation=cv2.INTER_AREA) / weight.clip(min=1e-3)
    seen = weight > 0.1
    metres = np.where(seen, mean, mean[seen].mean() if seen.any() else 0)
    small = np.stack([gray.ravel(), metres.ravel()])
    small -= small.mean(axis=1, keepdims=True)
    return np.asarray(small / np.linalg.norm(small, axis=1, keepdims=True).clip(min=1e-9), np.float32)


@lru_cache(1)
def _nyu_frame() -> NDArray[np.bool_]:
    """Pixels that NYUv2's undistorted pictures leave white but their mirror images do not."""
    inside = undistortion(COLOR)[1].reshape(480, 640)
    return ~inside & inside[:, ::-1]


def white_frame(rgb: NDArray[np.uint8]) -> tuple[int, int]:
    """White pixels where only NYUv2's camera leaves them, and where only its mirror image would."""
    if rgb.shape[:2] != (480, 640):
        return 0, 0
    white, frame = rgb.min(axis=2) > _WHITE, _nyu_frame()
    return int(white[frame].sum()), int(white[:, ::-1][frame].sum())

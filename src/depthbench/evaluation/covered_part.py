"""The part of the frame that prediction files show: the whole frame is assumed only in clear cases."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.images import Size
from depthbench.protocols.regions import COMPUTED, FRACTIONS, PIXELS, Box, Region, region_box

_NAMED = [*(name for name in FRACTIONS if name != "full"), *PIXELS, *COMPUTED, "kb+garg"]
_BETTER = 0.95  # of the error that the whole frame gives: below it a crop fits better


def is_scaled(size: Size, whole: Size) -> bool:
    """Whether one factor, up to rounding to whole pixels, makes a map of ``size`` of the ``whole``."""
    low = max((side - 1) / full for side, full in zip(size, whole, strict=True))
    high = min((side + 1) / full for side, full in zip(size, whole, strict=True))
    return low < high


def parts_of(size: Size, whole: Size) -> list[str]:
    """Values of ``covers`` that fit a map of ``size``, the surest first: exact regions, borders, scaled regions."""
    exact, scaled = [], []
    for name in _NAMED:
        try:
            top, bottom, left, right = region_box(name, whole)
        except UserError:  # not defined on this size
            continue
        box = bottom - top, right - left
        if box == size:
            exact.append(name)
        elif box != whole and is_scaled(size, box) and not is_scaled(size, whole):
            scaled.append(name)
    for (top, bottom, left, right), defined in PIXELS.values():  # of the same frame at another resolution
        if (bottom - top, right - left) == size and defined != whole and is_scaled(defined, whole):
            by = whole[0] / defined[0], whole[1] / defined[1]
            exact.append(_written((top * by[0], bottom * by[0], left * by[1], right * by[1])))
    down, across = whole[0] - size[0], whole[1] - size[1]
    # One border on all sides; of a square frame, every smaller square has one.
    if not exact and not is_scaled(size, whole) and down == across > 0 and down % 2 == 0:
        exact.append(_written(_central(size, whole)))
    return list(dict.fromkeys([*exact, *scaled]))


def check_covers(name: str, size: Size, whole: Size, covers: Region | None) -> None:
    """Raise :class:`UserError` if a prediction can't show the part that it is said to show, or none is said.

    Args:
        name: of the frame.
        size: ``(h, w)`` of the prediction.
        whole: ``(H, W)`` of the truth.
        covers: the part as the user wrote it; None where nothing was said, which means the whole frame. A part that
            was said is taken at its word, also ``full`` for a frame that was stretched.
    """
    (h, w), (height, width) = size, whole
    shapes = f"The prediction of '{name}' is {h}x{w}, the truth {height}x{width}"
    if not is_scaled(size, whole) and is_scaled((w, h), whole):
        raise UserError(f"{shapes}: it looks transposed; save maps as (height, width).")
    if covers is not None:
        if size == whole and (box := region_box(covers, whole)) != (0, height, 0, width):
            part = f"{box[1] - box[0]}x{box[3] - box[2]}"
            raise UserError(f"{shapes}: all of it, not the {part} of covers={covers}; leave covers out.")
        return
    if size == whole:
        return
    parts = parts_of(size, whole)
    known = [part for part in parts if not is_scaled(size, whole) or _is_exact(part, size, whole)]
    if known:
        told = " or ".join(f"covers={part}" for part in known[:3])
        raise UserError(f"{shapes}: the size of a part; append {told}, or covers=full if it shows the whole frame.")
    if not is_scaled(size, whole):
        raise UserError(
            f"{shapes}: not the same shape, so it is a part or was stretched; append covers=[top,bottom,left,right] in "
            "pixels of the truth, or covers=full if it shows the whole frame."
        )


def check_no_crop(pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Raise :class:`UserError` if predictions that are smaller than the truth fit its middle better than all of it.

    A crop of the frame's own aspect (432x576 of 480x640) can't be recognized by its size. As a crop its error of log
    depth in the middle of the frame, up to one factor, is smaller in every frame, by a twentieth and more in the
    median.

    Args:
        pairs: some predictions ``(1, h, w)`` and truths ``(1, H, W)``.
    """
    ratios, sizes = [], set()
    for prediction, truth in pairs:
        size, whole = (prediction.shape[-2], prediction.shape[-1]), (truth.shape[-2], truth.shape[-1])
        if size[0] >= whole[0] or size[1] >= whole[1]:
            return
        sizes.add((size, whole))
        # Nearest, and the same pixels of truth: neither smoothing nor an easier part may decide.
        stretched = torch.nn.functional.interpolate(prediction[None], whole, mode="nearest-exact")[0]
        top, bottom, left, right = _central(size, whole)
        middle = slice(top, bottom), slice(left, right)
        as_crop, as_whole = (log_spread(shown, truth[:, *middle]) for shown in (prediction, stretched[:, *middle]))
        if np.isfinite(as_crop) and np.isfinite(as_whole):
            ratios.append(as_crop / max(as_whole, 1e-9))
    if ratios and len(sizes) == 1 and max(ratios) < 1 and float(np.median(ratios)) < _BETTER:
        (size, whole) = sizes.pop()
        raise UserError(
            f"The predictions are {size[0]}x{size[1]}, the truth {whole[0]}x{whole[1]}, and they fit its middle better "
            f"than all of it: append covers={_written(_central(size, whole))}, or covers=full if they show the whole "
            "frame."
        )


def log_spread(prediction: Tensor, truth: Tensor) -> float:
    """Standard deviation of ``log(prediction / truth)`` where both are positive; NaN where that is nowhere."""
    both = (truth > 0) & (prediction > 0) & prediction.isfinite()
    ratio = (prediction[both].double() / truth[both].double()).log()
    return float(ratio.std(correction=0)) if len(ratio) > 1 else float("nan")


def _is_exact(part: str, size: Size, whole: Size) -> bool:
    if part.startswith("["):
        return True
    top, bottom, left, right = region_box(part, whole)
    return (bottom - top, right - left) == size


def _central(size: Size, whole: Size) -> Box:
    top, left = (whole[0] - size[0]) // 2, (whole[1] - size[1]) // 2
    return top, top + size[0], left, left + size[1]


def _written(box: tuple[float, ...]) -> str:
    return f"[{','.join(str(round(edge)) for edge in box)}]"

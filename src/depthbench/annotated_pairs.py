"""Annotated pairs of points: which of two places in an image is closer, as DA-2K (Yang et al. 2024) lists them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.input_files import parse_json, read_bytes
from depthbench.input_files.limits import MAX_JSON

if TYPE_CHECKING:
    from torch import Tensor

Points = NDArray[np.int64]
"""``(N, 2, 2)``: of each pair the closer point, then the other, each by row and column."""


class AnnotatedPairs(NamedTuple):
    """Pairs of points of an image of which the first is closer.

    Attributes:
        closer: ``(N, 2)`` int64, rows and columns at the original size of the image.
        farther: ``(N, 2)``.
    """

    closer: "Tensor"
    farther: "Tensor"


def annotated_pairs(points: Points) -> AnnotatedPairs:
    """Points ``(N, 2, 2)`` as tensors; of this module only this function imports torch."""
    import torch

    return AnnotatedPairs(*torch.from_numpy(points).unbind(1))


def read_da2k(path: str | Path) -> dict[str, AnnotatedPairs]:
    """Pairs by the image's path, from DA-2K's ``annotations.json``.

    Raises:
        UserError: if the file can't be read or is not of that form.
    """
    return {image: annotated_pairs(points) for image, points in read_da2k_points(path).items()}


def read_da2k_points(path: str | Path) -> dict[str, Points]:
    """The pairs of :func:`read_da2k` as NumPy arrays: this needs no torch.

    Raises:
        UserError: if the file can't be read or is not of that form.
    """
    try:
        content = parse_json(read_bytes(Path(path), MAX_JSON))
    except ValueError as error:
        raise UserError(f"{path} can't be read as DA-2K's annotations ({error}).") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no annotations of DA-2K: expected lists of pairs by the path of an image.")
    return {image: _points(path, image, pairs) for image, pairs in content.items()}


def _points(path: str | Path, image: str, pairs: Any) -> Points:
    points = []
    for place, pair in enumerate(pairs if isinstance(pairs, list) else [pairs]):
        closer = pair.get("closer_point") if isinstance(pair, Mapping) else None
        other = {"point1": "point2", "point2": "point1"}.get(str(closer))
        if other is None or not all(_is_point(pair.get(key)) for key in (closer, other)):
            raise UserError(
                f"Pair {place} of {image} in {path} is {pair}; expected point1 and point2 as [row, column] and "
                "closer_point as the name of one of them."
            )
        points.append([pair[closer], pair[other]])
    return np.array(points, np.int64).reshape(-1, 2, 2)


def _is_point(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(one) is int and 0 <= one < 1 << 31 for one in value)

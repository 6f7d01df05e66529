"""Annotations of an image beside its depth: edges, segments, planes, normals, an alpha mask. All optional.

A data set gives the annotations that it has; metrics say which they need (:attr:`ImageMetric.needs`).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from depthbench.errors import UserError


class Annotations(NamedTuple):
    """Annotations of an image ``(C, h, w)`` or of a batch ``(B, C, h, w)``; None where the data set has none.

    Maps have the size of the true depth. Where a protocol resizes or crops the truth, they follow by nearest.

    Attributes:
        edges: ``(..., 1, h, w)`` bool, annotated depth edges.
        segments: ``(..., 1, h, w)`` int64, labels of objects; 0 belongs to none.
        planes: ``(..., 1, h, w)`` int64, labels of planes; 0 belongs to none, k to row k - 1 of ``plane_normals``.
        plane_normals: ``(..., P, 3)``, annotated normals (x to the right, y down, z forward); batches are padded with
            NaN.
        alpha: ``(..., 1, h, w)`` in [0, 1], how much of a pixel is foreground.
        normals: ``(..., 3, h, w)``, true normals, 0 = missing; which way they point does not matter.

    Example:
        >>> import torch
        >>> from depthbench.annotations import Annotations
        >>> found = Annotations(edges=torch.zeros(1, 48, 64, dtype=torch.bool))
        >>> found.present
        ('edges',)
    """

    edges: Tensor | None = None
    segments: Tensor | None = None
    planes: Tensor | None = None
    plane_normals: Tensor | None = None
    alpha: Tensor | None = None
    normals: Tensor | None = None

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the annotations that there are."""
        return tuple(name for name, values in self._asdict().items() if values is not None)

    def changed(self, change: Callable[[Tensor], Tensor]) -> "Annotations":
        """All maps, changed alike: a crop, a move to a device. ``plane_normals`` is no map and stays."""
        maps = {name: values for name, values in self._asdict().items() if values is not None and name not in LISTS}
        return self._replace(**{name: change(values) for name, values in maps.items()})

    def moved(self, device: torch.device | str) -> "Annotations":
        """The same annotations on a device."""
        return Annotations(*(None if one is None else one.to(device, non_blocking=True) for one in self))

    def check(self, size: Sequence[int]) -> None:
        """Raise :class:`UserError` unless every map has this ``(height, width)``."""
        for name, values in self._asdict().items():
            if values is not None and name not in LISTS and tuple(values.shape[-2:]) != tuple(size):
                raise UserError(
                    f"The annotation '{name}' is {values.shape[-2]}x{values.shape[-1]}, but the depth is "
                    f"{size[0]}x{size[1]}; resize the annotation to the depth's size."
                )


LISTS = ("plane_normals",)
"""Annotations that are no maps."""

MEANINGS = {
    "edges": "annotated edges",
    "segments": "annotated segments",
    "planes": "annotated planes",
    "plane_normals": "normals of annotated planes",
    "alpha": "alpha masks",
    "normals": "annotated normals",
}
"""Names of the annotations in sentences."""


def stack_annotations(every: Sequence[Annotations | None]) -> Annotations | None:
    """Join the annotations of a batch: each that every image has; None where there is none."""
    known = [one for one in every if one is not None]
    if not known or len(known) < len(every):
        return None
    columns = dict(zip(Annotations._fields, zip(*known, strict=True), strict=True))
    whole = {name: [one for one in values if one is not None] for name, values in columns.items()}
    found = {name: _stacked(name, values) for name, values in whole.items() if len(values) == len(every)}
    return Annotations(**found) if found else None


def _stacked(name: str, values: Sequence[Tensor]) -> Tensor:
    if name not in LISTS:
        return torch.stack(list(values))
    most = max(len(rows) for rows in values)
    return torch.stack([F.pad(rows.float(), (0, 0, 0, most - len(rows)), value=float("nan")) for rows in values])

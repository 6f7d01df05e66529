"""Distances between edges."""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from depthbench.maps import places_of
from depthbench.metrics.image import edge_kernel


def distance_map(edges: Tensor) -> Tensor:
    """Euclidean distance in pixels to the nearest True pixel of each map ``(B, 1, H, W)``, float32.

    Infinite in a map without one. Waits for the device.
    """
    found = []
    for one in edges[:, 0].cpu().numpy():
        if one.any():
            found.append(cv2.distanceTransform((~one).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
        else:
            found.append(np.full(one.shape, np.inf, dtype=np.float32))
    return torch.from_numpy(np.stack(found)[:, None]).to(edges.device) if found else edges.float()


class EdgeDistances(NamedTuple):
    """Distance from each edge pixel of a batch to the nearest edge pixel of others, on the CPU.

    Attributes:
        values: ``(N,)`` float64 pixels; infinite where an image has no others.
        image: ``(N,)``, which image an edge pixel is of.
        images: how many images there are.
    """

    values: Tensor
    image: Tensor
    images: int

    def sums(self, most: float = float("inf")) -> Tensor:
        """Sum of each image's distances, each cut at ``most``: ``(B,)``."""
        return torch.zeros(self.images, dtype=torch.float64).index_add_(0, self.image, self.values.clamp(max=most))

    def counts(self) -> Tensor:
        """Number of each image's edge pixels, ``(B,)`` float64."""
        return torch.bincount(self.image, minlength=self.images).double()

    def nearer(self, limit: float) -> "EdgeDistances":
        """The distances below a limit."""
        near = places_of(self.values < limit)
        return EdgeDistances(self.values.index_select(0, near), self.image.index_select(0, near), self.images)


def edge_distances(edges: Tensor, others: Tensor) -> EdgeDistances:
    """Distances from the True pixels of masks ``(B, 1, H, W)`` to those of other masks; waits for the device."""
    if not edge_kernel.takes_doubles(others):
        places = places_of(edges).cpu()
        image = places // (edges.shape[-2] * edges.shape[-1])
        return EdgeDistances(distance_map(others).cpu().flatten()[places].double(), image, len(edges))
    places_of_each = [np.flatnonzero(one) for one in edge_kernel.dense(edges[:, 0])]
    pairs = zip(edge_kernel.dense(others[:, 0]), places_of_each, strict=True)
    found = [edge_kernel.nearest_edges(*pair) for pair in pairs] or [np.zeros(0, dtype=np.float32)]
    image = torch.from_numpy(np.repeat(np.arange(len(edges)), [len(one) for one in places_of_each]))
    return EdgeDistances(torch.from_numpy(np.concatenate(found, dtype=np.float64)), image, len(edges))


def total(values: Tensor, mask: Tensor) -> Tensor:
    """Sum of each image under its mask, float64: ``(B, 1, H, W) -> (B,)``."""
    return torch.where(mask, values, 0.0).flatten(1).sum(1, dtype=torch.float64)

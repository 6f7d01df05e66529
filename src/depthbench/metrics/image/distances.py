"""Distances between edges."""

import cv2
import numpy as np
import torch
from torch import Tensor


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


def total(values: Tensor, mask: Tensor) -> Tensor:
    """Sum of each image under its mask, float64: ``(B, 1, H, W) -> (B,)``."""
    return torch.where(mask, values, 0.0).flatten(1).sum(1, dtype=torch.float64)

"""A Kinect-like depth sensor: disparity steps, noise that grows with distance, and the places where it sees nothing."""

import torch
from torch import Tensor

from depthbench.rooms.hashing import bell, pixel_keys
from depthbench.rooms.texture import value_noise

BASELINE = 0.075
"""Metres between the infrared projector and its camera."""
ASIDE = -0.025
"""Metres from the color camera, whose view this is, to the right to the infrared camera; the projector is beyond."""
_FOCAL = 580.0
_STEP = 1 / 8
"""The sensor's focal length and its disparity step, in pixels of its 640x480 image."""
_NOISE = 0.07
"""Deviation of the disparity: gives Nguyen et al. 2012, 1.2 mm + 1.9 mm/m^2 (z - 0.4 m)^2."""
_TEAR = 2.5
"""Pixels of disparity between neighbors that make an edge."""
RANGE = (0.5, 9.9)


def shadowed(depth: Tensor, focal: float) -> Tensor:
    """Pixels ``(B, H, W)`` of the color camera that the projector cannot light or the infrared camera cannot see.

    The projector stands to its right and leaves holes to the left of near objects; the infrared camera stands to its
    left and leaves holes, half as wide, to their right.
    """
    return hidden(depth, focal, ASIDE + BASELINE) | hidden(depth.flip(-1), focal, -ASIDE).flip(-1)


def hidden(depth: Tensor, focal: float, aside: float) -> Tensor:
    """Pixels ``(B, H, W)`` that near objects hide from a place so many metres to the right: those to their left.

    Shadows narrower than a pixel of the sensor's own 640 do not show.
    """
    columns = torch.arange(depth.shape[-1], dtype=torch.float32, device=depth.device)
    seen = (columns - focal * aside / depth).flip(-1)
    return (seen - seen.cummin(-1).values > depth.shape[-1] / 640).flip(-1)


def torn(disparity: Tensor, luck: Tensor) -> Tensor:
    """Pixels ``(B, H, W)`` behind an edge that the sensor's window smears over: two in three, by ``luck``."""
    behind = torch.zeros_like(luck, dtype=torch.bool)
    for dim in (1, 2):
        step, last = disparity.diff(dim=dim), disparity.shape[dim] - 1
        behind.narrow(dim, 0, last).logical_or_(step > _TEAR)
        behind.narrow(dim, 1, last).logical_or_(step < -_TEAR)
    return behind & (luck > -0.4)


def _patches(keys: Tensor, size: tuple[int, int]) -> Tensor:
    """Smooth noise in [-1, 1] per frame, with the same pattern at every image size."""
    height, width = size
    y = (torch.arange(height, dtype=torch.float32, device=keys.device) + 0.5) * (30 / height)
    x = (torch.arange(width, dtype=torch.float32, device=keys.device) + 0.5) * (40 / width)
    grid_x, grid_y = x.expand(height, -1), y[:, None].expand(-1, width)
    return value_noise(grid_x.expand(len(keys), -1, -1), grid_y.expand(len(keys), -1, -1), keys[:, None, None])


def _common(size: tuple[int, int], device: torch.device) -> Tensor:
    """``(H, W)``: the region that both cameras see; the rest of a Kinect's frame is always empty."""
    y = (torch.arange(size[0], device=device) + 0.5) * (480 / size[0])
    x = (torch.arange(size[1], device=device) + 0.5) * (640 / size[1])
    return ((y > 42) & (y < 472))[:, None] & ((x > 35) & (x < 608))


def sense(depth: Tensor, facing: Tensor, reflect: Tensor, focal: float, keys: Tensor) -> Tensor:
    """Depth as the sensor reports it, 0 where it reports nothing.

    Args:
        depth: ``(B, H, W)`` true depth in metres.
        facing: cosine between surface normal and line of sight.
        reflect: infrared reflectivity, 0 to 1.
        focal: horizontal focal length in pixels of this image.
        keys: ``(B,)`` int32, one per frame.
    """
    size = (depth.shape[1], depth.shape[2])
    patch = _patches(keys, size)
    exact = _FOCAL * BASELINE / depth
    disparity = exact + _NOISE * bell(pixel_keys(keys, size, 1))
    measured = _FOCAL * BASELINE / ((disparity / _STEP + 0.5).floor() * _STEP).clamp(min=_STEP)
    seen = ~torn(exact, bell(pixel_keys(keys, size, 4)))
    echo = reflect * facing / (depth * depth)
    rough = bell(pixel_keys(keys, size, 2))
    seen &= echo > 0.004 * (1 + 0.7 * patch + 0.15 * rough).clamp(min=0.15)
    seen &= facing > 0.12 + 0.05 * patch
    seen &= _common(size, depth.device)
    seen &= (depth > RANGE[0]) & (depth < RANGE[1]) & ~shadowed(depth, focal)
    return measured * seen

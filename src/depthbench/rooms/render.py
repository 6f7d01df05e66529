"""Frames of the rooms: from scene and frame numbers to image, depth, normals and the readings of a depth sensor."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from depthbench.rooms import camera, light, texture
from depthbench.rooms.hashing import bell, mix, pixel_keys, scramble, unit
from depthbench.rooms.layout import Layout, layout
from depthbench.rooms.raycast import View, cast
from depthbench.rooms.sensor import sense
from depthbench.rooms.tiles import TILE, grid, untile

_CACHED_PIXELS = 8 * 128 * 160
"""On a CPU, so many pixels at a time: their maps fit the core's cache."""


class Rendered(NamedTuple):
    """Rendered frames.

    Attributes:
        image: ``(B, 3, H, W)`` float32 RGB in [0, 1].
        depth: ``(B, 1, H, W)`` exact metres along the optical axis.
        normals: ``(B, 3, H, W)`` unit vectors towards the camera, in camera axes (right, down, forward).
        sensed: ``(B, 1, H, W)`` depth as a Kinect-like sensor reports it, 0 = missing.
        intrinsics: ``(B, 3, 3)`` in pixels.
    """

    image: Tensor
    depth: Tensor
    normals: Tensor
    sensed: Tensor
    intrinsics: Tensor


def _slopes(size: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Slopes of the pixel columns and rows, continued to whole tiles."""
    k = camera.intrinsics(size)
    rows, columns = grid(size)
    x = (torch.arange(columns * TILE, dtype=torch.float64) - k[0, 2]) / k[0, 0]
    y = (torch.arange(rows * TILE, dtype=torch.float64) - k[1, 2]) / k[1, 1]
    return x.float().to(device), y.float().to(device)


def _pad(parts: list[Tensor], device: torch.device, value: float = 0.0) -> Tensor:
    return pad_sequence(parts, batch_first=True, padding_value=value).to(device)


def render(
    scenes: Tensor, frames: Tensor, size: tuple[int, int], device: str | torch.device = "cpu", seed: int = 0
) -> Rendered:
    """Render frames ``frames (B,)`` of scenes ``scenes (B,)``; each depends on nothing but its own two numbers.

    The arithmetic per pixel is built from operations that IEEE 754 rounds exactly (no exp, sin or pow), so that neither
    the batch, nor the number of threads changes a bit.

    Args:
        scenes: scene numbers.
        frames: frame numbers, 0 to ``camera.FRAMES - 1``.
        size: height and width in pixels; another size shows the same view.
        device: where to compute and return.
        seed: the world.
    """
    device = torch.device(device)
    places = list(zip(scenes.tolist(), frames.tolist(), strict=True))
    step = max(1, _CACHED_PIXELS // (size[0] * size[1])) if device.type == "cpu" else len(places)
    with torch.no_grad():
        parts = [_render(places[k : k + step], size, device, seed) for k in range(0, len(places), step)]
    return Rendered(*(torch.cat(values) for values in zip(*parts, strict=True)))


def _render(places: list[tuple[int, int]], size: tuple[int, int], device: torch.device, seed: int) -> Rendered:
    rooms = [layout(seed, scene) for scene, _ in places]
    xs, ys = _slopes(size, device)
    view = View(
        eyes=torch.stack([room.eyes[frame] for room, (_, frame) in zip(rooms, places, strict=True)]).to(device),
        turns=torch.stack([room.turns[frame] for room, (_, frame) in zip(rooms, places, strict=True)]).to(device),
        boxes=_pad([room.boxes for room in rooms], device, -1.0),
        xs=xs,
        ys=ys,
    )
    scene_keys = _keys([(seed, scene) for scene, _ in places], device)
    frame_keys = _keys([(seed, *place) for place in places], device)
    return _draw(view, rooms, scene_keys, frame_keys, size)


def _keys(keys: list[tuple[int, ...]], device: torch.device) -> Tensor:
    return torch.tensor([mix(*key) >> 33 for key in keys], dtype=torch.int32).to(device)


def _draw(view: View, rooms: list[Layout], scenes: Tensor, frames: Tensor, size: tuple[int, int]) -> Rendered:
    device = view.eyes.device
    k = camera.intrinsics(size)
    focal = float(k[0, 0])
    hits = cast(view)
    faces, materials = _pad([room.faces for room in rooms], device), _pad([room.materials for room in rooms], device)
    surface = texture.surfaces(hits, faces, materials, scenes, 1 / focal)
    lights = torch.stack([room.lights for room in rooms]).to(device)
    linear = light.shade(view, hits, surface, lights)
    maps = torch.stack([*linear, hits.depth, hits.facing, surface.reflect, *hits.normal])
    image = untile(maps, size)
    depth, facing, reflect = image[:, 3], image[:, 4], image[:, 5]
    turns = view.turns[:, :, :, None, None]
    world = image[:, 6:9]
    normals = torch.stack([(world * turns[:, :, axis]).sum(1) for axis in range(3)], 1)
    return Rendered(
        image=expose(image[:, :3], frames),
        depth=depth[:, None],
        normals=normals,
        sensed=sense(depth, facing, reflect, focal, frames)[:, None],
        intrinsics=torch.tensor(k, dtype=torch.float32, device=device).expand(len(rooms), 3, 3),
    )


def expose(linear: Tensor, keys: Tensor) -> Tensor:
    """The camera: focus, motion, automatic exposure with an error of its own, a contrast curve, noise, 8 bits.

    Args:
        linear: ``(B, 3, H, W)`` light.
        keys: ``(B,)`` int32, one per frame.
    """
    size = (linear.shape[2], linear.shape[3])
    # Integers, because their sum does not depend on the order.
    levels = (linear.clamp(max=4.0) * 4096).int().flatten(1).sum(1)
    mean = levels.float() / (4096.0 * linear[0].numel())
    error, iso, *motion = (scramble(keys * 7 + k) for k in range(4))
    wanted = 0.27 + 0.1 * bell(error).clamp(-2.2, 2)
    gain = (wanted / mean.clamp(min=1e-3))[:, None, None, None] * _vignette(size, linear.device)
    light_in = blur(linear, [0.03 + 0.24 * unit(key) * unit(key, 8) for key in motion]) * gain
    shown = light_in.clamp_(0, 1).sqrt_()
    shown = shown * (0.3 + shown * (2.1 - 1.4 * shown))
    keys = pixel_keys(keys, size, 3)
    # The noise of a 640x480 image, of which a smaller one averages some pixels.
    grain = (0.006 + 0.024 * unit(iso)) * min(1.0, size[1] / 640) ** 0.5
    grain = grain[:, None, None]
    gray = bell(keys).mul_(0.6 * grain)
    for channel in range(3):
        shown[:, channel].add_(unit(keys, 5 * channel).sub_(0.5).mul_(2 * grain).add_(gray))
    return shown.clamp_(0, 1).mul_(255).add_(0.5).floor_().div_(255)


def blur(image: Tensor, shares: Sequence[Tensor]) -> Tensor:
    """Lens and motion: the share of each of the two neighbors, in a column and in a row; borders repeated.

    Args:
        image: ``(B, C, H, W)``.
        shares: two ``(B,)`` of 0 to 1/3.
    """
    for dim, share in zip((2, 3), shares, strict=True):
        last = image.shape[dim] - 1
        share = share[:, None, None, None]
        part, image = image * share, image * (1 - 2 * share)
        for start, source, count in ((1, 0, last), (0, 1, last), (0, 0, 1), (last, last, 1)):
            image.narrow(dim, start, count).add_(part.narrow(dim, source, count))
    return image


def _vignette(size: tuple[int, int], device: torch.device) -> Tensor:
    y = torch.linspace(-1, 1, size[0], device=device)[:, None]
    x = torch.linspace(-1, 1, size[1], device=device)
    return 1 - 0.17 * (x * x + y * y)

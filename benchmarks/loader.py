"""Pairs per second of one core, ours beside the loaders that peers use: ``python benchmarks/loader.py``.

Pairs of 480x640 (JPEG, 16-bit PNG) are made from rooms. Peers decode with PIL and augment with PIL, numpy, scipy and
torchvision; three of their recipes, with our policies of the same steps:

=========  ===================================================================================================
``plain``  resize to 240x320, mirror
``hu``     resize to 240x320, mirror, roll (spline of order 2), cut to 228x304, lighting and jitter
``bts``    cut, roll (bilinear, depth nearest), random window of 416x544, mirror, gamma, brightness and colors
=========  ===================================================================================================

CPU time, alternating, best of five.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from hydra import compose, initialize_config_dir
from PIL import Image
from scipy import ndimage
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from depthbench.config.compose import config_dir
from depthbench.config.targets import instantiate
from depthbench.data import Pairs, Rooms
from depthbench.data.augment import Transform

SIZE = (240, 320)
EIGENVALUES = np.array([0.2175, 0.0188, 0.0045])
EIGENVECTORS = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
Tensors = tuple[torch.Tensor, torch.Tensor]
Peer = Callable[[Image.Image, Image.Image, np.random.Generator], Tensors]


def write_pairs(folder: Path, count: int) -> None:
    rooms = Rooms(split=count, size=(480, 640), sensor=True)
    for index in range(count):
        frame = rooms[index]
        image = (frame.image.numpy().transpose(1, 2, 0)[..., ::-1] * 255).round().astype(np.uint8)
        cv2.imwrite(str(folder / f"rgb_{index:05d}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 75])  # as published NYUv2
        cv2.imwrite(str(folder / f"depth_{index:05d}.png"), (frame.depth[0].numpy() * 1000).round().astype(np.uint16))


def tensors(image: Image.Image, depth: Image.Image) -> Tensors:
    metres = np.asarray(depth, dtype=np.float32) / 1000.0
    return F.to_tensor(image), torch.from_numpy(metres)[None]


def resized(image: Image.Image, depth: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, Image.Image]:
    image = F.resize(image, list(SIZE), InterpolationMode.BILINEAR)
    depth = F.resize(depth, list(SIZE), InterpolationMode.NEAREST)
    return (F.hflip(image), F.hflip(depth)) if rng.random() < 0.5 else (image, depth)


def plain(image: Image.Image, depth: Image.Image, rng: np.random.Generator) -> Tensors:
    return tensors(*resized(image, depth, rng))


def hu(image: Image.Image, depth: Image.Image, rng: np.random.Generator) -> Tensors:
    image, depth = resized(image, depth, rng)
    angle = rng.uniform(-5, 5)
    image = Image.fromarray(ndimage.rotate(np.asarray(image), angle, reshape=False, order=2))
    depth = Image.fromarray(ndimage.rotate(np.asarray(depth), angle, reshape=False, order=2))
    picture, metres = tensors(F.center_crop(image, [228, 304]), F.center_crop(depth, [228, 304]))
    shift = EIGENVECTORS @ (rng.normal(0, 0.1, 3) * EIGENVALUES)
    picture = picture + torch.from_numpy(shift).float()[:, None, None]
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    for kind in rng.permutation(3):
        gray = (picture * weights).sum(0, keepdim=True)
        other = (torch.zeros_like(picture), gray.mean().expand_as(picture), gray.expand_as(picture))[kind]
        picture = picture.lerp(other, float(rng.uniform(-0.4, 0.4)))
    return picture, metres


def bts(image: Image.Image, depth: Image.Image, rng: np.random.Generator) -> Tensors:
    box, angle = (43, 45, 608, 472), rng.uniform(-2.5, 2.5)
    image = image.crop(box).rotate(angle, resample=Image.Resampling.BILINEAR)
    depth = depth.crop(box).rotate(angle, resample=Image.Resampling.NEAREST)
    picture = np.asarray(image, dtype=np.float32) / 255.0
    metres = np.asarray(depth, dtype=np.float32)[..., None] / 1000.0
    top, left = rng.integers(427 - 416 + 1), rng.integers(565 - 544 + 1)
    picture, metres = (each[top : top + 416, left : left + 544] for each in (picture, metres))
    if rng.random() < 0.5:
        picture, metres = picture[:, ::-1].copy(), metres[:, ::-1].copy()
    if rng.random() < 0.5:
        picture = picture ** rng.uniform(0.9, 1.1) * rng.uniform(0.75, 1.25)
        colors = np.ones(picture.shape[:2])[..., None] * rng.uniform(0.9, 1.1, 3)
        picture = np.clip(picture * colors, 0, 1).astype(np.float32)
    return torch.from_numpy(picture.transpose(2, 0, 1)), torch.from_numpy(metres.transpose(2, 0, 1))


RECIPES: dict[str, tuple[Peer, str, tuple[int, int] | None]] = {
    "plain": (plain, "flip", SIZE),
    "hu": (hu, "hu2019_released", SIZE),
    "bts": (bts, "bts", None),
}


def policy(name: str) -> Transform:
    with initialize_config_dir(str((config_dir() / "augment").resolve()), version_base="1.3"):
        return instantiate(compose(name))


def rate(load: Callable[[int], object], count: int) -> float:
    started = time.process_time()
    for index in range(count):
        load(index)
    return count / (time.process_time() - started)


def compare(folder: Path, count: int, name: str) -> tuple[float, float]:
    """Pairs per second: ours, theirs."""
    recipe, ours, size = RECIPES[name]
    augment, pairs, rng = policy(ours), Pairs(folder, scale=0.001, size=size), np.random.default_rng(0)

    def theirs(index: int) -> Tensors:
        image = Image.open(folder / f"rgb_{index:05d}.jpg").convert("RGB")
        return recipe(image, Image.open(folder / f"depth_{index:05d}.png"), rng)

    rates = [(rate(lambda index: augment(pairs[index], rng), count), rate(theirs, count)) for _ in range(5)]
    first, second = zip(*rates, strict=True)
    return max(first), max(second)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=24)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_pairs(Path(folder), args.count)
        for name in RECIPES:
            ours, theirs = compare(Path(folder), args.count, name)
            print(f"{name:6s} {ours:4.0f} pairs per second, peers {theirs:4.0f}: ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()

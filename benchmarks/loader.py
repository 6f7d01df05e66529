"""Pairs per second of one core, ours beside the usual loader: ``python benchmarks/loader.py [--size 240 320]``.

Pairs of 480x640 (JPEG, 16-bit PNG) are made from rooms. The peer decodes with PIL, resizes with torchvision and
divides in numpy; both mirror half of the frames. CPU time, alternating, best of five.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from depthbench.data import Pairs, Rooms
from depthbench.data.augment import Flip, Policy


def write_pairs(folder: Path, count: int) -> None:
    rooms = Rooms(split=count, size=(480, 640), sensor=True)
    for index in range(count):
        frame = rooms[index]
        image = (frame.image.numpy().transpose(1, 2, 0)[..., ::-1] * 255).round().astype(np.uint8)
        cv2.imwrite(str(folder / f"rgb_{index:05d}.jpg"), image)
        cv2.imwrite(str(folder / f"depth_{index:05d}.png"), (frame.depth[0].numpy() * 1000).round().astype(np.uint16))


def peer(
    folder: Path, index: int, size: tuple[int, int], rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    image = Image.open(folder / f"rgb_{index:05d}.jpg").convert("RGB")
    depth = Image.open(folder / f"depth_{index:05d}.png")
    image = F.resize(image, list(size), InterpolationMode.BILINEAR)
    depth = F.resize(depth, list(size), InterpolationMode.NEAREST)
    if rng.random() < 0.5:
        image, depth = F.hflip(image), F.hflip(depth)
    metres = np.asarray(depth, dtype=np.float32) / 1000.0
    return F.to_tensor(image), torch.from_numpy(metres)[None]


def rate(load: Callable[[int], object], count: int) -> float:
    started = time.process_time()
    for index in range(count):
        load(index)
    return count / (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(240, 320), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--count", type=int, default=24)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    size, policy, rng = tuple(args.size), Policy([Flip()]), np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pairs(folder, args.count)
        pairs = Pairs(folder, scale=0.001, size=size)
        rates = [
            (
                rate(lambda index: policy(pairs[index], rng), args.count),
                rate(lambda index: peer(folder, index, size, rng), args.count),
            )
            for _ in range(5)
        ]
    ours, theirs = (max(column) for column in zip(*rates, strict=True))
    print(f"480x640 to {size[0]}x{size[1]}: {ours:.0f} pairs per second, PIL and torchvision {theirs:.0f}")
    print(f"ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()

"""Draw every augmentation policy on rooms, or time it: ``python benchmarks/augment.py docs/images/augment.png``.

Without a file name it prints milliseconds per frame of one core (process time, best of ten).
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from hydra import compose, initialize_config_dir

from depthbench.config.compose import config_dir
from depthbench.config.targets import instantiate
from depthbench.data import Frame, Rooms
from depthbench.data.augment import Transform
from depthbench.palette import ColorRange, color_depth


def policies() -> dict[str, Transform]:
    folder = config_dir() / "augment"
    with initialize_config_dir(str(folder.resolve()), version_base="1.3"):
        return {path.stem: instantiate(compose(path.stem)) for path in sorted(folder.glob("*.yaml"))}


def picture(frame: Frame, height: int, width: int) -> np.ndarray:
    """Image above depth (0 to 6 m), in a cell of the given size; BGR."""
    colors = color_depth(frame.depth[0].numpy(), ColorRange(0, 6))[..., ::-1]
    image = (frame.image.numpy().transpose(1, 2, 0)[..., ::-1] * 255).astype(np.uint8)
    cell = np.full((2 * height, width + 2, 3), 255, np.uint8)
    for start, part in ((0, image), (height, colors)):
        cell[start : start + part.shape[0], : part.shape[1]] = part
    return cell


def sheet(path: Path, columns: int = 6, height: int = 90, width: int = 120) -> None:
    rooms = Rooms(split=columns, size=(height, width), sensor=False)
    frames = [rooms[index] for index in range(columns)]
    rows = []
    for name, policy in policies().items():
        cells = [picture(policy(f, np.random.default_rng(i)), height, width) for i, f in enumerate(frames)]
        label = np.full((16, columns * (width + 2), 3), 255, np.uint8)
        cv2.putText(label, name, (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
        rows += [label, np.hstack(cells)]
    cv2.imwrite(str(path), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 75])


def timings(size: tuple[int, int]) -> None:
    torch.set_num_threads(1)
    frame = Frame(torch.rand(3, *size), torch.rand(1, *size) * 9, torch.eye(3), "a")
    for name, policy in policies().items():
        generator, best = np.random.default_rng(0), np.inf
        for _ in range(10):
            start = time.process_time()
            for _ in range(30):
                policy(frame, generator)
            best = min(best, (time.process_time() - start) / 30)
        print(f"{name:24s} {best * 1e3:6.3f} ms at {size[0]}x{size[1]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sheet", type=Path, nargs="?")
    parser.add_argument("--size", type=int, nargs=2, default=(120, 160))
    options = parser.parse_args()
    sheet(options.sheet) if options.sheet else timings(tuple(options.size))

"""Draw some rooms, their exact and their sensed depth: ``python benchmarks/contact_sheet.py docs/images/rooms.png``."""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from depthbench.palette import ColorRange, color_depth
from depthbench.rooms import render


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--size", type=int, nargs=2, default=(120, 160), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--first", type=int, default=0, help="number of the first scene")
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--colors", type=int, default=256, help="colors of the picture; fewer make a smaller file")
    args = parser.parse_args()
    count = 2 * args.columns
    scenes = torch.arange(count) * 17 % 464 + args.first
    out = render(scenes, torch.arange(count) * 71 % 924, tuple(args.size))
    rows = []
    for start in (0, args.columns):
        part = slice(start, start + args.columns)
        rows.append([(frame.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8) for frame in out.image[part]])
        maps = [depth[part, 0].numpy() for depth in (out.depth, out.sensed)]
        rows += [list(color_depth(depth, ColorRange(0, 8))) for depth in maps]
    sheet = np.concatenate([np.concatenate(row, 1) for row in rows], 0)
    picture = Image.fromarray(sheet)
    args.path.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(args.colors).save(args.path, optimize=True)


if __name__ == "__main__":
    main()

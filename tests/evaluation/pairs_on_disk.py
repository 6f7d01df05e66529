"""Made-up files in DA-2K's form: pictures whose red is their depth, and pairs of points that follow it."""

import json
from pathlib import Path

import cv2
import numpy as np


def depth_of(bgr: np.ndarray) -> np.ndarray:
    """Metres from the red of a picture ``(H, W, 3)``."""
    return 1 + 10 * bgr[..., 2].astype(np.float64) / 255


def write_da2k(root: Path, scenes, images: int, size=(48, 64)) -> None:
    """``annotations.json`` and so many pictures of each scene; points are as far apart in depth as JPEG keeps them."""
    content, rng = {}, np.random.default_rng(0)
    rows, columns = np.mgrid[: size[0], : size[1]]
    for scene in scenes:
        (root / "images" / scene).mkdir(parents=True)
        for image in range(images):
            red = 128 + 60 * np.sin(rows / 9 + image) + 50 * np.cos(columns / 11 + image)
            path = root / "images" / scene / f"{image:02d}.jpg"
            cv2.imwrite(str(path), np.repeat(red[..., None], 3, 2).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 98])
            depth, pairs = depth_of(cv2.imread(str(path))), []
            while len(pairs) < 2 + image % 3:
                points = np.stack([rng.integers(0, size[0], 2), rng.integers(0, size[1], 2)], 1)
                near, far = sorted(points.tolist(), key=lambda point: depth[tuple(point)])
                if depth[tuple(far)] - depth[tuple(near)] > 0.5:
                    pairs.append({"point1": near, "point2": far, "closer_point": "point1"})
            content[f"images/{scene}/{image:02d}.jpg"] = pairs
    (root / "annotations.json").write_text(json.dumps(content))

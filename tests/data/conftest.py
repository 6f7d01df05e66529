"""Small files in the real formats, made by the tests that read them."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import h5py
import numpy as np
import pytest
import scipy.io


def scene(index: int, height: int = 48, width: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture (H, W, 3) uint8 and its depth in whole millimetres, each different, with a hole in a corner."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    rgb = np.stack([x * 255 / width, y * 255 / height, np.full_like(x, 20.0 * (index % 10))], axis=-1)
    millimetres = np.round(1000 + 20 * x + 10 * y + 100 * (index % 7))
    millimetres[:4, :6] = 0
    return rgb.astype(np.uint8), millimetres.astype(np.uint16)


def write_pair(folder: Path, name: str, index: int = 0, depth_name: str = "depth", rgb_suffix: str = ".jpg", **size):
    """``rgb_NAME.jpg`` and ``depth_NAME.png`` in millimetres."""
    folder.mkdir(parents=True, exist_ok=True)
    rgb, depth = scene(index, **size)
    (folder / f"rgb_{name}{rgb_suffix}").write_bytes(cv2.imencode(rgb_suffix, rgb[..., ::-1])[1].tobytes())
    (folder / f"{depth_name}_{name}.png").write_bytes(cv2.imencode(".png", depth)[1].tobytes())


def write_official(root: Path, count: int = 6, test=(1, 4), **changes) -> Path:
    """``nyu_depth_v2_labeled.mat`` with MATLAB's axes and user block, and ``splits.mat`` (1-based)."""
    root.mkdir(parents=True, exist_ok=True)
    rgb, depth = (np.stack(parts) for parts in zip(*(scene(i) for i in range(count)), strict=True))
    raw = (depth / 1000).astype(np.float32)
    content = {
        "images": rgb.transpose(0, 3, 2, 1),
        "depths": np.maximum(raw, 1).transpose(0, 2, 1),
        "rawDepths": raw.transpose(0, 2, 1),
    } | changes
    path = root / "nyu_depth_v2_labeled.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        for key, value in content.items():
            if value is not None:
                file.create_dataset(key, data=value, chunks=(1, *value.shape[1:]), compression="gzip")
    train = [i for i in range(1, count + 1) if i not in test]
    write_splits(root, train, test)
    return path


def write_splits(root: Path, train, test):
    """``splits.mat`` with columns of uint16, as published."""
    columns = {"trainNdxs": train, "testNdxs": test}
    scipy.io.savemat(root / "splits.mat", {key: np.array(v, np.uint16)[:, None] for key, v in columns.items()})


@pytest.fixture
def made() -> SimpleNamespace:
    """The writers above."""
    return SimpleNamespace(scene=scene, pair=write_pair, official=write_official, splits=write_splits)

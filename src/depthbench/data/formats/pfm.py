"""Portable float maps."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError


def read_pfm(path: Path) -> NDArray[np.float32]:
    """A portable float map of one channel; its rows are stored from the bottom up."""
    with path.open("rb") as file:
        header = [file.readline().strip() for _ in range(3)]
        payload = file.read()
    try:
        kind, (width, height), scale = header[0], map(int, header[1].split()), float(header[2])
        if kind != b"Pf":
            raise ValueError("not one channel")
        values = np.frombuffer(payload, "<f4" if scale < 0 else ">f4").reshape(height, width)
    except ValueError as error:
        raise UserError(f"{path} is no complete one-channel pfm ({error}).") from None
    return np.flipud(values).astype(np.float32)

"""Earlier predictions, found by their model and picture."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.files import write_atomically
from depthbench.input_files import NumpyFile

Values = NDArray[np.float32]


def cache_key(identity: str, picture: NDArray[Any], intrinsics: NDArray[np.float64] | None) -> str:
    """Hexadecimal digits that change with the network, any pixel, the shape of the picture (or batch) and the camera.

    Example:
        >>> picture = np.zeros((2, 3, 3), np.uint8)
        >>> cache_key("network", picture, None) == cache_key("network", picture.reshape(3, 2, 3), None)
        False
    """
    total = sha256()
    camera = b"" if intrinsics is None else np.asarray(intrinsics, "<f8").tobytes()
    for part in (identity.encode(), str(picture.shape).encode(), np.ascontiguousarray(picture).tobytes(), camera):
        total.update(len(part).to_bytes(8, "little") + part)
    return total.hexdigest()


@dataclass
class MapCache:
    """A folder of maps: float32, zipped with checksums, written whole; damaged ones are made anew.

    Args:
        folder: None keeps nothing.

    Attributes:
        found: maps that were there.
        made: maps that were not.
    """

    folder: Path | None
    found: int = 0
    made: int = 0
    used: set[Path] = field(default_factory=set)

    def get(self, key: str, make: Callable[[], Values]) -> Values:
        """The map of this key, made where it is not there."""
        if self.folder is None:
            return make()
        path = self.folder / key[:2] / f"{key}.npz"
        values = _read(path)
        if values is None:
            values = np.asarray(make(), np.float32)
            path.parent.mkdir(parents=True, exist_ok=True)
            buffer = io.BytesIO()
            np.savez(buffer, map=values)
            write_atomically(path, buffer.getvalue(), durable=False)
            self.made += path not in self.used
        else:
            self.found += path not in self.used
        self.used.add(path)
        return values

    def told(self) -> str | None:
        """A sentence about the number and size of cached maps; None where nothing is kept."""
        if self.folder is None or not self.used:
            return None
        size = sum(path.stat().st_size for path in self.used if path.is_file()) / 2**20
        return f"{self.found} of {len(self.used)} predictions were in {self.folder} ({size:.1f} MiB of them)"


def _read(path: Path) -> Values | None:
    """Content of a file; None if it is missing or damaged."""
    if not path.is_file():
        return None
    try:
        with NumpyFile(path) as file:
            values = np.asarray(file.read("map"))
    except (UserError, OSError, KeyError, ValueError):
        return None
    return values if values.dtype == np.float32 and values.ndim == 2 else None

"""The camera of each frame: one for all, one per folder, or one per frame."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from depthbench.data.formats.cameras import CAMERA_SUFFIXES, read_camera
from depthbench.data.readers.layouts import Pair
from depthbench.errors import UserError
from depthbench.pinhole import Matrix, camera_matrix


class CameraFiles:
    """Intrinsics of frames, in pixels of the stored pictures.

    Args:
        said: (fx, fy, cx, cy) of all; or a file: below the root or the working folder, or of this name in the folder
            of each picture or the nearest above it; or the name of folders that hold a file per frame; None where
            unknown.
        root: of the data.

    Attributes:
        folder: the name of the folders that hold a file per frame, None where there are none.

    Raises:
        UserError: if it is none of these.
    """

    def __init__(self, said: Sequence[float] | str | None, root: Path) -> None:
        self.root = root
        self.folder: str | None = None
        self._name: str | None = None
        self._all: Matrix | None = None
        self._read: dict[Path, Matrix] = {}
        if isinstance(said, str):
            self._name_file(said)
        elif said is not None:
            self._all = camera_matrix(said)

    def _name_file(self, said: str) -> None:
        path = Path(said).expanduser()
        place = next((one for one in (self.root / path, path) if one.is_file()), None)
        if place is not None:
            self._all = read_camera(place)
        elif path.suffix.lower() not in CAMERA_SUFFIXES:
            self.folder = said
        elif path.is_absolute():
            raise UserError(f"data.intrinsics={said} is not there; give the file, or [fx,fy,cx,cy].")
        else:
            self._name = said

    def __call__(self, pair: Pair) -> Matrix | None:
        """The camera of a frame, None where it is not known.

        Raises:
            UserError: if its file is missing or can't be read.
        """
        if isinstance(pair.camera, np.ndarray):
            return pair.camera
        if pair.camera is not None:
            return self._cached(pair.camera)
        return self._all if self._name is None else self._cached(self._above(pair.rgb, self._name))

    def _above(self, picture: Path, name: str) -> Path:
        for folder in picture.parents:
            if (folder / name).is_file():
                return folder / name
            if folder == self.root:
                break
        raise UserError(
            f"data.intrinsics={name} is neither beside {picture} nor in a folder above it, up to {self.root}."
        )

    def _cached(self, path: Path) -> Matrix:
        if path not in self._read:
            if len(self._read) > 100_000:
                self._read.clear()
            self._read[path] = read_camera(path)
        return self._read[path]

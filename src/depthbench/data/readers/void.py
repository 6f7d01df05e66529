"""VOID (Wong et al., RA-L 2020) as UniDepth stores it: rooms and stairs, seen by a depth camera."""

from types import MappingProxyType

from depthbench.data.readers.unidepth import UniDepthArchive


class VOID(UniDepthArchive):
    """``void.hdf5``: pictures, 16-bit depth of 1/256 m, lists and cameras.

    Source: ``unidepth/datasets/void.py``. For the arguments see
    :class:`~depthbench.data.readers.unidepth.UniDepthArchive`. The form in which the set is published is not read.

    Example:
        >>> import tempfile, cv2, h5py, numpy as np
        >>> from pathlib import Path
        >>> from depthbench.data import VOID
        >>> folder = Path(tempfile.mkdtemp())
        >>> picture, depth = np.full((6, 8, 3), 90, np.uint8), np.full((6, 8), 1280, np.uint16)
        >>> cameras = b'{"a.png": [[100, 0, 4], [0, 100, 3], [0, 0, 1]]}'
        >>> with h5py.File(folder / Path(VOID.archives[0]).name, "w") as file:
        ...     for name, values in (("a.png", picture), ("b.png", depth)):
        ...         file[name] = cv2.imencode(".png", values)[1].ravel()
        ...     for name, text in ((VOID.lists["val"], b"a.png b.png"), (VOID.cameras, cameras)):
        ...         file[name] = np.frombuffer(text, np.uint8)
        >>> float(VOID(folder)[0].depth.mean())
        5.0
    """

    known_as = "VOID"
    archives = ("void.hdf5",)
    lists = MappingProxyType({"val": "void_val.txt", "train": "void_train.txt"})
    cameras = "void_intrinsics.json"
    plausible = (0.2, 20.0)

"""DDAD (Guizilini et al., CVPR 2020) as UniDepth stores it: streets, six cameras, sparse laser depth."""

from types import MappingProxyType

from depthbench.data.readers.unidepth import UniDepthArchive


class DDAD(UniDepthArchive):
    """``ddad_0.hdf5`` to ``ddad_7.hdf5``: pictures, 16-bit depth of 1/256 m, lists and cameras.

    Source: ``unidepth/datasets/ddad.py``. For the arguments see
    :class:`~depthbench.data.readers.unidepth.UniDepthArchive`. The form in which the set is published is not read.

    Example:
        >>> import tempfile, cv2, h5py, numpy as np
        >>> from pathlib import Path
        >>> from depthbench.data import DDAD
        >>> folder = Path(tempfile.mkdtemp())
        >>> picture, depth = np.full((6, 8, 3), 90, np.uint8), np.full((6, 8), 1280, np.uint16)
        >>> cameras = b'{"a.png": [[100, 0, 4], [0, 100, 3], [0, 0, 1]]}'
        >>> with h5py.File(folder / Path(DDAD.archives[0]).name, "w") as file:
        ...     for name, values in (("a.png", picture), ("b.png", depth)):
        ...         file[name] = cv2.imencode(".png", values)[1].ravel()
        ...     for name, text in ((DDAD.lists["val"], b"a.png b.png"), (DDAD.cameras, cameras)):
        ...         file[name] = np.frombuffer(text, np.uint8)
        >>> float(DDAD(folder)[0].depth.mean())
        5.0
    """

    known_as = "DDAD"
    archives = tuple(f"ddad/ddad_{number}.hdf5" for number in range(8))
    lists = MappingProxyType({"val": "val.txt", "train": "train.txt"})
    cameras = "intrinsics.json"
    plausible = (1.0, 150.0)

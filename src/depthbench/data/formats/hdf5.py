"""Whether an HDF5 file holds all numbers of an array: the library delivers a fill value for those that it lacks."""

import math
from pathlib import Path
from typing import Any

import h5py

from depthbench.errors import UserError


def check_stored(array: Any, where: str | Path) -> None:
    """Raise :class:`UserError` unless every number of an array is in its file, or in a file that it points to.

    Args:
        array: an ``h5py.Dataset``.
        where: names the file in errors.
    """
    lacking = _lacking(array, Path(array.file.filename))
    if lacking:
        raise UserError(f"{where}: '{array.name}' is not complete ({lacking}), and HDF5 would fill in the rest.")


def _lacking(array: Any, file: Path) -> str | None:
    if array.is_virtual:
        return _lacking_sources(array, file)
    if array.external:
        return _lacking_raw(array, file)
    if array.chunks is not None:
        expected = math.prod(-(-side // step) for side, step in zip(array.shape, array.chunks, strict=True))
        written = array.id.get_num_chunks()
        return f"{written} of {expected} chunks were written" if written < expected else None
    return "nothing was written" if array.size and not array.id.get_storage_size() else None


def _lacking_sources(array: Any, file: Path) -> str | None:
    covered = 0
    for source in array.virtual_sources():
        covered += source.vspace.get_select_npoints()
        path = file if source.file_name == "." else file.parent / source.file_name
        if not path.is_file():
            return f"it takes numbers from {source.file_name}, which is missing"
        try:
            with h5py.File(path) as other:
                inner = other.get(source.dset_name)
                if not isinstance(inner, h5py.Dataset):
                    return f"{source.file_name} has no '{source.dset_name}'"
                # A virtual array of virtual arrays is as rare as a loop of them would be fatal.
                lacking = "it is virtual again" if inner.is_virtual else _lacking(inner, path)
        except OSError:
            return f"{source.file_name} can't be read"
        if lacking:
            return f"'{source.dset_name}' of {source.file_name}: {lacking}"
    return f"{covered} of {array.size} numbers have a source" if covered < array.size else None


def _lacking_raw(array: Any, file: Path) -> str | None:
    stored = 0
    for name, offset, size in array.external:
        path = file.parent / name
        if not path.is_file():
            return f"its numbers are in {name}, which is missing"
        stored += min(size, max(0, path.stat().st_size - offset))
    return f"{stored} of {array.nbytes} bytes are there" if stored < array.nbytes else None

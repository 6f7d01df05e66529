"""HDF5 files made on purpose: links out of the file and in circles, claims, fill values, blocks that are bombs."""

import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

Random = np.random.Generator


def _everywhere(write: Callable[[h5py.File, str], None]) -> Callable[[h5py.File], None]:
    """The same under all names that readers ask for."""

    def fill(file: h5py.File) -> None:
        for name in ("depth", "images", "depths", "rawDepths", "grid"):
            write(file, name)

    return fill


@lru_cache
def _zeros(megabytes: int) -> bytes:
    """Deflate so many megabytes of zeros."""
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(megabytes)), packer.flush()])


def _block_bomb(file: h5py.File, name: str) -> None:
    array = file.create_dataset(name, (3, 1000, 1000), "f4", chunks=(1, 1000, 1000), compression="gzip")
    for row in range(3):
        array.id.write_direct_chunk((row, 0, 0), _zeros(1000))


def _virtual(file: h5py.File, name: str) -> None:
    layout = h5py.VirtualLayout((3, 20, 28), "f4")
    for row in range(3):
        layout[row] = h5py.VirtualSource("nowhere.h5", "depth", (20, 28))
    file.create_virtual_dataset(name, layout, fillvalue=2)


def _names(file: h5py.File) -> None:
    file["depth"] = np.ones((3, 20, 28), "f4")
    file.create_dataset("names", (10**9,), "S9999", chunks=(1000,))


def _claims(file: h5py.File, name: str) -> None:
    file.create_dataset(name, (3, 200_000, 200_000), "f4", chunks=(1, 100, 100))


def _raw(file: h5py.File, name: str) -> None:
    file.create_dataset(name, (3, 9, 9), "f4", external=[("/etc/passwd", 0, 972)])


def _itself(file: h5py.File, name: str) -> None:
    file[name] = h5py.ExternalLink(Path(file.filename).name, f"/{name}")


MADE: dict[str, Callable[[h5py.File], None]] = {
    "external link": _everywhere(lambda file, name: file.update({name: h5py.ExternalLink("/etc/hostname", "/x")})),
    "missing link": _everywhere(lambda file, name: file.update({name: h5py.SoftLink("/nowhere")})),
    "circle": _everywhere(lambda file, name: file.update({name: h5py.SoftLink(f"/{name}")})),
    "own group": _everywhere(lambda file, name: file.create_group(name)),
    "itself": _everywhere(_itself),
    "claims": _everywhere(_claims),
    "fill values": _everywhere(lambda file, name: file.create_dataset(name, (3, 8000, 8000), "f4", fillvalue=2)),
    "many": _everywhere(lambda file, name: file.create_dataset(name, (60_000, 3, 60, 60), "u1", chunks=(1, 3, 60, 60))),
    "nothing": _everywhere(lambda file, name: file.create_dataset(name, (0, 0, 0), "f4")),
    "null": _everywhere(lambda file, name: file.create_dataset(name, dtype="f4")),
    "texts": _everywhere(lambda file, name: file.create_dataset(name, data=["a"] * 3, dtype=h5py.string_dtype())),
    "records": _everywhere(lambda file, name: file.create_dataset(name, (3, 20, 28), "f4,i8")),
    "references": _everywhere(lambda file, name: file.create_dataset(name, (3, 20, 28), h5py.ref_dtype)),
    "raw": _everywhere(_raw),
    "blocks": _everywhere(_block_bomb),
    "virtual": _everywhere(_virtual),
    "names": _names,
}


def write_bomb(path: Path, rng: Random) -> None:
    """One of them."""
    kind = list(MADE)[rng.integers(len(MADE))]
    path.unlink()
    with h5py.File(path, "w", userblock_size=512 if path.suffix == ".mat" else 0) as file:
        MADE[kind](file)

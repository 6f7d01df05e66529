"""What a packed block stands for is known before HDF5 unpacks it."""

import h5py
import numpy as np
import pytest

from depthbench.data.formats import hdf5_blocks
from depthbench.data.formats.hdf5 import open_hdf5, read_array
from depthbench.data.formats.hdf5_blocks import LZF, lzf_beyond
from depthbench.errors import UserError

REPEATED = b"\xe0\xff\x00"  # of LZF: 264 bytes that were there before
ARRAYS = {
    "noise": np.random.default_rng(0).integers(0, 256, (3, 40, 50), np.uint8),
    "steps": np.arange(6000, dtype=np.uint8).reshape(3, 40, 50) // 7,
    "zeros": np.zeros((3, 40, 50), np.uint8),
    "words": np.frombuffer((b"depth of a room, " * 400)[:6000], np.uint8).reshape(3, 40, 50),
}


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("more", [{}, {"shuffle": True, "fletcher32": True}])
def test_the_length_of_lzf_is_the_length_that_hdf5_finds(tmp_path, kind, more, monkeypatch):
    monkeypatch.setattr(hdf5_blocks, "MAX_CHUNK", 64)  # every block is looked at
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=ARRAYS[kind], chunks=(1, 40, 50), compression="lzf", **more)
    with open_hdf5(tmp_path / "x.h5") as file:
        assert np.array_equal(read_array(file["x"], (), tmp_path), ARRAYS[kind])
        skipped, stored = file["x"].id.read_direct_chunk((1, 0, 0))
    stored = stored[: len(stored) - 4 * bool(more)]
    assert bool(skipped) == (kind == "noise")
    if not skipped:
        assert lzf_beyond(stored, 1999)
        assert not lzf_beyond(stored, 2000)


def test_a_block_of_lzf_unpacks_to_its_own_size(tmp_path):
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        array = file.create_dataset("x", (2, 1000), "u1", chunks=(1, 1000), compression="lzf")
        for row in range(2):
            array.id.write_direct_chunk((row, 0), b"\x00a" + REPEATED * 1_100_000)  # 290 MB each
    with open_hdf5(path) as file, pytest.raises(UserError, match=r"a block of '/x' unpacks to more than its 1,000"):
        read_array(file["x"], 0, path)


def test_a_block_of_lzf_that_takes_long_to_walk_through_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5_blocks, "MAX_LZF", 8)
    monkeypatch.setattr(hdf5_blocks, "MAX_CHUNK", 64)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=ARRAYS["words"], chunks=(1, 40, 50), compression="lzf")
    with open_hdf5(tmp_path / "x.h5") as file, pytest.raises(UserError, match="pack it by gzip"):
        read_array(file["x"], 0, tmp_path)


def test_szip_says_its_size_itself():
    assert hdf5_blocks.unpacks_beyond((2001).to_bytes(4, "little") + b"packed", hdf5_blocks.SZIP, 2000)
    assert not hdf5_blocks.unpacks_beyond((2000).to_bytes(4, "little") + b"packed", hdf5_blocks.SZIP, 2000)


def test_by_hand():
    """One letter, 7 of it repeated, then 264: the second length takes a byte more."""
    packed = b"\x00a" + bytes([5 << 5, 0]) + REPEATED
    assert hdf5_blocks.unpacks_beyond(packed, LZF, 271)
    assert not hdf5_blocks.unpacks_beyond(packed, LZF, 272)

import zlib

import h5py
import numpy as np
import pytest

from depthbench.data.formats.hdf5 import check_stored, find_array, read_array, read_texts
from depthbench.errors import UserError

VALUES = np.arange(1, 4 * 6 * 8 + 1, dtype=np.float32).reshape(4, 6, 8)


def virtual(file, folder, rows=4):
    layout = h5py.VirtualLayout((4, 6, 8), "f4")
    for row in range(rows):
        with h5py.File(folder / f"part{row}.h5", "w") as part:
            part["map"] = VALUES[row]
        layout[row] = h5py.VirtualSource(f"part{row}.h5", "map", (6, 8))
    file.create_virtual_dataset("x", layout, fillvalue=2)


def external(file, folder):
    (folder / "raw.bin").write_bytes(VALUES.tobytes())
    file.create_dataset("x", (4, 6, 8), "f4", external=[(str(folder / "raw.bin"), 0, VALUES.nbytes)])


def loop(file, _):
    file["x"] = h5py.SoftLink("/y")
    file["y"] = h5py.SoftLink("/x")


def linked(file, _):
    file["group/inner"] = VALUES
    file["group/link"] = h5py.SoftLink("inner")
    file["x"] = h5py.SoftLink("/group/link")


WHOLE = {
    "plain": lambda file, _: file.create_dataset("x", data=VALUES),
    "chunks": lambda file, _: file.create_dataset("x", data=VALUES, chunks=(3, 4, 5), compression="gzip"),
    "all filters": lambda file, _: file.create_dataset(
        "x", data=VALUES, chunks=(1, 6, 8), shuffle=True, fletcher32=True
    ),
    "lzf": lambda file, _: file.create_dataset("x", data=VALUES, chunks=(1, 6, 8), compression="lzf"),
    "soft links": linked,
}


def written(folder, write):
    with h5py.File(folder / "x.h5", "w") as file:
        write(file, folder)
    return h5py.File(folder / "x.h5")


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_arrays(tmp_path, kind):
    with written(tmp_path, WHOLE[kind]) as file:
        array = find_array(file, "x", "x.h5")
        check_stored(array, "x.h5")
        np.testing.assert_array_equal(read_array(array, (), "x.h5"), VALUES)
        np.testing.assert_array_equal(read_array(array, 2, "x.h5"), VALUES[2])


def bomb(file, _):
    """A block that stands for 4 MB and unpacks to 1 GiB."""
    array = file.create_dataset("x", (1, 1000, 1000), "f4", chunks=(1, 1000, 1000), compression="gzip")
    squeeze = zlib.compressobj(9)
    packed = [squeeze.compress(bytes(1 << 20)) for _ in range(1024)]
    array.id.write_direct_chunk((0, 0, 0), b"".join([*packed, squeeze.flush()]))


def test_a_block_unpacks_to_its_own_size(tmp_path):
    with written(tmp_path, bomb) as file:
        check_stored(file["x"], "x.h5")
        with pytest.raises(UserError, match="unpacks to more than its 4,000,000 bytes"):
            read_array(file["x"], 0, "x.h5")


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (loop, "a link that leads in a circle"),
        (lambda file, _: file.update({"x": h5py.ExternalLink("/etc/secret.h5", "/x")}), "is a link to /etc/secret.h5"),
    ],
)
def test_links_stay_in_the_file(tmp_path, write, says):
    with written(tmp_path, write) as file, pytest.raises(UserError, match=says):
        find_array(file, "x", "x.h5")
    with written(tmp_path, linked) as file:
        assert find_array(file, "nothing", "x.h5") is find_array(file, "group", "x.h5") is None


def some_chunks(file, _):
    file.create_dataset("x", (4, 6, 8), "f4", chunks=(1, 6, 8), fillvalue=3)[:3] = 1


def two_compressors(file, folder):
    listed = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    listed.set_chunk((4, 6, 8))
    listed.set_deflate(9)
    listed.set_deflate(9)
    space = h5py.h5s.create_simple((4, 6, 8))
    h5py.Dataset(h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, space, listed))[...] = VALUES


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda file, _: file.create_dataset("x", (4, 6, 8), "f4"), "nothing was written"),
        (some_chunks, "3 of 4 chunks were written"),
        (virtual, "takes its numbers from other files"),
        (external, "takes its numbers from other files"),
        (two_compressors, r"packed by the filters \[1, 1\]"),
        (lambda file, _: file.create_dataset("x", data=["a"], dtype=h5py.string_dtype()), "not numbers"),
    ],
)
def test_what_hdf5_would_fill_in_is_refused(tmp_path, write, says):
    with written(tmp_path, write) as file, pytest.raises(UserError, match=says):
        check_stored(file["x"], "x.h5")


def test_texts_claim_no_more_than_the_file_has(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["x"] = ["one", "two", "three"]
        file["fixed"] = np.array([b"one", b"two"])
    with h5py.File(path) as file:
        assert read_texts(file["x"], path) == [b"one", b"two", b"three"]
        assert read_texts(file["fixed"], path) == [b"one", b"two"]
        start = file["x"].id.get_offset()
    data = bytearray(path.read_bytes())
    data[start : start + 4] = b"\xff" * 4  # 4 GiB of memory
    path.write_bytes(data)
    with h5py.File(path) as file, pytest.raises(UserError, match="claims 4,294,967,303 bytes of names"):
        read_texts(file["x"], path)


@pytest.mark.parametrize("damage", [b"\0" * 24, b"\xff" * 8])
def test_a_damaged_table_of_blocks_is_no_array(tmp_path, damage):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=VALUES, chunks=(1, 3, 4), fletcher32=True)
        middle = file["x"].id.get_chunk_info(7)
    data = bytearray((tmp_path / "x.h5").read_bytes())
    place = data.index(middle.byte_offset.to_bytes(8, "little"))  # where the table says where the block lies
    data[place : place + len(damage)] = damage
    (tmp_path / "x.h5").write_bytes(data)
    with h5py.File(tmp_path / "x.h5") as file, pytest.raises(UserError, match="table of its 16 blocks is damaged"):
        check_stored(file["x"], "x.h5")

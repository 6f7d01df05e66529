import h5py
import numpy as np
import pytest

from depthbench.data.formats.hdf5 import check_stored
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


WHOLE = {
    "plain": lambda file, _: file.create_dataset("x", data=VALUES),
    "chunks": lambda file, _: file.create_dataset("x", data=VALUES, chunks=(3, 4, 5), compression="gzip"),
    "virtual": virtual,
    "external": external,
}


def written(folder, write):
    with h5py.File(folder / "x.h5", "w") as file:
        write(file, folder)
    return h5py.File(folder / "x.h5")


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_arrays(tmp_path, kind):
    with written(tmp_path, WHOLE[kind]) as file:
        check_stored(file["x"], "x.h5")
        np.testing.assert_array_equal(file["x"], VALUES)


def some_chunks(file, _):
    file.create_dataset("x", (4, 6, 8), "f4", chunks=(1, 6, 8), fillvalue=3)[:3] = 1


def no_source(file, folder):
    virtual(file, folder)
    (folder / "part2.h5").unlink()


def empty_source(file, folder):
    virtual(file, folder)
    with h5py.File(folder / "part1.h5", "w") as part:
        part.create_dataset("map", (6, 8), "f4")


def other_source(file, folder):
    virtual(file, folder)
    (folder / "part3.h5").write_bytes(b"junk")


def no_name(file, folder):
    virtual(file, folder)
    with h5py.File(folder / "part0.h5", "w") as part:
        part["depth"] = VALUES[0]


def no_raw(file, folder):
    external(file, folder)
    (folder / "raw.bin").unlink()


def short_raw(file, folder):
    external(file, folder)
    (folder / "raw.bin").write_bytes(VALUES.tobytes()[:-4])


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda file, _: file.create_dataset("x", (4, 6, 8), "f4"), "nothing was written"),
        (some_chunks, "3 of 4 chunks were written"),
        (no_source, "takes numbers from part2.h5, which is missing"),
        (empty_source, "'map' of part1.h5: nothing was written"),
        (other_source, "part3.h5 can't be read"),
        (no_name, "part0.h5 has no 'map'"),
        (lambda file, folder: virtual(file, folder, 3), "144 of 192 numbers have a source"),
        (no_raw, "raw.bin, which is missing"),
        (short_raw, "764 of 768 bytes are there"),
    ],
)
def test_what_hdf5_would_fill_in_is_refused(tmp_path, write, says):
    with written(tmp_path, write) as file, pytest.raises(UserError, match=says):
        check_stored(file["x"], "x.h5")

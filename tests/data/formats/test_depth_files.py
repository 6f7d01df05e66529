"""Depth files of every format hold the numbers that were written, and nothing else is taken for depth."""

import cv2
import numpy as np
import pytest
from PIL import Image

from depthbench.data.formats.depth_files import DEPTH_SUFFIXES, read_depth, read_mask
from depthbench.errors import UserError
from depthbench.input_files import MAX_PIXELS

RNG = np.random.default_rng(0)
METRES = RNG.uniform(0.5, 9, (7, 11)).astype(np.float32)
METRES[0, :3] = np.nan, np.inf, 0
UNITS = RNG.integers(0, 65536, (7, 11)).astype(np.uint16)


def write_pfm(path, values):
    path.write_bytes(b"Pf\n11 7\n-1\n" + np.flipud(values).astype("<f4").tobytes())


WRITERS = {
    "a.npy": lambda path, values: np.save(path, values),
    "b.npz": lambda path, values: np.savez(path, depth=values),
    "c.npz": lambda path, values: np.savez_compressed(path, anything=values[None]),
    "d.npy": lambda path, values: np.save(path, np.asfortranarray(values[..., None])),
    "e.tiff": lambda path, values: Image.fromarray(values).save(path),
    "f.tif": lambda path, values: Image.fromarray(values).save(path, compression="tiff_lzw"),
    "g.TIF": lambda path, values: Image.fromarray(values).save(path, "TIFF", compression="tiff_deflate"),
    "h.tiff": lambda path, values: cv2.imwrite(str(path), values),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("values", [METRES, UNITS], ids=["floats", "integers"])
def test_every_format_holds_what_was_written(tmp_path, name, values):
    WRITERS[name](tmp_path / name, values)
    found = read_depth(tmp_path / name)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


def test_png_and_pfm(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), UNITS)
    np.testing.assert_array_equal(read_depth(tmp_path / "a.png"), UNITS)
    write_pfm(tmp_path / "a.pfm", METRES)
    np.testing.assert_array_equal(read_depth(tmp_path / "a.pfm"), METRES)
    assert {".png", ".npy", ".npz", ".exr", ".tif", ".tiff", ".pfm"} == set(DEPTH_SUFFIXES)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.int64, np.uint32, ">f4", ">u2"])
def test_other_numbers_keep_their_values(tmp_path, dtype):
    values = np.arange(77).reshape(7, 11).astype(dtype)
    np.save(tmp_path / "a.npy", values)
    found = read_depth(tmp_path / "a.npy")
    np.testing.assert_array_equal(found, np.arange(77).reshape(7, 11))
    assert found.dtype in (np.float32, np.float64, np.uint16)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.npy"])
def test_eight_bits_must_be_meant(tmp_path, name):
    values = (UNITS >> 8).astype(np.uint8)
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, values)
    else:
        cv2.imwrite(str(path), values)
    with pytest.raises(UserError, match=r"holds integers of 8 bits.*append data\.bits=8"):
        read_depth(path)
    np.testing.assert_array_equal(read_depth(path, bits=8), values)


def colors(path):
    cv2.imwrite(str(path), np.dstack([UNITS] * 3))


def objects(path):
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def pages(path):
    first = Image.fromarray(METRES)
    first.save(path, "TIFF", save_all=True, append_images=[first])


@pytest.mark.parametrize(
    ("name", "write", "says"),
    [
        ("a.bmp", lambda path: path.write_bytes(b"BM"), r"not a depth file .*; convert it to one of \.png"),
        ("a.npy", lambda path: path.write_bytes(b""), r"a\.npy can't be read"),
        ("a.npy", lambda path: np.save(path, np.zeros((2, 3, 4))), r"shape \(2, 3, 4\), not one map"),
        ("a.npy", lambda path: np.save(path, np.zeros((0, 4))), "nothing is in it"),
        ("a.npy", lambda path: np.save(path, np.zeros((3, 4), complex)), "not real numbers"),
        ("a.npy", objects, "can't be read"),
        ("a.npz", lambda path: np.savez(path, a=METRES, b=METRES), r"holds 2 arrays \(a, b\)"),
        ("a.npz", lambda path: path.write_bytes(b"PK\x03\x04 no zip"), r"a\.npz is damaged"),
        ("a.tif", lambda path: path.write_bytes(b"II*\0"), "can't be read as a TIFF"),
        ("a.tif", lambda path: path.write_bytes(b"\x89PNG"), "can't be read as a TIFF"),
        ("a.tif", colors, "can't be read as a TIFF|colors"),
        ("a.tif", pages, "several pages"),
        ("a.png", colors, "colors"),
        ("a.pfm", lambda path: path.write_bytes(b"Pf\n3 3\n-1\n"), "not a complete one-channel pfm"),
        ("a.exr", lambda path: path.write_bytes(b"nothing"), "not an OpenEXR file"),
    ],
)
def test_what_is_no_depth_is_a_sentence(tmp_path, name, write, says):
    write(tmp_path / name)
    with pytest.raises(UserError, match=says):
        read_depth(tmp_path / name)


@pytest.mark.parametrize("name", ["a.npy", "c.npz", "e.tiff", "f.tif", "g.TIF", "a.pfm"])
def test_cut_files_are_sentences(tmp_path, name):
    path = tmp_path / name
    (WRITERS | {"a.pfm": write_pfm})[name](path, METRES)
    whole = path.read_bytes()
    for end in range(0, len(whole) - 1, 13):
        path.write_bytes(whole[:end])
        try:
            found, told = read_depth(path), ""
        except UserError as error:
            found, told = METRES, str(error)
        np.testing.assert_array_equal(found, METRES)  # or only what follows the numbers was cut off
        assert "\n" not in told
        assert "object at 0x" not in told


def test_a_claimed_size_is_refused_before_memory_is_asked_for(tmp_path):
    header = np.lib.format.header_data_from_array_1_0(METRES) | {"shape": (1 << 20, 1 << 20)}
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(b"\0" * 100)
    with pytest.raises(UserError, match=r"a\.npy"):
        read_depth(tmp_path / "a.npy")
    assert MAX_PIXELS < 1 << 40


def test_exr_needs_a_library_and_says_which(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "OpenEXR", None)
    (tmp_path / "a.exr").write_bytes(b"\x76\x2f\x31\x01" + bytes(100))
    with pytest.raises(UserError, match=r"pip install OpenEXR, or convert the files to npy"):
        read_depth(tmp_path / "a.exr")


def test_exr(tmp_path):
    library = pytest.importorskip("OpenEXR", reason="the optional library for OpenEXR is not installed")
    path = tmp_path / "a.exr"

    def write(channels, compression="ZIP_COMPRESSION"):
        header = {"compression": getattr(library, compression), "type": library.scanlineimage}
        library.File(header, channels).write(str(path))

    for compression in ("NO_COMPRESSION", "RLE_COMPRESSION", "ZIPS_COMPRESSION", "ZIP_COMPRESSION", "PIZ_COMPRESSION"):
        write({"V": METRES}, compression)
        np.testing.assert_array_equal(read_depth(path), METRES)
    write({"Z": METRES, "R": METRES + 1, "G": METRES})
    np.testing.assert_array_equal(read_depth(path), METRES)
    half = METRES.astype(np.float16)
    write({"RGB": np.stack([half] * 3, axis=-1)})
    np.testing.assert_array_equal(read_depth(path), half.astype(np.float32))
    write({"RGB": np.stack([METRES, METRES, METRES + 1], axis=-1)})
    with pytest.raises(UserError, match="channels B, G, R, and no single one is the depth"):
        read_depth(path)
    whole = path.read_bytes()
    for end in range(4, len(whole), 37):
        path.write_bytes(whole[:end])
        with pytest.raises(UserError, match=r"a\.exr"):
            read_depth(path)


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA", "LA"])
def test_masks_are_valid_where_they_are_not_zero(tmp_path, mode):
    valid = METRES > 4
    Image.fromarray(valid.astype(np.uint8) * 255).convert(mode).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), valid)


def test_masks_of_other_kinds(tmp_path):
    valid = METRES > 4
    np.save(tmp_path / "a.npy", valid)
    np.save(tmp_path / "b.npy", valid.astype(np.float32) * 0.5)
    cv2.imwrite(str(tmp_path / "c.png"), valid.astype(np.uint16))  # 16 bits
    Image.fromarray(valid.astype(np.uint8)).save(tmp_path / "d.tif")
    for name in ("a.npy", "b.npy", "c.png", "d.tif"):
        np.testing.assert_array_equal(read_mask(tmp_path / name), valid)
    (tmp_path / "e.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "f.png").write_bytes(b"\xff\xd8")
    for name in ("e.jpg", "f.png"):
        with pytest.raises(UserError, match="mask"):
            read_mask(tmp_path / name)

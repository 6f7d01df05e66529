"""Files made to do harm, each a case that once crashed, hung, took gigabytes or passed for something else."""

import gzip
import os
import struct
import zipfile
import zlib

import cv2
import numpy as np
import pytest

from depthbench.data.formats.lists import read_list
from depthbench.data.formats.mat import load_mat
from depthbench.data.formats.pfm import read_pfm
from depthbench.data.formats.store import Store
from depthbench.data.formats.velodyne import read_scan
from depthbench.errors import UserError
from depthbench.evaluation.prediction_files import PredictionFiles
from depthbench.files import read_json
from depthbench.images import decode_depth, decode_rgb
from depthbench.inference.photos import Video
from depthbench.input_files import NumpyFile, can_inflate_to, parse_json, read_bytes, read_table, verify_archive
from tests.torture.mutations import npy, zipped

READERS = {
    "a.png": read_bytes,
    "a.pfm": read_pfm,
    "a.npy": NumpyFile,
    "a.txt": read_list,
    "a.mat": lambda path: load_mat(path, ["grid"]),
    "a.bin": read_scan,
    "a.json": read_json,
    "a.csv": read_table,
    "a.ckpt": verify_archive,
    "a.mp4": Video,
}


def fifo(path):
    os.mkfifo(path)


SPECIAL = {
    "a named pipe": fifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", SPECIAL)
def test_only_regular_files_are_opened(tmp_path, name, kind):
    SPECIAL[kind](tmp_path / name)
    with pytest.raises(UserError, match=f"{name}.* is not a file but {kind}|{name}.*not a file but {kind}"):
        READERS[name](tmp_path / name)


@pytest.mark.parametrize("suffix", [".npy", ".pfm", ".png", ".npz"])
def test_a_prediction_that_is_a_pipe(tmp_path, suffix):
    os.mkfifo(tmp_path / f"0{suffix}")
    with pytest.raises(UserError, match="a named pipe"):
        PredictionFiles(tmp_path, ["0"], unit=1.0)[0]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (npy((0, 0)), "nothing is in it|can't be read"),
        (npy((0, 5)), "nothing is in it"),
        (npy((100_000, 100_000), content=bytes(8)), "claims float32 of the shape"),
        (npy((-1, 20), content=bytes(80)), "claims float32"),
        (npy((2**62, 4)), "claims float32"),
        (npy((4, 5), "|O", bytes(160)), "Python objects"),
        (npy((4, 5), "<U1000000000"), "header is damaged"),
        (npy((4, 5), content=bytes(81)), "and 81 are there"),
        (npy("__import__('os').getpid()"), "header is damaged"),
        (b"\x80\x04K\x01.", "can't be read as NumPy's"),
        (b"", "it is empty"),
        (zipped({"depth.npy": b""}), "it is empty"),
        (zipped({"depth.npy": b"junk"}), "header is damaged"),
        (zipped({"depth.npy": npy((10**5, 10**5))}), "and 0 are there"),
        (zipped({"depth.npy": npy((4, 5), content=bytes(80))}, zipfile.ZIP_LZMA), "packed by method 14"),
    ],
)
def test_numpy_files_that_lie(tmp_path, data, says):
    (tmp_path / "0.npz").write_bytes(data)
    with pytest.raises(UserError, match=says):
        PredictionFiles(tmp_path, ["0"])[0]


def lying(claimed, overlap=1, name=b"depth.npy"):
    """A zip whose table of contents claims so many bytes of a member, or the same bytes for several."""
    data = bytearray(zipped({name.decode(): np.random.default_rng(0).bytes(1000)}))
    table, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    data[table + 24 : table + 28] = struct.pack("<I", claimed)
    entries = b""
    for number in range(overlap):
        entry = bytearray(data[table:end])
        entry[46 : 46 + len(name)] = name if overlap == 1 else b"%09d" % number
        entries += entry
    tail = bytearray(data[end:])
    tail[8:16] = struct.pack("<HHI", overlap, overlap, len(entries))
    return bytes(data[:table]) + entries + bytes(tail)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (lying(3 << 30), "claims that 'depth.npy' has 3,221,225,472 bytes"),
        (lying(1000, overlap=50), "claims members of"),
        (zipped({"a": b"x"})[:-4], "damaged, truncated or not a zip"),
    ],
)
def test_zips_that_lie(tmp_path, data, says):
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(UserError, match=says):
        Store(tmp_path / "a.zip")


def test_what_is_honest_is_read(tmp_path):
    values = np.asfortranarray(np.random.default_rng(0).uniform(1, 2, (4, 5)))
    np.savez_compressed(tmp_path / "a.npz", a=values, b=np.zeros((300, 400), np.float32), c=np.float64(3))
    with NumpyFile(tmp_path / "a.npz") as file:
        np.testing.assert_array_equal(file.read("a"), values)
        assert file.read("b").shape == (300, 400)  # packed a thousandfold
        assert file.read("c") == 3
    np.save(tmp_path / "a.npy", values.T.astype(">f2"))
    np.testing.assert_array_equal(NumpyFile(tmp_path / "a.npy").read(), values.T.astype(">f2"))
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"a.jpg b.png 1.5\r\n") + gzip.compress(b"c.jpg None\n"))
    assert [entry.rgb for entry in read_list(tmp_path / "a.txt.gz")] == ["a.jpg", "c.jpg"]


@pytest.mark.parametrize("factor", [1, 4, 100])
def test_deflate_makes_no_more_of_a_byte(factor):
    assert len(bytes(factor << 20)) <= can_inflate_to(len(zlib.compress(bytes(factor << 20), 9)))


@pytest.mark.parametrize(
    ("line", "count", "says"),
    [(b"\n", 1 << 28, "unpacks to more than"), (b"a b\n", 1 << 21, "more than 1,000,000 lines")],
)
def test_packed_lists_that_are_bombs(tmp_path, line, count, says):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(line * count, 1))
    with pytest.raises(UserError, match=says):
        read_list(tmp_path / "a.txt.gz")


def test_a_mat_that_claims_60000_pictures(tmp_path):
    body = struct.pack("<IIII", 6, 8, 6, 0) + struct.pack("<IIii", 5, 8, 60_000, 60_000)
    body += struct.pack("<II", 1, 4) + b"grid" + bytes(4) + struct.pack("<II", 9, 8) + bytes(8)
    packed = zlib.compress(struct.pack("<II", 14, len(body)) + body)
    bomb = zlib.compress(struct.pack("<II", 14, 1 << 30) + body + bytes(1 << 24))
    for content, says in ((packed, "claims the shape"), (bomb, "claims 1,073,741,824 bytes")):
        whole = bytes(124) + b"\0\1IM" + struct.pack("<II", 15, len(content)) + content
        (tmp_path / "a.mat").write_bytes(whole)
        with pytest.raises(UserError, match=says):
            load_mat(tmp_path / "a.mat", ["grid"])


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize(("side", "bits", "color"), [(8000, 8, 2), (8192, 16, 6), (0, 16, 0), (30_000, 16, 0)])
def test_pngs_claim_what_they_can_hold(side, bits, color):
    head = struct.pack(">IIBBBBB", side, side, bits, color, 0, 0, 0)
    pixels = zlib.compress(bytes(1000 if side < 8192 else 1 << 24))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    for decode in (decode_rgb, decode_depth):
        with pytest.raises(UserError, match=f"a.png claims {side}x{side} pixels"):
            decode(data, "a.png")


def test_jpegs_claim_what_they_can_hold():
    data = bytearray(cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", 8000, 8000)
    with pytest.raises(UserError, match="claims 8000x8000 pixels in 1 scans"):
        decode_rgb(bytes(data), "a.jpg")
    scans = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    scan = scans.index(b"\xff\xda")
    with pytest.raises(UserError, match=r"in 1\d\d\d scans"):
        decode_rgb(scans[:-2] + scans[scan:-2] * (1000 // scans.count(b"\xff\xda")) + scans[-2:], "a.jpg")


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"[" * 100_000, "too deeply|lists"), (b"[" + b"{}," * 1_100_000, "1,100,001 lists"), (b" " * (1 << 26), "bytes")],
)
def test_json_that_is_a_bomb(data, says):
    with pytest.raises(ValueError, match=says):
        parse_json(data)


def test_a_table_of_commas_and_one_of_empty_lines(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"," * 9_000_000)
    with pytest.raises(UserError, match="9,000,000 cells"):
        read_table(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes(b"\n" * 4_000_000 + b"a,b\n")
    assert read_table(tmp_path / "a.csv") == [["a", "b"]]


def test_a_packed_checkpoint_is_none(tmp_path):
    (tmp_path / "a.ckpt").write_bytes(zipped({"archive/data.pkl": bytes(1 << 24)}))
    with pytest.raises(UserError, match=r"packed, (as|which) torch\.save never does"):
        verify_archive(tmp_path / "a.ckpt")

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from depthbench import images
from depthbench.errors import UserError
from depthbench.images import decode_depth, decode_rgb, read_bytes


def encode(image: np.ndarray, suffix: str) -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 255, (37, 53, 3), dtype=np.uint8)


@pytest.fixture
def depth():
    return np.random.default_rng(0).integers(0, 65535, (37, 53), dtype=np.uint16)


def test_png_is_exact_and_rgb(picture, depth):
    np.testing.assert_array_equal(decode_rgb(encode(picture[..., ::-1], ".png"), "a.png"), picture)
    np.testing.assert_array_equal(decode_depth(encode(depth, ".png"), "a.png"), depth)


def written_by_hand(depth: np.ndarray, filters: bytes) -> bytes:
    """A PNG whose rows use these filters (none or up) in turn, in two IDAT chunks."""
    rows = depth.astype(">u2").view(np.uint8)
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    coded = b"".join(
        bytes([kind]) + (row - up if kind else row).tobytes()
        for row, up, kind in zip(rows, above, filters, strict=True)
    )
    packed = zlib.compress(coded)
    head = struct.pack(">IIBBBBB", depth.shape[1], depth.shape[0], 16, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", packed[:9]), (b"IDAT", packed[9:]), (b"IEND", b"")]
    body = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("shape", [(37, 53), (1, 1), (1, 16), (240, 321)])
def test_depth_of_16_bits_is_exact_whoever_decodes_and_wrote_it(monkeypatch, fast, shape):
    if fast:
        pytest.importorskip("pywuffs")
        assert images.ImageDecoder
    else:
        monkeypatch.setattr(images, "ImageDecoder", None)
    smooth = np.add.outer(np.arange(shape[0]) * 97, np.arange(shape[1]) * 5).astype(np.uint16)
    rough = np.random.default_rng(0).integers(0, 65535, shape, dtype=np.uint16)
    for depth in (smooth, rough):
        files = [written_by_hand(depth, bytes(row % 3 // 2 * 2 for row in range(shape[0])))]
        ways = [[cv2.IMWRITE_PNG_STRATEGY, strategy] for strategy in range(5)]
        files += [cv2.imencode(".png", depth, way)[1].tobytes() for way in ways]
        pillow = io.BytesIO()
        Image.fromarray(depth).save(pillow, "png")
        for data in (*files, pillow.getvalue()):
            decoded = decode_depth(data, "a.png")
            assert decoded.dtype == np.uint16
            np.testing.assert_array_equal(decoded, depth)


@pytest.mark.parametrize("flags", [[], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]])
def test_jpeg(flags):
    smooth = np.linspace(0, 255, 64 * 48 * 3).reshape(48, 64, 3).astype(np.uint8)
    data = cv2.imencode(".jpg", smooth[..., ::-1], flags)[1].tobytes()
    assert np.abs(decode_rgb(data, "a.jpg").astype(int) - smooth).mean() < 3


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_truncated_anywhere(picture, suffix):
    data = encode(picture, suffix)
    for end in range(0, len(data) - 1, max(1, len(data) // 97)):
        with pytest.raises(UserError, match="room/a"):
            decode_rgb(data[:end], "room/a")


def test_flipped_bits_never_give_wrong_depth(depth):
    data = encode(depth, ".png")
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(200):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            np.testing.assert_array_equal(decode_depth(bytes(damaged), "a.png"), depth)
        except UserError:
            refused += 1
    assert refused > 150


def test_wrong_kinds(picture, depth, tmp_path):
    with pytest.raises(UserError, match="colors"):
        decode_depth(encode(picture, ".png"), "a.png")
    with pytest.raises(UserError, match="8-bit"):
        decode_depth(encode(picture[..., 0], ".png"), "a.png")
    with pytest.raises(UserError, match="neither JPEG nor PNG"):
        decode_rgb(b"GIF89a", "a.gif")
    with pytest.raises(UserError, match="empty"):
        decode_rgb(b"", "a.png")
    with pytest.raises(UserError, match="not a file"):
        read_bytes(tmp_path)
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    with pytest.raises(UserError, match="loop"):
        read_bytes(loop)


def test_a_huge_header_asks_for_no_memory(depth):
    data = bytearray(encode(depth, ".png"))
    data[16:24] = (100_000).to_bytes(4) * 2
    data[29:33] = __import__("zlib").crc32(data[12:29]).to_bytes(4)
    with pytest.raises(UserError, match="claims 100000x100000"):
        decode_depth(bytes(data), "a.png")

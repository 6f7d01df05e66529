import io
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from depthbench import images
from depthbench.errors import UserError
from depthbench.images import decode_depth, decode_rgb
from depthbench.input_files import read_bytes
from tests import png_files


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
        ways = [[cv2.IMWRITE_PNG_STRATEGY, strategy] for strategy in range(5)]
        files = [cv2.imencode(".png", depth, way)[1].tobytes() for way in ways]
        pillow = io.BytesIO()
        Image.fromarray(depth).save(pillow, "png")
        for data in (*files, pillow.getvalue()):
            decoded = decode_depth(data, "a.png")
            assert decoded.dtype == np.uint16
            np.testing.assert_array_equal(decoded, depth)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("shape", [(37, 53), (1, 1), (3, 2)])
def test_every_kind_of_png_that_the_reference_reads_is_read(monkeypatch, fast, shape):
    if fast:
        pytest.importorskip("pywuffs")
    else:
        monkeypatch.setattr(images, "ImageDecoder", None)
    depth = np.random.default_rng(0).integers(0, 65535, shape, dtype=np.uint16)
    depth.flat[0] = 1000
    count = 0
    for kind, data in png_files.gray16(depth):
        reference = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(reference, depth, kind)
        np.testing.assert_array_equal(decode_depth(data, kind), depth, kind)
        count += 1
    assert count > 80


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("color", "bits"), [(0, 1), (0, 2), (0, 4), (0, 8), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (6, 8)]
)
def test_every_kind_of_colors(color, bits, interlaced):
    rng, channels = np.random.default_rng(0), png_files.CHANNELS[color]
    stored = rng.integers(0, 1 << bits, (19, 23, channels))
    palette = rng.integers(0, 256, (1 << min(bits, 8), 3), dtype=np.uint8)
    extra = png_files.chunk(b"PLTE", palette.tobytes()) if color == 3 else b""
    data = png_files.write(np.squeeze(stored), bits, color, (4, 3, 2, 1, 0), interlaced, extra)
    if color == 3:
        expected = palette[stored[..., 0]]
    else:
        gray = stored[..., :3] if color in (2, 6) else np.repeat(stored[..., :1], 3, 2)
        expected = gray >> 8 if bits == 16 else gray * 255 // ((1 << bits) - 1)
    np.testing.assert_array_equal(decode_rgb(data, "a.png"), expected)
    if (color, bits) != (0, 8):
        with pytest.raises(UserError, match=r"colors|alpha|-bit image"):
            decode_depth(data, "a.png", np.uint8)


def scan(data: bytes) -> int:
    """The place where the entropy-coded bytes begin."""
    start = data.index(b"\xff\xda")
    return start + 2 + int.from_bytes(data[start + 2 : start + 4])


DAMAGE = {
    "zeros": lambda scan: scan[: len(scan) // 4] + bytes(len(scan) // 2) + scan[len(scan) // 4 + len(scan) // 2 :],
    "few zeros": lambda scan: scan[: len(scan) // 2] + bytes(512) + scan[len(scan) // 2 + 512 :],
    "hole": lambda scan: scan[: len(scan) // 3] + scan[2 * len(scan) // 3 :],
    "cut": lambda scan: scan[: len(scan) // 2],
    "other bytes": lambda scan: scan[: len(scan) // 2] + bytes(range(254, 0, -1)) * 2 + scan[len(scan) // 2 + 508 :],
}
KINDS = {
    "baseline": [],
    "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "restart markers": [cv2.IMWRITE_JPEG_RST_INTERVAL, 4],
    "own tables": [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
    "all colors": [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444],
}


@pytest.fixture(scope="module")
def photo():
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:240, :320]
    smooth = 128 + 60 * np.sin(columns / 37 + rows / 91)[..., None] * [1, 0.8, 0.6]
    return (smooth + 20 * rng.standard_normal((240, 320, 3))).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_jpeg_is_no_picture(photo, kind, capfd):
    pytest.importorskip("simplejpeg")
    data = cv2.imencode(".jpg", photo, KINDS[kind])[1].tobytes()
    start, reference = scan(data), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(decode_rgb(data, "a.jpg"), reference)
    for name, damage in DAMAGE.items():
        with pytest.raises(UserError, match=r"a.jpg is truncated or damaged"):
            decode_rgb(data[:start] + damage(data[start:-2]) + data[-2:], "a.jpg")
        assert name in DAMAGE
    assert capfd.readouterr().err == ""


def test_flipped_bits_of_a_jpeg_are_found_where_the_stream_breaks(photo):
    pytest.importorskip("simplejpeg")
    data, rng, found = cv2.imencode(".jpg", photo)[1].tobytes(), np.random.default_rng(0), 0
    for place in rng.integers(scan(data), len(data) - 2, 200):
        flipped = bytearray(data)
        flipped[place] ^= 1 << rng.integers(8)
        try:
            decode_rgb(bytes(flipped), "a.jpg")
        except UserError:
            found += 1
    assert 40 < found < 160  # the rest are valid streams of other pictures: nobody can see it


def test_sound_jpegs_that_decoders_complain_about_are_read(photo, capfd):
    data = cv2.imencode(".jpg", photo)[1].tobytes()
    expected = decode_rgb(data, "a.jpg")
    for filling in (b"\0" * 7, b"\0" * 4000):  # before the end marker, as some cameras write
        np.testing.assert_array_equal(decode_rgb(data[:-2] + filling + data[-2:], "a.jpg"), expected)
    np.testing.assert_array_equal(decode_rgb(data + b"\0" * 50 + data, "a.jpg"), expected)
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x07"  # an unknown transform: taken for YCbCr
    assert decode_rgb(data[:2] + adobe + data[2:], "a.jpg").shape == expected.shape
    for mode in ("L", "CMYK"):
        other = io.BytesIO()
        Image.fromarray(photo).convert(mode).save(other, "jpeg")
        reference = cv2.imdecode(np.frombuffer(other.getvalue(), np.uint8), cv2.IMREAD_COLOR_RGB)
        np.testing.assert_array_equal(decode_rgb(other.getvalue(), "a.jpg"), reference)


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
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
    with pytest.raises(UserError, match="claims 100000x100000"):
        decode_depth(bytes(data), "a.png")

"""Pictures, once for all rooms: decode, resize, turn upright, colorize.

Decoding refuses what a decoder would quietly fill with gray: every chunk of a PNG has a checksum, and of a JPEG the
decoder's own complaints are read. A JPEG has no checksum, so a flipped bit that leaves a valid stream (half of them or
more) can't be seen by anybody. Plain numpy: nothing here imports torch.
"""

import io
import re
import warnings
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from depthbench.errors import UserError

try:
    from pywuffs import ImageDecoderType, PixelFormat
    from pywuffs.aux import ImageDecoder, ImageDecoderConfig
except ImportError:  # the extra `fast`: the same pixels sooner
    ImageDecoder = None
try:
    import simplejpeg
except ImportError:  # without it damage inside of a JPEG's scan is not seen
    simplejpeg = None

Size = tuple[int, int]
"""Height and width."""
Picture = NDArray[np.uint8]
"""``(H, W, 3)`` RGB."""

MAX_PIXELS = 1 << 26  # 67 megapixels; a damaged header must not ask for gigabytes
MAX_BYTES = 1 << 29
_PNG = b"\x89PNG\r\n\x1a\n"
_GRAY16 = b"\x10\x00"  # bit depth and color type
_COLOR_TYPES = {0: "", 2: "colors", 3: "colors", 4: "an alpha channel", 6: "colors"}
_COMPLAINTS = ("Corrupt JPEG data", "Premature end of JPEG", "Unsupported marker", "Bogus", "bad Huffman")
_PADDING = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")
_ORIENTATION = 0x0112  # the tag's number in EXIF
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_bytes(path: Path) -> bytes:
    """The whole file.

    Raises:
        UserError: if it is missing, not a plain file, unreadable or too large for an image.
    """
    try:
        if not path.is_file():
            raise UserError(f"{path} is not a file; check data.root and whether the download is complete.")
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path} has more than {MAX_BYTES >> 20} MiB and cannot be an image; replace it.")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} cannot be read ({error}); check its permissions and the disk.") from error


def decode_rgb(data: bytes, where: str | Path) -> NDArray[np.uint8]:
    """JPEG or PNG bytes -> ``(H, W, 3)`` uint8 RGB; pixels as stored, an orientation tag is not applied.

    Raises:
        UserError: naming ``where`` if the bytes are empty, truncated, damaged or no picture.
    """
    if data.startswith(b"\xff\xd8"):
        return _decode_jpeg(data, where)
    return _decode(data, where, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)


def decode_depth(data: bytes, where: str | Path, dtype: type = np.uint16) -> NDArray[Any]:
    """PNG bytes of one channel -> ``(H, W)`` in the units of the file.

    Args:
        data: the file's content.
        where: named in errors.
        dtype: ``np.uint16``, or ``np.uint8`` for the few data sets that store 8-bit depth.

    Raises:
        UserError: also if the image has colors or another bit depth.
    """
    if ImageDecoder and dtype is np.uint16 and data.startswith(_PNG) and data[24:26] == _GRAY16:
        fast = _decode_gray16(data, where)
        if fast is not None:
            return fast
    image = _decode(data, where, cv2.IMREAD_UNCHANGED)
    other = _COLOR_TYPES.get(data[25], "colors") if data.startswith(_PNG) else "colors"
    if image.ndim != 2 or (other and data.startswith(_PNG)):
        raise UserError(f"{where} has {other}, but depth has one channel; is this a colored rendering of the depth?")
    want = 8 * np.dtype(dtype).itemsize
    have = data[24] if data.startswith(_PNG) else 8 * image.dtype.itemsize  # decoders stretch 1, 2 and 4 bits to 8
    if have != want:
        raise UserError(f"{where} is a {have}-bit image, but depth is expected in {want} bits; convert or replace it.")
    return image


def decode_mask(data: bytes, where: str | Path) -> NDArray[np.bool_]:
    """PNG bytes -> ``(H, W)``: where a gray or color value is not 0; an alpha channel does not count.

    Raises:
        UserError: if the bytes are no PNG, truncated or damaged.
    """
    if not data.startswith(_PNG):
        raise UserError(f"{where} is no PNG; a mask must keep its values, so save it as PNG or npy.")
    image = _decode(data, where, cv2.IMREAD_UNCHANGED)
    if image.ndim == 2:
        return np.asarray(image != 0)
    return np.asarray(image[..., : 3 if image.shape[2] > 2 else 1].any(axis=-1))


def _decode_gray16(data: bytes, where: str | Path) -> NDArray[np.uint16] | None:
    """By the fast decoder; None for kinds of PNG that it does not know, such as interlaced ones."""
    size = _sane(_png_size(data, where), where)
    config = ImageDecoderConfig()
    config.enabled_decoders = [ImageDecoderType.PNG]
    config.pixel_format = PixelFormat.Y_16LE
    result = ImageDecoder(config).decode(data)
    if result.error_message or result.pixbuf.shape[:2] != size:
        return None
    image: NDArray[np.uint16] = np.ascontiguousarray(result.pixbuf).view("<u2")[..., 0]
    return image


def _decode_jpeg(data: bytes, where: str | Path) -> NDArray[np.uint8]:
    """Every complaint of the decoder is damage, except those about headers and about padding behind the last pixel."""
    size = _sane(_jpeg_size(data, where), where)
    if simplejpeg is not None:
        try:
            image: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB", strict=True)
            if image.shape[:2] == size:
                return image
        except ValueError as error:
            if any(complaint in str(error) for complaint in _COMPLAINTS) and not _padded(str(error), data):
                raise _damaged(where) from error
    return _decode(data, where, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)


def _padded(complaint: str, data: bytes) -> bool:
    """Whether the bytes that are too many repeat one value: some cameras fill their files up before the end marker."""
    match = _PADDING.fullmatch(complaint.strip())
    if match is None:
        return False
    end = data.find(b"\xff\xd9", data.rfind(b"\xff\xda"))
    filling = data[end - int(match[1]) : end]
    return end > 0 and len(set(filling)) <= 1


def _decode(data: bytes, where: str | Path, flags: int) -> NDArray[Any]:
    if data.startswith(_PNG):
        size = _png_size(data, where)
    elif data.startswith(b"\xff\xd8"):
        size = _jpeg_size(data, where)
    else:
        kind = "is empty" if not data else "is neither JPEG nor PNG"
        raise UserError(f"{where} {kind}; download or export it again.")
    _sane(size, where)
    try:
        image: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None or image.shape[:2] != size:
        raise _damaged(where)
    return image


def _sane(size: tuple[int, int], where: str | Path) -> tuple[int, int]:
    height, width = size
    if not 0 < height * width <= MAX_PIXELS:
        raise UserError(f"{where} claims {width}x{height} pixels, so its header is damaged; download it again.")
    return size


def _damaged(where: str | Path) -> UserError:
    return UserError(f"{where} is truncated or damaged; download it again, or skip such files.")


def _png_size(data: bytes, where: str | Path) -> tuple[int, int]:
    """Height and width, after the checksums of chunks with pixels: decoders deliver damaged rows without an error."""
    offset, size = 8, None
    view = memoryview(data)
    while offset + 12 <= len(data):
        length = int.from_bytes(data[offset : offset + 4])
        kind, end = data[offset + 4 : offset + 8], offset + 8 + length
        if end + 4 > len(data):
            raise _damaged(where)
        # As libpng: what is no picture, and the end, may have a wrong checksum.
        needed = not kind[:1].islower() and kind != b"IEND"
        if needed and zlib.crc32(view[offset + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise _damaged(where)
        if kind == b"IHDR" and length >= 8:
            size = int.from_bytes(data[offset + 12 : offset + 16]), int.from_bytes(data[offset + 8 : offset + 12])
        if kind == b"IEND" and size:
            return size
        offset = end + 4
    raise _damaged(where)


def _jpeg_size(data: bytes, where: str | Path) -> tuple[int, int]:
    """Height and width; the end marker must be there, because decoders paint missing rows gray."""
    offset, size = 2, None
    while offset + 9 <= len(data) and data[offset] == 0xFF:
        marker = data[offset + 1]
        if marker == 0xFF:
            offset += 1
            continue
        if marker in _START_OF_FRAME:
            size = int.from_bytes(data[offset + 5 : offset + 7]), int.from_bytes(data[offset + 7 : offset + 9])
        if marker == 0xDA:  # start of scan: everything after it is the picture
            if size and data.rfind(b"\xff\xd9", offset) >= 0:
                return size
            break
        offset += 2 + int.from_bytes(data[offset + 2 : offset + 4])
    raise _damaged(where)


def resize_rgb(rgb: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """``(H, W, 3)`` to ``size`` = (height, width): area average when shrinking (no aliasing), else bilinear."""
    if rgb.shape[:2] == tuple(size):
        return rgb
    shrinks = size[0] <= rgb.shape[0] and size[1] <= rgb.shape[1]
    mode = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (size[1], size[0]), interpolation=mode), np.uint8)


def resize_depth(depth: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Nearest by pixel centers: never a mean across an edge or of a hole. As :func:`depthbench.maps.resize_nearest`."""
    if depth.shape == tuple(size):
        return depth
    rows, columns = (
        ((np.arange(new) + 0.5) * (old / new)).astype(np.intp).clip(max=old - 1)
        for new, old in zip(size, depth.shape, strict=True)
    )
    return np.asarray(depth.take(rows, 0).take(columns, 1), np.float32)  # in turn: three times as fast as at once


def colorize(
    values: NDArray[Any], top: float, colormap: str, bottom: float = 0.0, missing: tuple[int, int, int] = (128,) * 3
) -> NDArray[np.uint8]:
    """A map as colors.

    Args:
        values: any shape ``(...)``; missing values are NaN.
        top: the value of the colormap's last color; larger values get the same.
        colormap: a name that matplotlib knows.
        bottom: the value of the first color; smaller values get the same.
        missing: RGB of missing values.

    Returns:
        RGB ``(..., 3)``.
    """
    import matplotlib  # here: half a second that most commands need not wait

    colors = matplotlib.colormaps[colormap]
    # By a table in 8 bits: matplotlib would make 32 bytes of each pixel, much for a photo.
    table = np.vstack([(colors(np.arange(colors.N))[:, :3] * 255).round(), missing]).astype(np.uint8)
    places = np.minimum(np.clip((values - bottom) / (top - bottom), 0, 1) * colors.N, colors.N - 1)
    rows = np.where(np.isnan(values), colors.N, places).astype(np.intp)
    return np.asarray(table[rows])


def orientation(data: bytes) -> int:
    """How a camera was held, 1 (upright) to 8, by the EXIF of a picture; 1 where it says nothing."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as image:
            return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # Pillow raises whatever its parts do; damaged tags are no reason to refuse sound pixels
        return 1


def upright(rgb: Picture, orientation: int) -> Picture:
    """Turn and mirror ``(H, W, 3)`` by the EXIF orientation (Exif 2.32, table 6)."""
    if orientation in (5, 6, 7, 8):
        rgb = rgb.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    return np.ascontiguousarray(rgb)

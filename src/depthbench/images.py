"""Pictures, once for all rooms: decode, resize, turn upright.

Decoding refuses damage that a decoder would quietly fill with gray: every chunk of a PNG has a checksum, and for a JPEG
the decoder's own complaints are read. A JPEG has no checksum, so a flipped bit that leaves a valid stream (half of
them or more) can't be detected. Plain numpy: nothing here imports torch.
"""

import io
import re
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from depthbench.errors import UserError
from depthbench.input_files.picture_headers import damaged, jpeg_segments, jpeg_size, png_size

try:
    from pywuffs import ImageDecoderType, PixelFormat
    from pywuffs.aux import ImageDecoder, ImageDecoderConfig
except ImportError:  # the extra `fast`: the same pixels sooner
    ImageDecoder = None

Size = tuple[int, int]
"""Height and width."""
Picture = NDArray[np.uint8]
"""``(H, W, 3)`` RGB."""

_PNG = b"\x89PNG\r\n\x1a\n"
_GRAY16 = b"\x10\x00"  # bit depth and color type
_COLOR_TYPES = {0: "", 2: "colors", 3: "colors", 4: "an alpha channel", 6: "colors"}
# Complaints of the decoder about headers that don't affect the pixels; every other complaint is damage.
_HARMLESS = ("Unknown Adobe color transform", "unknown JFIF revision", "bad ICC marker")
_OTHER_COLORS = "Unsupported color conversion"  # an error, not a complaint: CMYK
_PADDING = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9")
_ORIENTATION = 0x0112  # the tag's number in EXIF


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
        raise UserError(f"{where} is not a PNG; a mask must keep its values, so save it as PNG or npy.")
    image = _decode(data, where, cv2.IMREAD_UNCHANGED)
    if image.ndim == 2:
        return np.asarray(image != 0)
    return np.asarray(image[..., : 3 if image.shape[2] > 2 else 1].any(axis=-1))


def _decode_gray16(data: bytes, where: str | Path) -> NDArray[np.uint16] | None:
    """Decode by the fast decoder; None for kinds of PNG that it does not know, such as interlaced ones."""
    size = png_size(data, where)
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
    size = jpeg_size(data, where)
    complaint, image = _strictly(data, "RGB")
    if any(harmless in complaint for harmless in _HARMLESS):  # the decoder stops there: look for other damage
        complaint, image = _strictly(_plain_headers(data), "RGB")
    if complaint.startswith(_OTHER_COLORS):
        complaint, _ = _strictly(data, "CMYK")
    if image is not None and image.shape[:2] == size:
        return image
    if complaint and not _padded(complaint, data):
        raise damaged(where)
    return _decode(data, where, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)


def _strictly(data: bytes, colors: str) -> tuple[str, NDArray[np.uint8] | None]:
    """The decoder's first complaint, or the picture."""
    try:
        return "", simplejpeg.decode_jpeg(data, colors, strict=True)
    except ValueError as error:
        return str(error).strip() or "no reason", None


def _plain_headers(data: bytes) -> bytes:
    """The same picture with the values in its headers for which decoders take unknown ones; without a color profile."""
    plain = bytearray(data[:2])
    for start, marker, end in jpeg_segments(data):
        segment = bytearray(data[start:end])
        if marker == 0xE0 and segment[4:9] == b"JFIF\0" and len(segment) > 9:
            segment[9] = 1
        if marker == 0xEE and segment[4:9] == b"Adobe" and len(segment) > 15:
            segment[15] = 1
        if marker == 0xDA:
            return bytes(plain) + data[start:]
        if marker != 0xE2:
            plain += segment
    return data


def _padded(complaint: str, data: bytes) -> bool:
    """Whether the bytes that are too many repeat one value: some cameras fill their files up before the end marker.

    A single byte is filling if it is 0 or 255; another one is left by a broken stream.
    """
    match = _PADDING.fullmatch(complaint.strip())
    if match is None:
        return False
    end = data.find(b"\xff\xd9", data.rfind(b"\xff\xda"))
    filling = data[end - int(match[1]) : end]
    return end > 0 and len(set(filling)) == 1 and (len(filling) > 1 or filling[0] in (0, 255))


def _decode(data: bytes, where: str | Path, flags: int) -> NDArray[Any]:
    if data.startswith(_PNG):
        size = png_size(data, where)
    elif data.startswith(b"\xff\xd8"):
        size = jpeg_size(data, where)
    else:
        kind = "is empty" if not data else "is neither JPEG nor PNG"
        raise UserError(f"{where} {kind}; download or export it again.")
    try:
        image: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None or image.shape[:2] != size:
        raise damaged(where)
    return image


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


def orientation(data: bytes) -> int:
    """Orientation of the camera, 1 (upright) to 8, by the EXIF of a picture; 1 where it has none."""
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

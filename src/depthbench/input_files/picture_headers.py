"""Headers of PNG and JPEG: claims beyond the size of the file, and checksums that decoders ignore."""

import zlib
from collections.abc import Iterator
from pathlib import Path

from depthbench.errors import UserError
from depthbench.input_files.limits import MAX_PICTURE, MAX_PIXELS, can_inflate_to, check_pixels

MAX_SCANS = 100  # of a progressive JPEG: usual ones have 10; each makes the decoder go through all pixels once more
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ARITHMETIC = (0xC9, 0xCA, 0xCB)  # starts of frames whose coding knows no least number of bits
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG's color type


def damaged(where: str | Path) -> UserError:
    """The error of a picture that is not whole."""
    return UserError(f"{where} is truncated or damaged; download it again, or skip such files.")


def png_size(data: bytes, where: str | Path, texts: bool = False) -> tuple[int, int]:
    """Height and width, after the checksums of chunks with pixels: decoders deliver damaged rows without an error.

    They are compared with the capacity of the file, so that a header never asks for more memory than pixels need.

    Args:
        data: of the file.
        where: names it in errors.
        texts: whether text fields give the meaning of pixels, so that the checksums of all chunks count.

    Raises:
        UserError: if it is damaged, or claims more than it can hold.
    """
    offset, header, packed = 8, b"", 0
    view = memoryview(data)
    while offset + 12 <= len(data):
        length = int.from_bytes(data[offset : offset + 4])
        kind, end = data[offset + 4 : offset + 8], offset + 8 + length
        if end + 4 > len(data):
            raise damaged(where)
        # As libpng: chunks outside the picture, and the end, may have a wrong checksum.
        needed = texts or (not kind[:1].islower() and kind != b"IEND")
        if needed and zlib.crc32(view[offset + 4 : end]) != int.from_bytes(data[end : end + 4]):
            raise damaged(where)
        if kind == b"IHDR" and length == 13 and not header:
            header = data[offset + 8 : end]
        if kind == b"IDAT":
            packed += length
        if kind == b"IEND" and header:
            return _png_claim(header, packed, where)
        offset = end + 4
    raise damaged(where)


def _png_claim(header: bytes, packed: int, where: str | Path) -> tuple[int, int]:
    """Height and width by an IHDR; raises :class:`UserError` for more pixels than ``packed`` bytes can stand for."""
    width, height, bits, color = (int.from_bytes(header[start:end]) for start, end in ((0, 4), (4, 8), (8, 9), (9, 10)))
    check_pixels(height, width, where)
    channels = _CHANNELS.get(color, 4)
    raw = height * -(-width * bits * channels // 8)
    decoded = (
        height * width * max(3, channels) * bits // 8 if bits == 16 else raw
    )  # decoders make colors of 16-bit gray
    if raw > can_inflate_to(packed) or decoded > MAX_PICTURE:
        raise UserError(
            f"{where} claims {width}x{height} pixels of {raw:,} bytes; its {packed:,} packed bytes can hold "
            f"{can_inflate_to(packed):,}, and {MAX_PICTURE:,} are read: it is damaged, or a bomb."
        )
    return height, width


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(start, marker, end) of each header of a JPEG, up to the first scan; none behind one that is damaged."""
    offset = 2
    while offset + 9 <= len(data) and data[offset] == 0xFF:
        marker = data[offset + 1]
        if marker == 0xFF:
            offset += 1
            continue
        end = offset + 2 + int.from_bytes(data[offset + 2 : offset + 4])
        yield offset, marker, end
        if marker == 0xDA:
            return
        offset = end


def jpeg_size(data: bytes, where: str | Path) -> tuple[int, int]:
    """Height and width; the end marker must be there, because decoders paint missing rows gray.

    They are compared with the capacity of the file: each 8x8 pixels take a bit at least.
    """
    size, least_bits = None, 1
    for offset, marker, _ in jpeg_segments(data):
        if marker in _START_OF_FRAME:
            size = int.from_bytes(data[offset + 5 : offset + 7]), int.from_bytes(data[offset + 7 : offset + 9])
            least_bits = 0 if marker in _ARITHMETIC else 1
        if marker == 0xDA and size and data.rfind(b"\xff\xd9", offset) >= 0:
            check_pixels(*size, where)
            scans, pixels = data.count(b"\xff\xda", offset), size[0] * size[1]
            if least_bits * pixels > 8 * 64 * len(data) or scans > MAX_SCANS or scans * pixels > 16 * MAX_PIXELS:
                raise UserError(
                    f"{where} claims {size[1]}x{size[0]} pixels in {scans} scans, more than a JPEG of {len(data):,} "
                    "bytes can hold or than are read: it is damaged, or a bomb."
                )
            return size
    raise damaged(where)

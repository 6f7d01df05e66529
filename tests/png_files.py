"""PNG files of every kind, written by hand (PNG specification, third edition)."""

import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np

Chunk = tuple[bytes, bytes]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
_EXIF = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"  # turned by a quarter

ANCILLARY: dict[str, Chunk] = {
    "gAMA": (b"gAMA", struct.pack(">I", 45455)),
    "cHRM": (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
    "sRGB": (b"sRGB", b"\0"),
    "iCCP, damaged": (b"iCCP", b"x\0\0" + zlib.compress(b"junk" * 50)),
    "pHYs": (b"pHYs", struct.pack(">IIB", 1, 1, 1)),
    "tIME": (b"tIME", struct.pack(">HBBBBB", 2020, 1, 1, 1, 1, 1)),
    "tEXt": (b"tEXt", b"k\0v"),
    "zTXt": (b"zTXt", b"k\0\0" + zlib.compress(b"v")),
    "iTXt": (b"iTXt", b"k\0\0\0\0\0v"),
    "eXIf": (b"eXIf", _EXIF),
    "sBIT": (b"sBIT", b"\x0c"),
    "sBIT, impossible": (b"sBIT", b"\x63"),
    "bKGD": (b"bKGD", b"\0\0"),
    "tRNS": (b"tRNS", b"\x03\xe8"),
    "acTL": (b"acTL", struct.pack(">II", 1, 0)),
    "cICP": (b"cICP", bytes([1, 13, 0, 1])),
    "PLTE for gray": (b"PLTE", bytes(6)),
    "private": (b"prVt", b"abc"),
    "gAMA, cut": (b"gAMA", b"\0"),
}


def chunk(kind: bytes, content: bytes, wrong: bool = False) -> bytes:
    """A chunk, with a wrong checksum where that is asked for."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content) ^ wrong)


def write(
    image: np.ndarray,
    bits: int = 16,
    color: int = 0,
    filters: tuple[int, ...] = (0,),
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
    split: Callable[[bytes], list[bytes]] = lambda stream: [stream],
    end: bytes = chunk(b"IEND", b""),
) -> bytes:
    """``(H, W)`` or ``(H, W, C)`` as a PNG; ``split`` makes the IDAT chunks of the compressed stream."""
    passes = [image[y::dy, x::dx] for y, x, dy, dx in _ADAM7] if interlaced else [image]
    step = max(1, bits * CHANNELS[color] // 8)
    stream = zlib.compress(b"".join(_rows(_packed(part, bits), step, filters) for part in passes if part.size))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", image.shape[1], image.shape[0], bits, color, 0, 0, interlaced))
    body = b"".join(chunk(b"IDAT", part) for part in split(stream))
    return b"\x89PNG\r\n\x1a\n" + head + before + body + after + end


def gray16(depth: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """All kinds of file that hold this depth ``(H, W)`` uint16; the first pixel must be 1000 (it is transparent)."""
    for interlaced in (False, True):
        for filters in ((0,), (1,), (2,), (3,), (4,), (4, 3, 2, 1, 0)):
            yield f"filters {filters}, interlaced {interlaced}", write(depth, 16, 0, filters, interlaced)
    for name, (kind, content) in ANCILLARY.items():
        for wrong in (False, True):
            extra = chunk(kind, content, wrong and kind != b"PLTE")
            yield f"{name} before, wrong checksum {wrong}", write(depth, before=extra)
            yield f"{name} after, wrong checksum {wrong}", write(depth, after=extra)
    splits: dict[str, Callable[[bytes], list[bytes]]] = {
        "bytes": lambda z: [z[i : i + 1] for i in range(len(z))],
        "an empty first": lambda z: [b"", z],
        "empty ones between": lambda z: [z[:9], b"", b"", z[9:]],
        "an empty last": lambda z: [z, b""],
        "bytes behind the stream": lambda z: [z + b"junk"],
        "a chunk behind the stream": lambda z: [z, b"junk"],
        **{f"window {bits}": lambda z, bits=bits: [_again(z, 9, bits, 0)] for bits in (9, 12, 15)},
        **{f"strategy {kind}": lambda z, kind=kind: [_again(z, 6, 15, kind)] for kind in range(5)},
        "stored": lambda z: [_again(z, 0, 15, 0)],
        "flushed": _flushed,
    }
    for name, split in splits.items():
        yield f"IDAT: {name}", write(depth, filters=(4,), split=split)
    yield "bytes behind the end", write(depth) + b"trailing"
    yield "another behind the end", write(depth) * 2
    yield "IEND with a wrong checksum", write(depth, end=chunk(b"IEND", b"", True))


def _again(stream: bytes, level: int, window: int, strategy: int) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, window, 8, strategy)
    return packer.compress(zlib.decompress(stream)) + packer.flush()


def _flushed(stream: bytes) -> list[bytes]:
    packer, raw = zlib.compressobj(), zlib.decompress(stream)
    parts = [packer.compress(raw[i : i + 50]) + packer.flush(zlib.Z_FULL_FLUSH) for i in range(0, len(raw), 50)]
    return [b"".join(parts) + packer.flush()]


def _packed(image: np.ndarray, bits: int) -> np.ndarray:
    """Rows of bytes, the most significant bit first."""
    if bits == 16:
        return np.ascontiguousarray(image.astype(">u2")).view(np.uint8).reshape(len(image), -1)
    if bits == 8:
        return image.reshape(len(image), -1).astype(np.uint8)
    places = (image[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(places.reshape(len(image), -1).astype(np.uint8), axis=1)


def _rows(raw: np.ndarray, step: int, filters: tuple[int, ...]) -> bytes:
    coded, above = [], np.zeros(raw.shape[1] + step, int)
    for y, row in enumerate(raw):
        padded = np.concatenate([np.zeros(step, int), row])
        left, up, corner = padded[: len(row)], above[step:], above[: len(row)]
        kind = filters[y % len(filters)]
        guess = (0 * up, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
        coded.append(bytes([kind]) + ((row - guess) % 256).astype(np.uint8).tobytes())
        above = padded
    return b"".join(coded)


def _paeth(left: np.ndarray, up: np.ndarray, corner: np.ndarray) -> np.ndarray:
    guess = left + up - corner
    to_left, to_up, to_corner = abs(guess - left), abs(guess - up), abs(guess - corner)
    return np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))

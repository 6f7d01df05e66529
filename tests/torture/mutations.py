"""What happens to files: accidents of disks and copies, lies of headers, bombs; each a function of a random generator.

A mutation changes a file in place. ``accident`` says whether it is one that could happen to a sound file, after which
what is read must be what was stored; a file that was made on purpose may hold anything, but never harm.
"""

import gzip
import io
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

Random = np.random.Generator
Change = Callable[[bytearray, Random], bytes]
HUGE = (0, 1, 127, 255, 65_535, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)


class Mutation(NamedTuple):
    """``kind`` names it; ``same_length`` is whether only the values of bytes changed."""

    kind: str
    accident: bool
    same_length: bool = False


def _cut(data: bytearray, rng: Random) -> bytes:
    return data[: rng.integers(len(data) + 1)]


def _bits(data: bytearray, rng: Random) -> bytes:
    for _ in range(1 + rng.integers(8)):
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return data


def _head(data: bytearray, rng: Random) -> bytes:
    for _ in range(1 + rng.integers(3)):
        data[rng.integers(min(200, len(data)))] = rng.integers(256)
    return data


def _tail(data: bytearray, rng: Random) -> bytes:
    data[-1 - rng.integers(min(200, len(data)))] = rng.integers(256)
    return data


def _hole(value: int) -> Change:
    def change(data: bytearray, rng: Random) -> bytes:
        start, length = rng.integers(len(data)), 1 + rng.integers(max(1, len(data) // 2))
        data[start : start + length] = bytes([value]) * len(data[start : start + length])
        return data

    return change


def _without_middle(data: bytearray, rng: Random) -> bytes:
    start = rng.integers(len(data))
    return data[:start] + data[start + 1 + rng.integers(max(1, len(data) // 3)) :]


def _twice(data: bytearray, rng: Random) -> bytes:
    start = rng.integers(len(data))
    end = start + 1 + rng.integers(max(1, len(data) // 3))
    return data[:end] + data[start:end] + data[end:]


def _moved(data: bytearray, rng: Random) -> bytes:
    """Two blocks of a disk that changed places."""
    block = 1 << rng.integers(3, 10)
    first, second = (int(place) * block for place in rng.integers(max(1, len(data) // block), size=2))
    one, other = data[first : first + block], data[second : second + block]
    if len(one) == len(other) == block:
        data[first : first + block], data[second : second + block] = other, one
    return data


ACCIDENTS: dict[str, tuple[Change, bool]] = {
    "cut": (_cut, False),
    "bits": (_bits, True),
    "head": (_head, True),
    "tail": (_tail, True),
    "zeros": (_hole(0), True),
    "ones": (_hole(255), True),
    "without middle": (_without_middle, False),
    "twice": (_twice, False),
    "moved": (_moved, True),
    "longer": (lambda data, rng: data + rng.bytes(1 + rng.integers(300)), False),
    "doubled": (lambda data, _: data + data, False),
    "empty": (lambda data, _: b"", False),
    "noise": (lambda data, rng: rng.bytes(1 + rng.integers(4000)), False),
}


def _integer(data: bytearray, rng: Random) -> bytes:
    """A number of a header that says how many or how long, replaced by a huge one."""
    width, order = int(rng.choice([2, 4, 8])), rng.choice(["little", "big"])
    near = min(len(data), 600) if rng.random() < 0.7 else len(data)
    place = rng.integers(near) if rng.random() < 0.7 else len(data) - 1 - rng.integers(near)
    value = int(rng.choice(np.array(HUGE, dtype=object))) & ((1 << 8 * width) - 1)
    data[place : place + width] = value.to_bytes(width, order)  # type: ignore[arg-type]
    return data


def _digits(data: bytearray, rng: Random) -> bytes:
    """A number in a text, replaced by a huge, negative or strange one."""
    found = list(re.finditer(rb"\d+", bytes(data[:4000])))
    if not found:
        return _integer(data, rng)
    match = found[rng.integers(len(found))]
    new = rng.choice(["-1", "0", "99999999999", "1e999", "nan", "9" * 5000, "1" + "0" * 18, "65536", ""]).encode()
    return bytes(data[: match.start()]) + new + bytes(data[match.end() :])


def _png_chunks(data: bytes) -> list[bytes]:
    chunks, offset = [], 8
    while offset + 12 <= len(data):
        end = offset + 12 + int.from_bytes(data[offset : offset + 4])
        chunks.append(bytes(data[offset:end]))
        offset = end
    return chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(data: bytearray, rng: Random) -> bytes:
    """Chunks with right checksums: another header, one twice, one less, two in the wrong order, a bomb of pixels."""
    chunks, kind = _png_chunks(data), rng.integers(6)
    place = int(rng.integers(len(chunks)))
    if kind == 0:
        chunks.insert(place, chunks[place])
    elif kind == 1:
        del chunks[place]
    elif kind == 2:
        chunks.insert(int(rng.integers(len(chunks))), chunks.pop(place))
    elif kind == 3:
        head = bytearray(chunks[0][8:-4])
        sides = [1, 7, 65_536, 30_000, 8192, 1 << 31, (1 << 31) - 1, 0]
        head[:8] = struct.pack(">II", *(int(side) for side in rng.choice(sides, 2)))
        head[8], head[9], head[12] = rng.choice([1, 8, 16, 99]), rng.choice([0, 2, 3, 4, 6, 9]), rng.choice([0, 1, 7])
        chunks[0] = _chunk(b"IHDR", bytes(head))
    elif kind == 4:
        side, (bits, color, size) = (
            int(rng.choice([4000, 8192, 16_384])),
            [(16, 6, 8), (8, 2, 3), (16, 0, 2)][rng.integers(3)],
        )
        packer = zlib.compressobj(9)
        row = bytes(1 + side * size)
        pixels = b"".join(packer.compress(row) for _ in range(min(side, int(3e8) // len(row)))) + packer.flush()
        chunks = [
            _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, bits, color, 0, 0, 0)),
            _chunk(b"IDAT", pixels),
            chunks[-1],
        ]
    else:
        text = zlib.compress(bytes(50_000_000), 9)
        chunks.insert(
            1,
            _chunk(
                *[(b"zTXt", b"a\0\0" + text), (b"iCCP", b"a\0\0" + text), (b"eXIf", rng.bytes(500))][rng.integers(3)]
            ),
        )
    return bytes(data[:8]) + b"".join(chunks)


def _jpeg(data: bytearray, rng: Random) -> bytes:
    """Segments twice or missing, other sizes, a thousand scans, junk of a camera."""
    cuts, offset = [], 2
    while offset + 4 <= len(data) and data[offset] == 0xFF and data[offset + 1] != 0xDA:
        end = offset + 2 + int.from_bytes(data[offset + 2 : offset + 4])
        cuts.append((offset, end))
        offset = end
    start, end = cuts[rng.integers(len(cuts))]
    kind = rng.integers(5)
    if kind == 0:
        return data[:end] + data[start:end] + data[end:]
    if kind == 1:
        return data[:start] + data[end:]
    if kind == 2:
        frame = next(at for at, _ in cuts if data[at + 1] in (0xC0, 0xC1, 0xC2))
        data[frame + 5 : frame + 9] = struct.pack(
            ">HH", *(int(side) for side in rng.choice([0, 1, 48, 64, 8000, 65_500], 2))
        )
        return data
    if kind == 3:
        return data[:-2] + data[offset:-2] * int(rng.choice([1, 50, 500])) + data[-2:]
    return data[:end] + b"\xff\xe1" + struct.pack(">H", 2002) + b"Exif\0\0" + rng.bytes(1994) + data[end:]


def npy(shape: object, dtype: str = "<f4", content: bytes = b"", fortran: object = False) -> bytes:
    """An ``.npy`` with any header."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + content


def _npy(data: bytearray, rng: Random) -> bytes:
    shapes: list[object] = [
        (),
        (0, 0),
        (0, 5),
        (3, 0, 28),
        (10**6, 10**6),
        (-1, 20),
        (2**62, 4),
        (3, 200_000, 200_000),
        "(" * 200,
    ]
    shapes += [(3, 20, 28), "__import__('os').getpid()", "(True, 3)", "(1.5,)", (1,) * 40]
    kinds = ["<f4", ">f8", "|O", "<U1000000000", "|V0", "<c16", "|S3", "<M8[s]", "|b1", "x", "<f2", "<i8"]
    content = bytes(data[128:]) if rng.random() < 0.5 else bytes(int(rng.choice([0, 1, 6720, 100_000])))
    return npy(shapes[rng.integers(len(shapes))], str(rng.choice(kinds)), content, rng.choice(["False", "True", "7"]))


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=9 if method == zipfile.ZIP_DEFLATED else None) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def _zip(data: bytearray, rng: Random) -> bytes:
    """A table of contents that lies, members that are bombs, junk, encrypted, packed otherwise, or not there."""
    kind = rng.integers(6)
    if kind == 0:  # a field of the table of contents
        places = [match.start() for match in re.finditer(b"PK\x01\x02", bytes(data))]
        if places:
            place, field = int(rng.choice(places)), int(rng.choice([8, 10, 16, 20, 24, 28, 30, 42]))
            data[place + field : place + field + 4] = struct.pack(
                "<I", int(rng.choice(np.array(HUGE[:9], dtype=object)))
            )
        return data
    if kind == 1:  # the end
        place = len(data) - 22 + int(rng.choice([8, 10, 12, 16]))
        data[place : place + 2] = struct.pack("<H", int(rng.choice([0, 1, 65_535])))
        return data
    try:
        with zipfile.ZipFile(io.BytesIO(bytes(data))) as file:
            members = {info.filename: file.read(info) for info in file.infolist()}
    except Exception:  # an ``.npy`` in the same folder
        members = {"depth.npy": bytes(data)}
    name = sorted(members)[rng.integers(len(members))]
    if kind == 2:
        bombs = [npy((1, 9000, 9000), "<f4", bytes(324_000_000)), bytes(300_000_000), npy((10**5, 10**5)), b"", b"junk"]
        members[name] = bombs[rng.integers(len(bombs))]
    elif kind == 3:
        return zipped(members, int(rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])))
    elif kind == 4:
        del members[name]
        members |= {"../../x.npy": b"x", "names.npy": npy((3,), "<U99999999")}
    else:  # the same member many times over
        whole = bytearray(zipped(members))
        table = whole.index(b"PK\x01\x02")
        end = whole.rindex(b"PK\x05\x06")
        entries = bytes(whole[table:end]) * 2000
        tail = bytearray(whole[end:])
        tail[8:12] = struct.pack("<HH", 65_535, 65_535)
        tail[12:16] = struct.pack("<I", len(entries))
        return bytes(whole[:table]) + entries + bytes(tail)
    return zipped(members)


def _gz(data: bytearray, rng: Random) -> bytes:
    line = [b"\n", b"\r", b"a b\n", b"/office/rgb_0.jpg /office/depth_0.png 518.8\n", b"\x0b", b"x"][rng.integers(6)]
    return gzip.compress(line * (int(rng.choice([1 << 20, 1 << 26, 1 << 28])) // len(line)), mtime=0, compresslevel=1)


def _alias_bomb() -> bytes:
    lines = [b"a: &a [x,x,x,x,x,x,x,x,x]"]
    for before, after in zip(b"abcdefgh", b"bcdefghi", strict=True):
        lines.append(b"%c: &%c [%s]" % (after, after, b",".join([b"*%c" % before] * 9)))
    return b"\n".join(lines)


def _text(data: bytearray, rng: Random) -> bytes:
    """Texts of which parsers make much: nesting, aliases, lines, letters, other encodings."""
    own = bytes(data)
    nested = [b"[" * 100_000, b'{"a":' * 50_000, b"[" * 9 + b"{}," * 300_000, b"- " * 30_000, b"? " * 30_000]
    long = [b"\n" * (1 << 22), b"," * (1 << 22), b"a" * (1 << 22), b'"' + b"a" * 200_000, b"9" * 100_000, b"\0" * 1000]
    strange = [_alias_bomb(), b"\xff\xfe" + own, own.replace(b"\n", b"\r"), b"0x" + b"f" * 100_000]
    strange += [own + b"\n!!python/object/apply:os.system [id]\n"]
    every = [*nested, *long, *strange]
    return every[rng.integers(len(every))]


def _mat(data: bytearray, rng: Random) -> bytes:
    """A packed array that is a bomb, or one that claims other sides than it has."""
    if rng.random() < 0.5:
        body = zlib.compress(bytes(int(rng.choice([64, 1 << 20, 300_000_000]))), 9)
        return bytes(data[:128]) + struct.pack("<II", 15, len(body)) + body
    sides = [int(side) for side in rng.choice([1, 60_000, 1 << 30, -1], 2)]
    length = int(rng.choice([0, 8, (1 << 32) - 1]))
    body = struct.pack("<IIII", 6, 8, 6, 0) + struct.pack("<IIii", 5, 8, *sides)
    body += struct.pack("<II", 1, 4) + b"grid" + bytes(4) + struct.pack("<II", 9, length) + bytes(8)
    whole = struct.pack("<II", 14, len(body)) + body
    packed = zlib.compress(whole, 9)
    return bytes(data[:128]) + (whole if rng.random() < 0.5 else struct.pack("<II", 15, len(packed)) + packed)


def _tiff(data: bytearray, rng: Random) -> bytes:
    """An entry of the directory with another tag, kind, count or value: sides, strips, compression, bits."""
    order = "little" if data[:2] == b"II" else "big"
    start = int.from_bytes(data[4:8], order)  # type: ignore[arg-type]
    count = int.from_bytes(data[start : start + 2], order)  # type: ignore[arg-type]
    for _ in range(1 + rng.integers(2)):
        entry = start + 2 + 12 * int(rng.integers(max(1, count)))
        place, width = [(0, 2), (2, 2), (4, 4), (8, 4), (8, 4), (8, 4)][rng.integers(6)]
        values = [0, 1, 2, 5, 8, 32_773, 34_892, 65_535, 60_000, 1 << 31, (1 << 32) - 1, len(data), len(data) - 1]
        value = int(rng.choice(np.array(values, dtype=object))) & ((1 << 8 * width) - 1)
        data[entry + place : entry + place + width] = value.to_bytes(width, order)  # type: ignore[arg-type]
    return data


def _exr(data: bytearray, rng: Random) -> bytes:
    """The window, the compression or the kind of the channels says something else."""
    key, size = [(b"dataWindow\0box2i\0", 16), (b"displayWindow\0box2i\0", 16), (b"compression\0compression\0", 1),
                 (b"channels\0chlist\0", 18), (b"lineOrder\0lineOrder\0", 1)][rng.integers(5)]  # fmt: skip
    place = bytes(data).find(key)
    if place < 0:
        return _integer(data, rng)
    start = place + len(key) + 4
    if size == 16:
        sides = [0, 1, 19, 27, 30_000, 1 << 20, (1 << 31) - 1, -1, -(1 << 31)]
        window = struct.pack("<4i", *(int(side) for side in rng.choice(sides, 4)))
        data[start : start + 16] = window
    else:
        data[start + rng.integers(size)] = rng.integers(256)
    return data


def _safetensors(data: bytearray, rng: Random) -> bytes:
    """A header that claims other shapes, kinds and places."""
    length = int.from_bytes(data[:8], "little")
    header = bytes(data[8 : 8 + length])
    huge = [b"99999999999", b"0", b"-1", b"18446744073709551615", b"1", b"[]", b'"x"', b"1e9"]
    kind = rng.integers(5)
    if kind == 0:
        return (1 << int(rng.integers(20, 63))).to_bytes(8, "little") + bytes(data[8:])
    if kind == 1:
        header = re.sub(rb"F32", bytes(rng.choice([b"F64", b"F16", b"BF16", b"I8", b"BOOL", b"X"])), header, count=1)
    elif kind == 2:
        header = header.replace(b"{", b"{" * int(rng.choice([2, 1000, 100_000])), 1)
    else:
        found = list(re.finditer(rb"\d+", header))
        match = found[rng.integers(len(found))]
        header = header[: match.start()] + bytes(rng.choice(huge)) + header[match.end() :]
    return len(header).to_bytes(8, "little") + header + bytes(data[8 + length :])


def _pickles(rng: Random) -> bytes:
    """Pickles that claim memory, nest, refer to themselves, or name what they must not."""
    claim = b"(\x8a\x06" + (1 << int(rng.choice([33, 37, 40]))).to_bytes(6, "little") + b"tR"
    every = [
        b"cbuiltins\nbytearray\n" + claim,
        b"ctorch\nFloatTensor\n" + claim,
        b"ctorch.storage\nUntypedStorage\n" + claim,
        b"cos\nsystem\n(X\x02\x00\x00\x00idtR",
        b"(" * 50_000 + b"t" * 50_000,
        b"]" * 50_000 + b"a" * 49_999,
        b"]q\x00h\x00a",
        b"X\xff\xff\xff\x7fx",
        b"j\xff\xff\xff\x7f",
    ]
    return b"\x80\x02" + every[rng.integers(len(every))] + b"."


def _weights(data: bytearray, rng: Random) -> bytes:
    """The zip of ``torch.save`` with another pickle in it."""
    try:
        with zipfile.ZipFile(io.BytesIO(bytes(data))) as file:
            members = {info.filename: file.read(info) for info in file.infolist()}
    except Exception:
        return _pickles(rng)
    name = next((name for name in members if name.endswith("data.pkl")), None)
    return _zip(data, rng) if name is None else zipped({**members, name: _pickles(rng)}, zipfile.ZIP_STORED)


def _special(path: Path, rng: Random) -> None:
    """Put something at the path that is no file."""
    path.unlink()
    kind = rng.integers(6)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        path.symlink_to(path)
    elif kind == 2:
        os.mkfifo(path)
    elif kind == 3:
        path.symlink_to(str(rng.choice(["/dev/zero", "/dev/full", "/dev/random", "/dev/null"])))
    elif kind == 4:
        path.symlink_to("/proc/self/mem")
    else:
        path.touch()
        os.truncate(path, int(rng.choice([1 << 20, 1 << 29, 1 << 33])))  # sparse: no disk is used


def _starts(kinds: tuple[bytes, ...]) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(kinds)


_TEXTS = (".txt", ".csv", ".json", ".jsonl", ".yaml", ".xml")
STRUCTURED: list[tuple[Callable[[bytes], bool], Change]] = [
    (_starts((b"\x89PNG",)), _png),
    (_starts((b"\xff\xd8",)), _jpeg),
    (_starts((b"\x93NUMPY",)), _npy),
    (_starts((b"PK",)), _zip),
    (_starts((b"\x1f\x8b",)), _gz),
    (_starts((b"MATLAB 5",)), _mat),
    (_starts((b"II*\0", b"MM\0*")), _tiff),
    (_starts((b"\x76\x2f\x31\x01",)), _exr),
]
BY_SUFFIX: dict[str, Change] = {
    ".safetensors": _safetensors,
    ".ckpt": lambda data, rng: _weights(data, rng) if rng.random() < 0.5 else _zip(data, rng),
    ".pth": _weights,
}


def mutate(path: Path, rng: Random, hdf5: Callable[[Path, Random], None]) -> Mutation:
    """Change a file; says what was done.

    Args:
        path: of a sound file.
        rng: decides.
        hdf5: writes an HDF5 file that was made on purpose.
    """
    data, choice = path.read_bytes(), rng.random()
    if choice < 0.08:
        _special(path, rng)
        return Mutation("special", False)
    if choice < 0.30:
        if path.suffix in BY_SUFFIX:
            path.write_bytes(BY_SUFFIX[path.suffix](bytearray(data), rng))
            return Mutation(path.suffix[1:], False)
        for fits, change in STRUCTURED:
            if fits(data):
                path.write_bytes(change(bytearray(data), rng))
                return Mutation(change.__name__.strip("_"), False)
        if b"\x89HDF" in data[:520]:
            hdf5(path, rng)
            return Mutation("hdf5", False)
        if path.suffix in _TEXTS:
            path.write_bytes(_text(bytearray(data), rng))
            return Mutation("text", False)
    if choice < 0.45:
        change = _digits if rng.random() < 0.4 else _integer
        path.write_bytes(change(bytearray(data), rng))
        return Mutation(change.__name__.strip("_"), change is _integer, True)
    kind = str(rng.choice(list(ACCIDENTS)))
    change, same = ACCIDENTS[kind]
    path.write_bytes(change(bytearray(data), rng))
    return Mutation(kind, True, same)

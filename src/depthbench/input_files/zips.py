"""Zips: the number of members, their packing and the unpacked size of each, all before one is unpacked."""

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from depthbench.errors import UserError
from depthbench.input_files.damage import told_damage
from depthbench.input_files.limits import MAX_MEMBERS, can_inflate_to
from depthbench.input_files.regular import check_regular, open_regular

_END, _END64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_PIECE = 1 << 20  # bytes
_PACKED = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}
# Errors that zipfile raises on damaged zips, each seen.
DAMAGED: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    NotImplementedError,
    OverflowError,
    MemoryError,
)


def open_zip(path: Path) -> zipfile.ZipFile:
    """A zip whose table of contents was compared with its size.

    Raises:
        UserError: if it is no regular file, truncated, no zip, or claims more than it can hold.
    """
    size = check_regular(path)
    claimed = _claimed_members(path, size)
    if claimed > MAX_MEMBERS:
        raise UserError(f"{path} claims {claimed:,} members, more than the {MAX_MEMBERS:,} that are read.")
    with told_damage(path, "zip", DAMAGED):
        archive = zipfile.ZipFile(path)
        try:
            check_members(archive, path, size)
        except BaseException:
            archive.close()
            raise
    return archive


def check_members(archive: zipfile.ZipFile, path: Path, size: int) -> None:
    """Raise :class:`UserError` for members that claim more than the zip holds, or share their bytes, or have one name.

    Members that overlap are how a small zip claims terabytes (Fifield, "A better zip bomb", 2019).
    """
    names: set[str] = set()
    packed = 0
    for info in archive.infolist():
        if not info.filename:
            raise UserError(f"{path} has a member without a name; it is damaged, download or make it again.")
        packed += info.compress_size
        method = info.compress_type
        most = info.compress_size if method == zipfile.ZIP_STORED else can_inflate_to(info.compress_size)
        if info.file_size > most and method in _PACKED:
            raise UserError(
                f"{path} claims that {info.filename[:80]!r} has {info.file_size:,} bytes; its {info.compress_size:,} "
                f"bytes in the zip can hold {most:,}."
            )
        if info.filename in names and not info.is_dir():
            raise UserError(f"{path} has {info.filename[:80]!r} twice; make it again.")
        names.add(info.filename)
    if packed > size:
        raise UserError(f"{path} has {size:,} bytes, but claims members of {packed:,}; it is damaged or a zip bomb.")


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int, where: object) -> bytes:
    """The content of a member, its checksum compared.

    Args:
        archive: an open zip.
        info: of the member.
        limit: bytes that it may unpack to.
        where: names the member in errors.

    Raises:
        UserError: if it is damaged, too large, encrypted or packed by an unusual method.
    """
    data = bytearray()
    unpack(archive, info, limit, where, data.extend)
    return bytes(data)


def unpack(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    limit: int,
    where: object,
    take: Callable[[bytes], object],
) -> None:
    """Hand the content of a member to ``take`` piece by piece; arguments and errors as :func:`read_member`."""
    if info.compress_type not in _PACKED:
        raise UserError(f"{where} is packed by method {info.compress_type}; only stored and deflated members are read.")
    if info.file_size > limit:
        raise UserError(f"{where} unpacks to {info.file_size:,} bytes, more than the {limit:,} that are read.")
    left = info.file_size
    with told_damage(where, "zip", DAMAGED), archive.open(info) as member:
        while left and (piece := member.read(min(left, _PIECE))):
            take(piece)
            left -= len(piece)
        if left or member.read(1):  # reading to the end compares the checksum
            raise ValueError("its size is not the size that the zip claims")


def _claimed_members(path: Path, size: int) -> int:
    """Members by the end of the zip: each takes Python memory as soon as the zip is opened. 0 where there is no end."""
    with open_regular(path) as file:
        file.seek(max(0, size - 65_557 - 20))  # the longest comment, the end itself, the locator of a zip64
        tail = file.read(65_557 + 20)
        end = tail.rfind(_END)
        if end < 0 or len(tail) < end + 22:
            return 0
        count, length = struct.unpack_from("<10xHI", tail, end)
        locator = end - 20
        if locator >= 0 and tail[locator : locator + 4] == _LOCATOR:
            (place,) = struct.unpack_from("<8xQ", tail, locator)
            if place < size:
                file.seek(place)
                record = file.read(56)
                if record[:4] == _END64 and len(record) == 56:
                    count, length = struct.unpack_from("<32xQQ", record)
        # The table's length decides how many zipfile reads, whatever the count says.
        return max(int(count), int(min(length, size)) // 46)

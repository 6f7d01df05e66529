"""Checkpoints and weights as ``torch.save`` writes them: a zip of pickles and arrays."""

import mmap
import os
import zipfile
from pathlib import Path

from depthbench.errors import UserError
from depthbench.input_files.damage import told_damage
from depthbench.input_files.regular import open_regular
from depthbench.input_files.zips import DAMAGED, open_zip, read_member

_MAX_PICKLE = 1 << 26  # bytes: names and shapes of 1,000 weights and their optimizer's state have 300,000
_CLAIM = b"bytearray\n"  # as a pickle names the class


def verify_archive(path: Path) -> None:
    """Compare the checksums that a zip keeps of its members: ``torch.save`` writes them, ``torch.load`` never looks.

    Files that are no zip (``.safetensors``, weights before torch 1.6) keep none and are taken as they are.

    A pickle with a ``bytearray`` is refused: ``torch.load`` makes one of any size that it names, and weights have none.

    Raises:
        UserError: if a member has changed, the archive is cut off, or a pickle claims memory.
    """
    with open_regular(path) as file:
        if file.read(4) != b"PK\x03\x04":
            if os.fstat(file.fileno()).st_size:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    _check_pickle(content, path)
            return
    with open_zip(path) as archive:
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED:  # torch packs nothing: a small file must not stand for much
                raise UserError(
                    f"{path} has {info.filename[:80]!r} packed, which torch.save never does; it is damaged."
                )
        with told_damage(path, "zip", DAMAGED):
            damaged = archive.testzip()
        for info in archive.infolist():
            if info.filename.endswith(".pkl") and info.filename != damaged:
                _check_pickle(read_member(archive, info, _MAX_PICKLE, path), path)
    if damaged:
        raise UserError(f"{path} is damaged: the checksum of {damaged} is wrong; take an earlier copy or delete it.")


def _check_pickle(content: bytes | mmap.mmap, path: Path) -> None:
    if content.find(_CLAIM) >= 0:
        raise UserError(
            f"{path} holds a bytearray, which may claim any amount of memory and is not a weight; it is refused."
        )

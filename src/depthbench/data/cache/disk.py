"""Frames kept in files that all jobs share."""

import errno
import fcntl
import os
import shutil
import zlib
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthbench.data.cache.memory import MemoryCache
from depthbench.data.frame import Frame
from depthbench.errors import UserError
from depthbench.files import told_unwritable


class DiskCache(MemoryCache):
    """Keeps every frame in files that jobs share, even at the same time.

    Every frame has a checksum, so that one which a crash left half written is made again. Two jobs that make the same
    frame write the same bytes.

    Args:
        dataset: names everything that its frames depend on in ``key``.
        folder: its files lie below, in a folder of that name.

    Raises:
        UserError: if the data set has no ``key``, or the disk is too small or full.
    """

    def __init__(self, dataset: Dataset[Frame], folder: Path) -> None:
        if not hasattr(dataset, "key"):
            raise UserError(
                f"data.cache=disk is for rooms, not for {type(dataset).__name__}; choose data.cache=ram or none, or "
                "make a cache of files by python -m depthbench.prepare cache."
            )
        self.folder = folder / dataset.key
        with told_unwritable(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        there = sum(512 * file.stat().st_blocks for file in self.folder.iterdir())
        free, size = shutil.disk_usage(self.folder).free, self.bytes(dataset)
        if size - there > free:
            raise UserError(
                f"data.cache=disk may need {size / 1e9:.1f} GB at {self.folder}, where {free / 1e9:.1f} GB are free; "
                "choose data.cache=none, smaller images or another output=..."
            )
        super().__init__(dataset)

    def _memory(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        count = int(torch.tensor(shape).prod())
        reserve(self.folder / name, count * dtype.itemsize)
        return torch.from_file(str(self.folder / name), shared=True, size=count, dtype=dtype).view(shape)

    def _sum(self, index: int) -> int:
        total = 1
        for part in (self.images, self.depths, self.intrinsics, self.names, *self.annotations.values()):
            total = zlib.crc32(part[index].numpy().tobytes(), total)
        return total + 1


def reserve(path: Path, size: int) -> None:
    """Give a file its bytes on the disk before it is mapped: a write to a mapped file that finds none ends in SIGBUS.

    Args:
        path: of the file, which is made where there is none; its content stays.
        size: bytes.

    Raises:
        UserError: if the disk has no room for them; space reserved meanwhile is given back.
    """
    with told_unwritable(path), path.open("ab") as file:
        with suppress(OSError):  # where locks don't work; some file systems reserve by writing, one job at a time
            fcntl.flock(file, fcntl.LOCK_EX)
        before = os.fstat(file.fileno())
        if before.st_size >= size and 512 * before.st_blocks >= size:
            return
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.EINVAL):  # there mapped files stay as they were
                return
            with suppress(OSError):
                os.ftruncate(file.fileno(), before.st_size)
            raise

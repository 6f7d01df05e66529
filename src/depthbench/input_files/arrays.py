"""NumPy's files: the claims of a header are compared with the bytes of the file before memory is allocated."""

import math
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.input_files.limits import MAX_ARRAY
from depthbench.input_files.regular import open_regular
from depthbench.input_files.zips import open_zip, unpack

_NPY, _ZIP = b"\x93NUMPY", b"PK"
_HEADER = 12_000  # bytes: NumPy itself reads headers of 10,000
_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class ArrayClaim(NamedTuple):
    """The header of an ``.npy``; ``start`` is the first byte of its numbers."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    start: int

    @property
    def nbytes(self) -> int:
        """Bytes that its numbers take."""
        return math.prod(self.shape) * self.dtype.itemsize


class NumpyFile:
    """The arrays of an ``.npz`` by their names, or the one of an ``.npy``, named ``""``; read when asked for.

    No pickle is read. The arrays that were read take no more than ``MAX_ARRAY`` bytes in all, unless they stay on disk.

    Args:
        path: of the file; its content decides, not its suffix.

    Raises:
        UserError: if it is missing, no regular file, damaged, or claims more than it holds.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> path = Path(tempfile.mkdtemp()) / "depth.npz"
        >>> np.savez(path, depth=np.ones((2, 3)))
        >>> with NumpyFile(path) as file:
        ...     print(file.names, file.read("depth").shape)
        ['depth'] (2, 3)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left = MAX_ARRAY
        self._zip: zipfile.ZipFile | None = None
        with open_regular(path) as file:
            start = file.read(len(_NPY))
        if start.startswith(_ZIP):
            self._zip = open_zip(path)
        elif start != _NPY:
            found = "is empty" if not start else f"begins with {start!r}"
            raise UserError(f"{path} can't be read as NumPy's .npy or .npz: it {found}; save it again by np.save.")

    @property
    def names(self) -> list[str]:
        """The names of the arrays."""
        return [""] if self._zip is None else [_plain(name) for name in self._zip.namelist()]

    def read(self, name: str = "", on_disk: bool = False) -> NDArray[Any]:
        """One array.

        Args:
            name: one of :attr:`names`.
            on_disk: leave the numbers of an ``.npy`` in the file until they are used.

        Raises:
            UserError: if it is damaged, too large, or holds Python objects.
        """
        where = f"{self.path}:{name}" if name else str(self.path)
        if self._zip is None:
            with open_regular(self.path) as file:
                claim = _claim(file, os.fstat(file.fileno()).st_size, where)
                if on_disk and claim.nbytes:
                    order = "F" if claim.fortran else "C"
                    return np.memmap(file, claim.dtype, "r", claim.start, claim.shape, order)  # type: ignore[call-overload,no-any-return]
                self._take(claim, where)
                return _shaped(np.fromfile(file, claim.dtype, math.prod(claim.shape)), claim, where)
        info = next(info for info in self._zip.infolist() if _plain(info.filename) == name)
        return self._member(self._zip, info, where)

    def _member(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> NDArray[Any]:
        header, filled = bytearray(), 0
        claim: ArrayClaim | None = None
        numbers = np.empty(0, np.uint8)

        def take(piece: bytes) -> None:
            """Add bytes of the member: to its header, then to the array."""
            nonlocal claim, numbers, filled
            if claim is None:
                header.extend(piece)
                if len(header) < min(_HEADER, info.file_size):
                    return
                claim = _claim(_Head(bytes(header)), info.file_size, where)
                self._take(claim, where)
                numbers, piece = np.empty(claim.nbytes, np.uint8), bytes(header[claim.start :])
            numbers[filled : filled + len(piece)] = np.frombuffer(piece, np.uint8)
            filled += len(piece)

        unpack(archive, info, MAX_ARRAY + _HEADER, where, take)
        if claim is None:
            raise UserError(f"{where} can't be read: it is empty, and no array.")
        return _shaped(numbers.view(claim.dtype) if numbers.size else np.empty(0, claim.dtype), claim, where)

    def _take(self, claim: ArrayClaim, where: str) -> None:
        self.left -= claim.nbytes
        if self.left < 0:
            raise UserError(
                f"{where} claims {claim.nbytes:,} bytes for the shape {claim.shape}; {MAX_ARRAY:,} are read: "
                "save it as float32, in parts, or a stack as .npy or .h5, which are read map by map."
            )

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._zip is not None:
            self._zip.close()


class _Head:
    """The first bytes of a member, as a file for NumPy's header reader."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def read(self, count: int = -1) -> bytes:
        """The next bytes."""
        end = len(self.data) if count < 0 else self.place + count
        piece = self.data[self.place : end]
        self.place += len(piece)
        return piece

    def tell(self) -> int:
        """Number of arrays read."""
        return self.place


def _plain(name: str) -> str:
    return name.removesuffix(".npy")


def _claim(file: BinaryIO | _Head, size: int, where: str) -> ArrayClaim:
    """The header of an ``.npy`` of ``size`` bytes; raises :class:`UserError` if it is damaged or claims otherwise."""
    try:
        version = np.lib.format.read_magic(file)
        reader = _READERS.get(version, np.lib.format.read_array_header_2_0)
        shape, fortran, dtype = reader(file)
        claim = ArrayClaim(tuple(map(int, shape)), fortran, dtype, file.tell())
    except Exception as error:  # NumPy evaluates the header as Python: anything may be wrong with it
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{where} can't be read: its header is damaged ({reason}); is the file complete?") from None
    if dtype.hasobject:
        raise UserError(f"{where} can't be read: it holds Python objects, which may run programs; save numbers.")
    if min(claim.shape, default=0) < 0 or len(claim.shape) > 32 or claim.nbytes != size - claim.start:
        raise UserError(
            f"{where} can't be read: its header claims {dtype} of the shape {str(claim.shape)[:80]}, "
            f"{str(claim.nbytes)[:30]} bytes, and {size - claim.start:,} are there; is the file complete?"
        )
    return claim


def _shaped(values: NDArray[Any], claim: ArrayClaim, where: str) -> NDArray[Any]:
    if values.size != math.prod(claim.shape):
        raise UserError(f"{where} can't be read: it is cut off; is the file complete?")
    return values.reshape(claim.shape, order="F" if claim.fortran else "C")

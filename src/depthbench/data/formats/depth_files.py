"""One depth map from a file of any usual format, as stored: the unit is the reader's matter."""

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from depthbench.data.formats.exr import read_exr
from depthbench.data.formats.pfm import read_pfm
from depthbench.errors import UserError
from depthbench.images import decode_depth, decode_mask
from depthbench.input_files import NumpyFile, can_inflate_to, check_pixels, read_bytes

_Map = NDArray[Any]
_LZW = 4  # LZW makes more of a byte than deflate by up to this factor
Bits = Literal[8, 16]
# Modes in which Pillow delivers TIFF files of one channel, none of which changes a number.
_TIFF_MODES = ("L", "I", "I;16", "I;16B", "I;16L", "I;16S", "F")
_TIFF_COLORS = ("RGB", "RGBA", "P", "CMYK", "YCbCr", "LAB", "RGBX", "PA", "LA")


def read_depth(path: Path, bits: Bits = 16) -> _Map:
    """The numbers of a depth file by its ending: png, npy, npz, exr, tif, tiff or pfm.

    Args:
        path: of the file.
        bits: 16, or 8 where integers of 8 bits are meant to be depth; nobody means that by chance.

    Returns:
        ``(H, W)``: uint16 or uint8 of integer files, float32 or float64 of the others, NaN and infinities included.

    Raises:
        UserError: if it is damaged, has colors, other bits or more than one map, or its format is not read.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(DEPTH_SUFFIXES)
        raise UserError(f"{path} is not a depth file that depthbench reads; convert it to one of {known}.")
    values = _one_map(reader(path, bits), path)
    if values.dtype == np.uint8 and bits != 8:
        raise UserError(_eight_bits(path))
    return values


def _eight_bits(path: Path) -> str:
    return (
        f"{path} holds integers of 8 bits, 256 steps, often a rendering for the eye: append data.bits=8 if they are "
        "depth, with data.scale in metres per step; else give files of 16 bits or floats."
    )


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Mask of valid depth, ``(H, W)``: the nonzero pixels of a png, npy, npz, tif or tiff.

    Raises:
        UserError: if it is damaged, holds more than one map, or its format is not read.
    """
    suffix = path.suffix.lower()
    if suffix == ".png":
        return decode_mask(read_bytes(path), path)
    if suffix not in (".npy", ".npz", ".tif", ".tiff"):
        raise UserError(f"{path} is not a mask that depthbench reads; give png or npy, nonzero where depth is valid.")
    values = _read_numpy(path) if suffix in (".npy", ".npz") else _read_tiff(path, 8)
    return np.asarray(_one_map(values, path, "bfiu") != 0)


def _one_map(values: _Map, path: Path, kinds: str = "fiu") -> _Map:
    """A map without axes of length 1, as uint8, uint16, float32 or float64."""
    if values.dtype.kind not in kinds:
        raise UserError(f"{path} holds {values.dtype}, not real numbers; save depth as float32.")
    shape = values.shape
    if values.ndim == 3 and 1 in (shape[0], shape[-1]):
        values = values[0] if shape[0] == 1 else values[..., 0]
    if values.ndim != 2:
        raise UserError(f"{path} has the shape {shape}, not one map (height, width); save one map per file.")
    check_pixels(values.shape[0], values.shape[1], path)
    if values.dtype.kind in "fiu" and values.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        # Half precision and other integers go into floats that hold them exactly.
        values = values.astype(np.float64 if values.dtype.itemsize > 2 else np.float32)
    return values


def _read_png(path: Path, bits: Bits) -> _Map:
    data = read_bytes(path)
    if bits == 16 and data.startswith(b"\x89PNG") and data[24:26] == b"\x08\0":
        raise UserError(_eight_bits(path))
    return decode_depth(data, path, np.uint8 if bits == 8 else np.uint16)


def _read_numpy(path: Path, bits: Bits = 16) -> _Map:
    with NumpyFile(path) as file:
        names = file.names
        if len(names) != 1:
            held = ", ".join(names[:5]) or "nothing"
            raise UserError(f"{path} holds {len(names)} arrays ({held}), not one; save the depth alone.")
        return file.read(names[0])


def _read_tiff(path: Path, bits: Bits) -> _Map:
    data = read_bytes(path)
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=["TIFF"]) as image:
            mode, (width, height) = image.mode, image.size
            if mode in _TIFF_COLORS or getattr(image, "n_frames", 1) > 1:
                many = "colors" if mode in _TIFF_COLORS else "several pages"
                raise UserError(f"{path} has {many}, but depth has one channel; is it a rendering of the depth?")
            if mode not in _TIFF_MODES:
                raise UserError(f"{path} has pixels of the kind {mode}; save it as float32 or integers of 16 bits.")
            check_pixels(height, width, path)
            if width * height > _LZW * can_inflate_to(len(data)):
                raise UserError(f"{path} claims {width}x{height} pixels, more than its {len(data):,} bytes can hold.")
            values = np.asarray(image)
    except UserError:
        raise
    except UnidentifiedImageError:  # also floats of 64 bits
        raise UserError(f"{path} can't be read as a TIFF; save it as float32 or integers of 16 bits.") from None
    except Exception as error:  # Pillow raises whatever its parts do on damaged files
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path} can't be read as a TIFF ({reason}); export it again.") from None
    return values.astype(values.dtype.newbyteorder("="), copy=False)


_READERS: dict[str, Callable[[Path, Bits], _Map]] = {
    ".png": _read_png,
    ".npy": _read_numpy,
    ".npz": _read_numpy,
    ".exr": lambda path, bits: read_exr(path),
    ".tif": _read_tiff,
    ".tiff": _read_tiff,
    ".pfm": lambda path, bits: read_pfm(path),
}
DEPTH_SUFFIXES = tuple(_READERS)
"""Endings of the files that :func:`read_depth` reads."""

"""Portable float maps."""

import math
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.input_files import check_pixels, open_regular

_LINE = 80  # bytes: a longer line is no line of the header


def read_pfm(path: Path) -> NDArray[np.float32]:
    """A portable float map of one channel; its rows are stored from the bottom up.

    The sign of the scale is the byte order. Its size must be 1: some writers mean a factor by it, others do not
    (Middlebury's 0.003922), so a number that says neither is asked for.

    Raises:
        UserError: if the header has not three lines ``Pf``, ``width height``, ``scale``, or pixels are missing.
    """
    try:
        with open_regular(path) as file:
            lines = [file.readline(_LINE).decode("ascii").strip() for _ in range(3)]
            width, height, scale = _header(lines)
            check_pixels(height, width, path)
            there = os.fstat(file.fileno()).st_size - file.tell()
            if there != 4 * width * height:
                raise ValueError(f"{width}x{height} pixels take {4 * width * height} bytes, there are {there}")
            payload = file.read(there)
            if len(payload) != there:
                raise ValueError("it was cut off while it was read")
    except UnicodeDecodeError:
        raise UserError(
            f"{path} can't be read as a pfm: its header must be three lines, 'Pf', 'WIDTH HEIGHT' and '-1'."
        ) from None
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is not a complete one-channel pfm ({error}).") from None
    values = np.frombuffer(payload, "<f4" if scale < 0 else ">f4").reshape(height, width)
    return np.flipud(values).astype(np.float32)


def _header(lines: list[str]) -> tuple[int, int, float]:
    kind, size, last = lines
    if any(line.startswith("#") for line in lines):
        raise ValueError("its header has a comment, which the format does not know; take it out")
    if kind.startswith("Pf") and len(kind.split()) > 1:
        raise ValueError("its header stands on one line; write 'Pf', 'WIDTH HEIGHT' and '-1' on three lines")
    if kind != "Pf":
        raise ValueError("three channels, not one" if kind == "PF" else f"it begins with {kind[:8]!r}, not 'Pf'")
    sides = size.split()
    if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise ValueError(f"its second line is {size[:30]!r}, not two positive numbers WIDTH HEIGHT")
    width, height = map(int, sides)
    try:
        scale = float(last)
    except ValueError:
        raise ValueError(f"its third line is {last[:30]!r}, not a scale such as -1") from None
    if not math.isclose(abs(scale), 1, rel_tol=1e-6):
        raise ValueError(f"its scale is {scale:g}, a factor for some and none for others; apply it and write 1 or -1")
    return width, height, scale

"""PNG files with the meaning of their numbers in text fields, as MoGe's evaluation stores depth and objects."""

import io
import math
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from depthbench.errors import UserError
from depthbench.images import decode_depth
from depthbench.input_files import parse_json, read_bytes
from depthbench.input_files.picture_headers import png_size

_UNKNOWN, _INFINITE, _STEPS = 0, 65535, 65533


class Labels(NamedTuple):
    """A label image ``(H, W)`` and the labels of its objects by their names."""

    map: NDArray[np.uint16]
    names: dict[str, int]


def read_log_depth(path: Path) -> NDArray[np.float32]:
    """Depth of a 16-bit PNG in steps of a logarithm (``moge/utils/io.py``), 0 = unknown or infinite.

    ``near^(1 - u) far^u`` with u = (stored - 1) / 65533; ``near`` and ``far`` are text fields of the PNG, and so is
    ``unit``, metres per unit, in old files.

    Raises:
        UserError: if the file is damaged, or lacks the text fields.
    """
    data = read_bytes(path)
    stored, texts = decode_depth(data, path), png_texts(data, path)
    near, far, unit = (_number(texts, key, path) for key in ("near", "far", "unit"))
    u = (stored.astype(np.float64) - 1) / _STEPS
    depth = np.exp((1 - u) * math.log(near) + u * math.log(far)) * unit
    return np.where((stored == _UNKNOWN) | (stored == _INFINITE), 0, depth).astype(np.float32)


def read_labels(path: Path) -> Labels:
    """A label image and its names, from the text field ``labels`` of the PNG.

    Raises:
        UserError: if the file is damaged, or its names are no JSON object of numbers.
    """
    data = read_bytes(path)
    texts = png_texts(data, path)
    bits = data[24]
    stored = decode_depth(data, path, np.uint8 if bits == 8 else np.uint16).astype(np.uint16)
    try:
        names = {str(name): int(label) for name, label in parse_json(texts.get("labels", "").encode()).items()}
    except (ValueError, TypeError, AttributeError):
        raise UserError(
            f'{path} has the text field labels={texts.get("labels", "")[:60]!r}, not JSON such as {{"chair": 1}}; '
            "download it again."
        ) from None
    return Labels(stored, names)


def png_texts(data: bytes, where: str | Path) -> dict[str, str]:
    """Text fields of a PNG.

    Raises:
        UserError: if it is no PNG, or damaged.
    """
    png_size(data, where, texts=True)
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            return {str(key): value for key, value in image.info.items() if isinstance(value, str)}
    except Exception as error:  # Pillow raises whatever its parts do on damaged files
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{where} can't be read as a PNG ({reason}); download it again.") from None


def _number(texts: dict[str, str], key: str, path: Path) -> float:
    text = texts.get(key, "1" if key == "unit" else "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise UserError(
            f"{path} has the text field {key}={text[:30]!r}, not a positive number; a depth.png of MoGe's evaluation "
            "says near and far, so is it the original file?"
        )
    return value

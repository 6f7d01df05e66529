"""OpenEXR files of one channel, by the optional library of the format's makers (``pip install OpenEXR``)."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.input_files import check_pixels, read_bytes

_MAGIC = b"\x76\x2f\x31\x01"
_DEPTH_CHANNELS = ("Z", "Y", "V", "depth", "Depth.Z", "depth.Z")  # renderers' names of depth; V is Blender's


def read_exr(path: Path) -> NDArray[Any]:
    """The depth channel of a single-part image as float32: the only channel, or the one that is called like depth.

    Three channels that hold the same numbers, as some renderers write, are one.

    Raises:
        UserError: if the library is not installed, the file is damaged, or no channel is the depth.
    """
    data = read_bytes(path)
    if not data.startswith(_MAGIC):
        raise UserError(f"{path} is not an OpenEXR file; export it again.")
    try:
        library: Any = importlib.import_module("OpenEXR")
    except ImportError:
        raise UserError(
            f"{path} is an OpenEXR file, which needs a library: pip install OpenEXR, or convert the files to npy, "
            "tiff (float32) or pfm."
        ) from None
    try:
        window = library.File(str(path), separate_channels=True, header_only=True).header()["dataWindow"]
        width, height = (int(last) - int(first) + 1 for first, last in zip(*window, strict=True))
        check_pixels(height, width, path)
        with library.File(str(path), separate_channels=True) as file:
            channels = {name: np.array(channel.pixels) for name, channel in file.channels().items()}
    except UserError:
        raise
    except Exception as error:  # the library raises whatever its parts do on damaged files
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path} can't be read as OpenEXR ({reason}); export it again.") from None
    found = _depth_channel(channels, path)
    return found.astype(np.float64 if found.dtype.kind in "iu" else np.float32)


def _depth_channel(channels: dict[str, NDArray[Any]], path: Path) -> NDArray[Any]:
    if len(channels) == 1:
        return next(iter(channels.values()))
    named = [name for name in _DEPTH_CHANNELS if name in channels]
    if len(named) == 1:
        return channels[named[0]]
    colors = [channels[name] for name in "RGB" if name in channels]
    if len(colors) == 3 and all(np.array_equal(colors[0], one, equal_nan=True) for one in colors[1:]):
        return colors[0]
    raise UserError(
        f"{path} has the channels {', '.join(sorted(channels)[:8])}, and no single one is the depth; export depth as "
        "the only channel, or as Z."
    )

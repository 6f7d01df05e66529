"""Photos and videos as pictures, the right way up."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from depthbench.errors import UserError
from depthbench.images import Picture, decode_rgb, orientation, upright
from depthbench.input_files import check_regular, read_bytes

# FFmpeg prints lines of its own about damaged videos; OpenCV looks here once, when it first needs FFmpeg.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def read_photo(path: Path) -> Picture:
    """JPEG or PNG of any depth and number of channels -> ``(H, W, 3)`` uint8 RGB, as its orientation tag says.

    Raises:
        UserError: if it is truncated, damaged or no such picture.
    """
    data = read_bytes(path)
    return upright(decode_rgb(data, path), orientation(data))


class Video:
    """The frames of a video, in order and as its rotation says, ``(H, W, 3)`` uint8 RGB.

    Args:
        path: of the file.

    Attributes:
        fps: frames per second; 25 where the file does not tell.
        claimed: number of frames as the file tells, 0 where it does not.
        size: (height, width) of a frame.

    Raises:
        UserError: if it can't be opened or has no frame.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        check_regular(path)  # FFmpeg would wait for a pipe
        with _quiet():
            self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
            opened, self._first = self._capture.read()
        if not opened:
            self._capture.release()
            raise UserError(f"{path} can't be read as a video; it is damaged, cut off or in a format not known here.")
        self.fps: float = self._capture.get(cv2.CAP_PROP_FPS) or 25.0
        self.size: tuple[int, int] = (self._first.shape[0], self._first.shape[1])
        self.claimed = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def __iter__(self) -> Iterator[Picture]:
        going, frame = True, self._first
        while going:
            yield np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
            going, frame = self._capture.read()
        self._capture.release()


@contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV prints lines of its own about files that it can't open."""
    level = cv2.utils.logging.setLogLevel(0)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)

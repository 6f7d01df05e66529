"""Depth maps as files, complete or not there at all."""

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.files import whole
from depthbench.geometry import back_project
from depthbench.images import Picture
from depthbench.inference.command_line import FRAMES
from depthbench.output_kinds import OutputKind
from depthbench.palette import ColorRange, color_bar, color_depth, own_range
from depthbench.pinhole import camera_matrix

Depth = NDArray[np.float32]

LARGEST_IN_MILLIMETRES = 65.535  # metres: the largest depth that 16 bits of millimetres hold
_POINT = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]


@dataclass(frozen=True)
class OutputForm:
    """Data that a file needs beside the depth.

    Attributes:
        far: metres at the end of the colors, which begin at 0; None for a range of each picture's own.
        intrinsics: (fx, fy, cx, cy) in pixels of the upright photo, which point clouds need.
        kind: of the depth, which may be up to scale and shift, or disparity.
        bar: whether a bar below a colored picture shows its range.
    """

    far: float | None
    intrinsics: tuple[float, ...] = ()
    kind: OutputKind = OutputKind.METRIC_DEPTH
    bar: bool = True

    def colors(self, depth: Depth) -> ColorRange:
        """The range of the colors: shared, or of this picture alone, as of values whose scale is not known."""
        if self.kind.is_metric and self.far is not None:
            return ColorRange(0.0, self.far)
        known = depth[depth > 0] if self.kind.is_positive else depth
        return own_range(known, self.kind.falls and not self.kind.is_metric, "m" if self.kind.is_metric else "")


def millimetres(depth: Depth) -> NDArray[np.uint16]:
    """Metres -> 16 bits; no depth (NaN, infinite, negative) is 0, depth that is too far 65535."""
    known = np.where(np.isfinite(depth), depth, 0)
    return np.asarray((1000 * known).round().clip(0, 65535), np.uint16)


def colored_picture(kind: str, rgb: Picture, depth: Depth, form: OutputForm) -> Picture:
    """``color``: the depth ``(H, W)`` in colors, a bar below; ``beside``: both to the right of the photo."""
    colors = form.colors(depth)
    parts = [color_depth(depth, colors, form.kind.is_positive)]
    if form.bar:
        parts.append(color_bar(colors, depth.shape[1]))
    shown = np.concatenate(parts)
    if kind == "color":
        return shown
    below = np.full((len(shown) - len(rgb), *rgb.shape[1:]), 255, np.uint8)
    return np.concatenate([np.concatenate([rgb, below]), shown], axis=1)


def cloud(rgb: Picture, depth: Depth, intrinsics: tuple[float, ...]) -> bytes:
    """Binary PLY of the pixels that have a depth: colored points in metres, x right, y down, z ahead."""
    known = np.isfinite(depth) & (depth > 0)
    maps = torch.from_numpy(depth)[None, None].double(), torch.from_numpy(camera_matrix(intrinsics))[None]
    points = np.empty(int(known.sum()), _POINT)
    for name, values in zip("xyz", back_project(*maps)[0].numpy(), strict=True):
        points[name] = values[known]
    for name, values in zip(("red", "green", "blue"), rgb.transpose(2, 0, 1), strict=True):
        points[name] = values[known]
    properties = [f"property {'float' if form == '<f4' else 'uchar'} {name}" for name, form in _POINT]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}", *properties, "end_header", ""]
    return "\n".join(header).encode() + points.tobytes()


def encode_output(kind: str, rgb: Picture, depth: Depth, form: OutputForm) -> bytes:
    """The content of a photo's file of one kind."""
    if kind == "ply":
        return cloud(rgb, depth, form.intrinsics)
    if kind == "npy":
        buffer = io.BytesIO()
        np.save(buffer, depth, allow_pickle=False)
        return buffer.getvalue()
    pixels = millimetres(depth) if kind == "png" else colored_picture(kind, rgb, depth, form)[..., ::-1]
    return bytes(cv2.imencode(".png", pixels)[1])


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place beside ``path`` to write a file or folder, which becomes ``path`` when nothing was raised."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path, durable=False) as part:
        yield part


def write_photo(paths: Mapping[str, Path], rgb: Picture, depth: Depth, form: OutputForm) -> None:
    """Write the files of a photo, by kind."""
    for kind, path in paths.items():
        with replacing(path) as part:
            part.write_bytes(encode_output(kind, rgb, depth, form))


def write_video(
    paths: Mapping[str, Path], frames: Iterable[tuple[Picture, Depth]], fps: float, form: OutputForm
) -> int:
    """Write a video's folders of frames (``000000.png`` on) and its colored videos, by kind; returns its length.

    Colored videos lose the last row or column of odd sizes, which the format does not have.

    Raises:
        UserError: if this machine's OpenCV can't write videos.
    """
    count = 0
    with ExitStack() as stack:
        parts = {kind: stack.enter_context(replacing(path)) for kind, path in paths.items()}
        videos: dict[str, cv2.VideoWriter] = {}
        for rgb, depth in frames:
            for kind, part in parts.items():
                if kind in FRAMES:
                    part.mkdir(exist_ok=True)
                    (part / f"{count:06d}.{kind}").write_bytes(encode_output(kind, rgb, depth, form))
                    continue
                pixels = colored_picture(kind, rgb, depth, form)
                if kind not in videos:
                    videos[kind] = _open(part, fps, pixels.shape)
                    stack.callback(videos[kind].release)  # before the part gets its name
                videos[kind].write(np.ascontiguousarray(pixels[..., ::-1]))
            count += 1
    return count


def _open(path: Path, fps: float, shape: tuple[int, ...]) -> cv2.VideoWriter:
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (shape[1], shape[0]))
    if not video.isOpened():
        raise UserError(f"OpenCV can't write {path.name} here; append save=png,npy for frames instead of a video.")
    return video

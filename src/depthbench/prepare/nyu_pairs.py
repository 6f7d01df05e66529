"""Pairs of picture and depth from raw frames: made once, never half, by all cores, in parts that machines can share."""

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np

from depthbench import filling as fill
from depthbench.errors import UserError
from depthbench.files import read_json, write_atomically
from depthbench.input_files import read_text
from depthbench.launch.parent_death import die_with_parent
from depthbench.prepare.nyu_camera import (
    COLOR,
    DEPTH,
    VALID,
    register_depth,
    round_half_up,
    undistort_color,
    undistortion,
)
from depthbench.prepare.nyu_scenes import RawFrame, open_source, read_color, read_disparity

UNITS = 1000  # of the depth images, per metre
_OPTIONS = {"crop": ("none", "valid"), "fill": ("none", "colorization", "bilateral"), "image": ("jpg", "png")}


@dataclass(frozen=True)
class PairForm:
    """Form of the written pairs; one folder holds pairs of one form.

    Attributes:
        crop: ``none`` (480x640) or ``valid`` (427x561, the view of the depth camera).
        fill: ``none``, ``colorization`` or ``bilateral``.
        image: ``jpg`` or ``png``.
        quality: of jpg.
        max_gap: seconds between a depth image and its picture, beyond which the pair is left out.

    Raises:
        UserError: if a value is none of these.
    """

    crop: Literal["none", "valid"] = "none"
    fill: Literal["none", "colorization", "bilateral"] = "none"
    image: Literal["jpg", "png"] = "jpg"
    quality: int = 75
    max_gap: float | None = None

    def __post_init__(self) -> None:
        for key, options in _OPTIONS.items():
            if getattr(self, key) not in options:
                raise UserError(f"{key}={getattr(self, key)} is unknown; choose {', '.join(options)}.")
        if not isinstance(self.quality, int) or not 1 <= self.quality <= 100:
            raise UserError(f"quality={self.quality} is not a quality of jpg; give 1 to 100.")
        if self.max_gap is not None and not (isinstance(self.max_gap, int | float) and self.max_gap >= 0):
            raise UserError(f"max_gap={self.max_gap} is not a time; give seconds, or null.")

    def color_name(self, name: str) -> str:
        """``scene/00045`` to ``scene/rgb_00045.jpg``."""
        scene, _, number = name.rpartition("/")
        return f"{scene}/rgb_{number}.{self.image}"

    def depth_name(self, name: str) -> str:
        """``scene/00045`` to ``scene/sync_depth_00045.png``."""
        scene, _, number = name.rpartition("/")
        return f"{scene}/sync_depth_{number}.png"

    def files(self, name: str, output: Path) -> tuple[Path, Path]:
        """Picture and depth image of a frame."""
        return output / self.color_name(name), output / self.depth_name(name)

    def claim(self, output: Path) -> None:
        """Write the form down in the folder.

        Raises:
            UserError: if the folder holds pairs of another form.
        """
        path = output / "form.json"
        there = read_json(path) or asdict(self)
        if there != asdict(self):
            different = ", ".join(f"{key}={value}" for key, value in there.items() if asdict(self).get(key) != value)
            raise UserError(f"{output} holds pairs made with {different}; ask for the same, or choose another output.")
        output.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(there) + "\n")


class Outcome(NamedTuple):
    """The outcome of one frame: its pair is there, or the problem says why it can't be."""

    name: str
    problem: str | None = None


def make_pair(frame: RawFrame, form: PairForm, output: Path) -> Outcome:
    """Write the pair of a frame."""
    try:
        pair = _convert(frame, form)
    except UserError as error:
        return Outcome(frame.name, str(error))
    for path, data in zip(form.files(frame.name, output), pair, strict=True):
        write_atomically(path, data, durable=False)  # hundreds of thousands: the disk need not be waited for each time
    return Outcome(frame.name)


def _convert(frame: RawFrame, form: PairForm) -> tuple[bytes, bytes]:
    """Both files of a pair. Raises UserError for a frame that is not usable."""
    store = open_source(frame.source)
    if not frame.color:
        raise UserError(f"{store.where(frame.depth)} has no picture in its scene.")
    if form.max_gap is not None and frame.gap > form.max_gap:
        raise UserError(f"{store.where(frame.depth)} is {frame.gap:.3f} s away from the nearest picture.")
    rgb = undistort_color(read_color(store.read(frame.color), store.where(frame.color)))
    depth = register_depth(read_disparity(store.read(frame.depth), store.where(frame.depth)))
    if form.crop == "valid":
        top, bottom, left, right = VALID
        rgb, depth = rgb[top:bottom, left:right], depth[top:bottom, left:right]
    if not depth.any():
        raise UserError(f"{store.where(frame.depth)} has no depth in view of the picture.")
    if form.fill != "none":
        depth = getattr(fill, f"fill_{form.fill}")(rgb / 255.0, depth)
    options = [cv2.IMWRITE_JPEG_QUALITY, form.quality] if form.image == "jpg" else []
    units = round_half_up(depth * UNITS).astype(np.uint16)
    return (
        cv2.imencode(f".{form.image}", np.ascontiguousarray(rgb[..., ::-1]), options)[1].tobytes(),
        cv2.imencode(".png", units)[1].tobytes(),
    )


def make_pairs(frames: Sequence[RawFrame], form: PairForm, output: Path, workers: int) -> Iterator[Outcome]:
    """The outcomes of all frames in their order, as they come; with one worker in this process.

    Raises:
        UserError: if a process dies.
    """
    work = partial(make_pair, form=form, output=output)
    if workers == 1:
        cv2.setNumThreads(1)
        yield from map(work, frames)
        return
    for camera in (COLOR, DEPTH):
        undistortion(camera)  # once, before the processes fork
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context("fork"), initializer=_begin, initargs=(os.getpid(),)
    ) as pool:
        try:
            yield from pool.map(work, frames, chunksize=4)
        except BrokenProcessPool:
            raise UserError(
                "A working process was killed, perhaps for lack of memory; start the command again with fewer workers."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(parent: int) -> None:
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the main process, which ends the others
    cv2.setNumThreads(1)


def claim_sources(frames: Sequence[RawFrame], output: Path) -> None:
    """Write down which raw files a scene's numbers stand for, so that a completed download can't mix them up.

    Args:
        frames: every frame of the scene.
        output: folder of the pairs.

    Raises:
        UserError: if the scene's pairs were made from other files.
    """
    scene = output / frames[0].scene
    path = scene / "sources.txt"
    now = [f"{Path(frame.depth).name} {Path(frame.color).name}" for frame in frames]
    known = read_text(path).splitlines() if path.exists() else []
    changed = [line for line, other in zip_longest(known, now[: len(known)]) if line != other]
    if changed:
        raise UserError(
            f"{scene} was made from other raw files (such as {changed[0]}); delete that folder, and it is made again."
        )
    scene.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "\n".join(now) + "\n")

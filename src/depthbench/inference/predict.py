"""From a request to its files: load the network, predict picture by picture, write."""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.files import read_json, write_atomically
from depthbench.images import Picture
from depthbench.inference.command_line import InputFile, PredictRequest
from depthbench.inference.outputs import LARGEST_IN_MILLIMETRES, OutputForm, write_photo, write_video
from depthbench.inference.photos import Video, read_photo
from depthbench.inference.pictures import PictureNetwork, open_network
from depthbench.output_kinds import OutputKind
from depthbench.training.devices import choose_device


def predict_files(request: PredictRequest) -> bool:
    """Predict the sources without output yet, one line each; True if all could be read.

    Raises:
        UserError: if the network can't be loaded, or the output is of another one or of other settings.
    """
    network = open_network(request, choose_device(request.device))  # may refuse, before anything is written
    request = fitting(request, network.kind)
    predictor = PhotoPredictor(request, network)
    request.output.mkdir(parents=True, exist_ok=True)
    keep_record(request, network.record)
    todo = [source for source in request.sources if request.missing(source)]
    if len(todo) < len(request.sources):
        print(f"{len(request.sources) - len(todo)} of {len(request.sources)} are there already.")
    readable = True
    for source in todo:
        try:
            print(f"{source.path}: {predictor.handle(source)}", flush=True)
        except UserError as error:
            readable = False
            print(error, file=sys.stderr, flush=True)
    for note in predictor.notes():
        print(note)
    return readable


class PhotoPredictor:
    """A network at work on photos and videos.

    Args:
        request: the command.
        network: that predicts.
    """

    def __init__(self, request: PredictRequest, network: PictureNetwork) -> None:
        self.request, self.network = request, network
        self.beyond = self.off_center = 0

    def handle(self, source: InputFile) -> str:
        """Write the missing outputs of a source; returns a sentence about it."""
        paths, kind = self.request.missing(source), self.network.kind
        far = self.request.most_metres if source.video else self.request.max_depth
        form = OutputForm(far, self.request.intrinsics, kind, self.request.bar)
        if not source.video:
            rgb = read_photo(source.path)
            self._check_camera(source, *rgb.shape[:2])
            depth = self(rgb, source)
            write_photo(paths, rgb, depth, form)
            known = depth[np.isfinite(depth)]
            unit = " m" if kind.is_metric else f", {kind.words}"
            return f"{known.min():.2f} to {known.max():.2f}{unit}" if known.size else "no depth"
        video = Video(source.path)
        self._check_camera(source, *video.size)
        count = write_video(paths, ((rgb, self(rgb, source)) for rgb in video), video.fps, form)
        return f"{count} frames" + (f" of the {video.claimed} that the file claims" if count < video.claimed else "")

    def _check_camera(self, source: InputFile, height: int, width: int) -> None:
        """Intrinsics in pixels of another size would bend the points: refused if they can't be, else noted."""
        if not self.request.intrinsics:
            return
        x, y = self.request.intrinsics[2] / width, self.request.intrinsics[3] / height
        if not (0 <= x < 1 and 0 <= y < 1):
            raise UserError(f"{source.path} is {width}x{height}, but intrinsics' CX,CY lie outside; give its own.")
        self.off_center += max(abs(x - 0.5), abs(y - 0.5)) > 0.2

    def __call__(self, rgb: Picture, source: InputFile) -> NDArray[np.float32]:
        """``(H, W, 3)`` uint8 -> the network's map ``(H, W)``.

        Raises:
            UserError: naming the file, if the network gives no map.
        """
        try:
            depth = self.network(rgb)
        except UserError as error:
            raise UserError(f"{source.path}: {error}") from error
        self.beyond += bool((depth > LARGEST_IN_MILLIMETRES).any())
        return depth

    def notes(self) -> list[str]:
        """Notes for the user about the pictures so far."""
        found = self.network.notes()
        if self.beyond and "png" in self.request.kinds:
            found.append(
                f"{self.beyond} pictures reach beyond {LARGEST_IN_MILLIMETRES} m, cut there in png but not in npy."
            )
        if self.off_center:
            found.append(f"CX,CY lie far from the middle of {self.off_center} files; are intrinsics in their pixels?")
        return found


def fitting(request: PredictRequest, kind: OutputKind) -> PredictRequest:
    """The request with the files that a kind of output can be written to.

    Raises:
        UserError: if a file was asked for that holds metres, and the output is none.
    """
    if kind.is_metric:
        return request
    wrong = [name for name in request.kinds if name in ("png", "ply")]
    if wrong and not request.kinds_by_default:
        raise UserError(
            f"The model predicts {kind.words}, but {wrong[0]} holds metres; append save=npy,color, or kind=... if the "
            "model predicts something else."
        )
    return replace(request, kinds=("npy", "color")) if wrong else request


def keep_record(request: PredictRequest, made_by: Mapping[str, Any]) -> None:
    """Record the network of the depth in the output, so that no folder holds depth of two networks.

    Args:
        request: the command.
        made_by: the settings behind its depth.

    Raises:
        UserError: if it holds depth of another checkpoint or of other settings.
    """
    record = {**made_by, "flip_average": request.flip_average, "max_depth": request.max_depth, "bar": request.bar}
    camera = {"intrinsics": list(request.intrinsics)} if request.intrinsics else {}  # may come later
    path = request.output / "predict.json"
    kept = _read(path) if path.exists() else record
    for key, value in (record | camera).items():
        if (camera | kept).get(key) != value:
            raise UserError(f"{request.output} was made with another {key}; choose another folder, or delete it.")
    if not path.exists() or not kept.keys() >= camera.keys():
        write_atomically(path, json.dumps(camera | kept, indent=1) + "\n")


def _read(path: Path) -> dict[str, object]:
    try:
        return read_json(path)
    except UserError:
        raise UserError(f"{path} is not of this command; choose another output, or delete it.") from None

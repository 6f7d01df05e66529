"""From a request to its files: load the network, predict picture by picture, write."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.evaluation.predictors import Network
from depthbench.files import read_json, write_atomically
from depthbench.images import Picture, resize_rgb
from depthbench.inference.command_line import InputFile, PredictRequest
from depthbench.inference.outputs import MILLIMETRES, OutputForm, write_photo, write_video
from depthbench.inference.photos import Video, read_photo
from depthbench.maps import resize_bilinear
from depthbench.training.devices import choose_device


def predict_files(request: PredictRequest) -> bool:
    """Predict what is not there yet, one line each; whether everything could be read.

    Raises:
        UserError: if the network can't be loaded, or the output is of another one or of other settings.
    """
    predictor = PhotoPredictor(request, choose_device(request.device))  # may refuse, before anything is written
    request.output.mkdir(parents=True, exist_ok=True)
    keep_record(request)
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
    """The network of a run at work on photos and videos.

    Args:
        request: the command.
        device: where the network is.
    """

    def __init__(self, request: PredictRequest, device: torch.device) -> None:
        self.request, self.device = request, device
        self.network = Network(request.run, request.config, device)
        self.stretched = self.beyond = self.off_center = 0

    def handle(self, source: InputFile) -> str:
        """Write what is missing of a source; says what was seen."""
        paths, form = self.request.missing(source), OutputForm(self.request.max_depth, self.request.intrinsics)
        if not source.video:
            rgb = read_photo(source.path)
            self._check_camera(source, *rgb.shape[:2])
            depth = self(rgb)
            write_photo(paths, rgb, depth, form)
            known = depth[np.isfinite(depth)]
            return f"{known.min():.2f} to {known.max():.2f} m" if known.size else "no depth"
        video = Video(source.path)
        self._check_camera(source, *video.size)
        count = write_video(paths, ((rgb, self(rgb)) for rgb in video), video.fps, form)
        return f"{count} frames" + (f" of the {video.claimed} that the file claims" if count < video.claimed else "")

    def _check_camera(self, source: InputFile, height: int, width: int) -> None:
        """Intrinsics in pixels of another size would bend the points: refused if they can't be, else noted."""
        if not self.request.intrinsics:
            return
        x, y = self.request.intrinsics[2] / width, self.request.intrinsics[3] / height
        if not (0 <= x < 1 and 0 <= y < 1):
            raise UserError(f"{source.path} is {width}x{height}, but intrinsics' CX,CY lie outside; give its own.")
        self.off_center += max(abs(x - 0.5), abs(y - 0.5)) > 0.2

    @torch.inference_mode()
    def __call__(self, rgb: Picture) -> NDArray[np.float32]:
        """``(H, W, 3)`` uint8 -> depth ``(H, W)`` in metres.

        The network sees the picture resized to its own size, not cropped; its depth is resized back (bilinear).
        """
        (height, width), size = rgb.shape[:2], self.request.size
        small = np.ascontiguousarray(resize_rgb(rgb, size).transpose(2, 0, 1))
        image = torch.from_numpy(small)[None].to(self.device).float().div_(255)
        depth, mirrored = self.network.predict(image, self.request.flip_average)
        depth = depth if mirrored is None else 0.5 * (depth + mirrored)
        metres = resize_bilinear(depth.float(), (height, width))[0, 0].cpu().numpy()
        self.stretched += abs(height * size[1] / (width * size[0]) - 1) > 0.02
        self.beyond += bool((metres > MILLIMETRES).any())
        return np.asarray(metres, np.float32)

    def notes(self) -> list[str]:
        """What a user should know about the pictures seen so far."""
        height, width = self.request.size
        found = []
        if self.stretched:
            found.append(f"{self.stretched} pictures were stretched to the network's {width}x{height}, not cropped.")
        if self.beyond and "png" in self.request.kinds:
            found.append(f"{self.beyond} pictures reach beyond {MILLIMETRES} m, cut there in png but not in npy.")
        if self.off_center:
            found.append(f"CX,CY lie far from the middle of {self.off_center} files; are intrinsics in their pixels?")
        return found


def keep_record(request: PredictRequest) -> None:
    """Write into the output what its depth is from, so that no folder holds depth of two networks.

    Raises:
        UserError: if it holds depth of another checkpoint or of other settings.
    """
    with request.run.weights.open("rb") as file:
        checkpoint = hashlib.file_digest(file, "sha256").hexdigest()
    record = {
        "checkpoint": checkpoint,
        "size": list(request.size),
        "flip_average": request.flip_average,
        "max_depth": request.max_depth,
    }
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

"""One picture at a time through a network: of a run, or anybody's."""

import hashlib
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.evaluation.foreign_maps import predicted_map
from depthbench.evaluation.model_source import ModelOptions, ModelSource
from depthbench.evaluation.prediction_files import in_quantity
from depthbench.evaluation.run_network import Network
from depthbench.geometry import flip_intrinsics
from depthbench.images import Picture, Size, resize_rgb
from depthbench.inference.command_line import PredictRequest
from depthbench.inference.foreign import open_model
from depthbench.maps import resize_bilinear
from depthbench.output_kinds import OutputKind
from depthbench.pinhole import camera_matrix
from depthbench.runs.folder import RunFolder


class PictureNetwork(Protocol):
    """Maps ``(H, W)`` of pictures ``(H, W, 3)`` uint8: metres of a metric kind, else the kind's own quantity.

    Attributes:
        kind: of the maps; points count as their depth.
        record: of their network, as plain data.
    """

    kind: OutputKind
    record: dict[str, Any]

    def __call__(self, rgb: Picture) -> NDArray[np.float32]: ...  # noqa: D102

    def notes(self) -> list[str]: ...  # noqa: D102


def open_network(request: PredictRequest, device: torch.device) -> PictureNetwork:
    """The network that a command asks for.

    Raises:
        UserError: if it can't be opened.
    """
    if request.run and request.size:
        return RunPictures(request.run, request, request.size, device)
    assert request.model is not None
    return ModelPictures(request.model, request.options, request, device)


class RunPictures:
    """The network of a run: it sees a picture resized to its own size, not cropped; its depth is resized back.

    Args:
        run: whose network it is.
        request: the command.
        size: (height, width) that the network sees.
        device: where the network is.
    """

    def __init__(self, run: RunFolder, request: PredictRequest, size: Size, device: torch.device) -> None:
        self.size, self.device, self.flip_average = size, device, request.flip_average
        self.network = Network(run, run.config, device)
        self.kind = self.network.kind
        with run.weights.open("rb") as file:
            checkpoint = hashlib.file_digest(file, "sha256").hexdigest()
        self.record: dict[str, Any] = {"checkpoint": checkpoint, "size": list(size)}
        self.record |= {} if self.kind.is_metric else {"kind": str(self.kind)}
        self.stretched = 0

    @torch.inference_mode()
    def __call__(self, rgb: Picture) -> NDArray[np.float32]:
        """Depth in metres, or in the quantity of the kind (bilinear)."""
        (height, width), size = rgb.shape[:2], self.size
        small = np.ascontiguousarray(resize_rgb(rgb, size).transpose(2, 0, 1))
        image = torch.from_numpy(small)[None].to(self.device).float().div_(255)
        depth, mirrored = self.network.predict(image, self.flip_average)
        depth = depth if mirrored is None else 0.5 * (depth + mirrored)
        self.stretched += abs(height * size[1] / (width * size[0]) - 1) > 0.02
        return np.asarray(resize_bilinear(depth.float(), (height, width))[0, 0].cpu().numpy(), np.float32)

    def notes(self) -> list[str]:
        """Sentences about output other than depth in metres, and about the number of stretched pictures."""
        found = quantity_notes(self.kind)
        if self.stretched:
            height, width = self.size
            found.append(f"{self.stretched} pictures were stretched to the network's {width}x{height}, not cropped.")
        return found


class ModelPictures:
    """Anybody's network.

    Args:
        source: where it is from.
        options: the user's settings for it.
        request: the command.
        device: where the network is.

    Raises:
        UserError: if it can't be opened.
    """

    def __init__(
        self, source: ModelSource, options: ModelOptions, request: PredictRequest, device: torch.device
    ) -> None:
        self.model, self.flip_average = open_model(source, options, device), request.flip_average
        self.kind = self.model.kind
        self.camera = camera_matrix(request.intrinsics) if request.intrinsics and self.model.takes_camera else None
        self.record: dict[str, Any] = {"model": self.model.identity, "kind": str(self.kind)}

    def __call__(self, rgb: Picture) -> NDArray[np.float32]:
        """A map of the picture's size (bilinear)."""
        values = self._map(rgb, self.camera)
        if self.flip_average:
            camera = self.camera
            if camera is not None:
                camera = flip_intrinsics(torch.from_numpy(camera), rgb.shape[1]).numpy()
            values = 0.5 * (values + self._map(np.ascontiguousarray(rgb[:, ::-1]), camera)[:, ::-1])
        maps = torch.from_numpy(np.ascontiguousarray(values))[None, None]
        return np.asarray(resize_bilinear(maps, (rgb.shape[0], rgb.shape[1]))[0, 0].numpy(), np.float32)

    def _map(self, rgb: Picture, camera: NDArray[np.float64] | None) -> NDArray[np.float32]:
        values = predicted_map(self.model, rgb, camera, "this picture")
        if not np.isfinite(values).any():
            raise UserError(f"{self.model.name} gives no number for this picture: all pixels are NaN or infinite.")
        return np.asarray(in_quantity(values, self.kind) if self.kind.is_metric else values, np.float32)

    def notes(self) -> list[str]:
        """A note on the quantity of the map if it is not depth in metres."""
        return [*self.model.notes, *quantity_notes(self.kind)]


def quantity_notes(kind: OutputKind) -> list[str]:
    """A sentence about maps that are not depth in metres."""
    return [] if kind.is_metric else [f"npy holds {kind.words}; each picture has its own range of colors."]

"""Maps of networks that are not of this bench: asked picture by picture, checked, and kept."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthbench.errors import UserError
from depthbench.evaluation.covered_part import is_scaled
from depthbench.evaluation.map_cache import MapCache, Values, cache_key
from depthbench.evaluation.model_source import ModelOptions, ModelSource
from depthbench.evaluation.predicted_cameras import CAMERA_KEYS, camera_beside, camera_of_points, normalized_camera
from depthbench.evaluation.prediction_files import check_unit_of, in_quantity, one_map, tells_camera
from depthbench.evaluation.test_set import EvaluationSet, Items
from depthbench.geometry import flip_intrinsics
from depthbench.images import Picture
from depthbench.output_kinds import OutputKind
from depthbench.pinhole import Matrix


class ForeignModel(Protocol):
    """Gives the quantity of its kind for one picture ``(H, W, 3)`` uint8 RGB, as a map of the picture's shape or size.

    The map may come in a dict, with ``intrinsics`` of the predicted camera beside it.

    Attributes:
        name: as the user typed it.
        kind: of the output.
        identity: digits that change with anything that may change a prediction.
        takes_camera: whether intrinsics matter.
        notes: sentences for the reader of the scores.
        unseen: influences on predictions outside of the identity, as a sentence; empty for none.
    """

    name: str
    kind: OutputKind
    identity: str
    takes_camera: bool
    notes: list[str]
    unseen: str

    def __call__(self, picture: Picture, intrinsics: NDArray[np.float64] | None) -> Any: ...  # noqa: D102


OpenModel = Callable[[ModelSource, ModelOptions, torch.device], ForeignModel]
"""Opens the network of a source: where networks come from is no matter of scoring."""


def predicted_map(model: ForeignModel, picture: Picture, intrinsics: NDArray[np.float64] | None, where: str) -> Values:
    """One map as the model's kind stores it (of points the depth), ``(h, w)`` float32.

    Args:
        model: that predicts.
        picture: ``(H, W, 3)`` uint8 RGB.
        intrinsics: ``(3, 3)`` in pixels of the picture, or None.
        where: of the picture, for sentences.

    Raises:
        UserError: if the model fails, or gives no map of the picture's shape.
    """
    return _checked_map(model, model(picture, intrinsics), picture, where)


def _checked_map(model: ForeignModel, found: Any, picture: Picture, where: str) -> Values:
    told = f"the prediction of {model.name} for {where}"
    values = one_map(_array(_map_of(found, told)), told, model.kind)
    size, whole = (values.shape[0], values.shape[1]), (picture.shape[0], picture.shape[1])
    if not is_scaled(size, whole):
        turned = " (it looks transposed)" if is_scaled((size[1], size[0]), whole) else ""
        raise UserError(
            f"{told} is {size[0]}x{size[1]}, the picture {whole[0]}x{whole[1]}: not of its shape{turned}; return a map "
            "(height, width) of the whole picture."
        )
    return values


def _camera_of(model: ForeignModel, found: Any, picture: Picture, where: str) -> Matrix | None:
    """The normalized camera in the result of a model; None where it has none."""
    told = f"the prediction of {model.name} for {where}"
    beside = camera_beside(found) if isinstance(found, Mapping) else None
    values = np.squeeze(_array(_map_of(found, told)))
    if beside is not None:
        height, width = one_map(values, told, model.kind).shape
        return normalized_camera(_array(beside), (height, width), told)
    return camera_of_points(values, told) if tells_camera(values, model.kind) else None


def _map_of(found: Any, told: str) -> Any:
    """The map of a result: all of it, or the entry of a dict that is not a camera."""
    if not isinstance(found, Mapping):
        return found
    maps = [key for key in found if key not in CAMERA_KEYS]
    if len(maps) != 1:
        raise UserError(
            f"{told} is a dict of {', '.join(map(str, found)) or 'nothing'}; return one map and perhaps 'intrinsics'."
        )
    return found[maps[0]]


def _array(found: Any) -> NDArray[Any]:
    if isinstance(found, Tensor):
        found = found.detach().float().cpu().numpy()
    try:
        return np.asarray(found)
    except ValueError:  # lists of several lengths
        return np.empty(0, object)


class ModelMaps:
    """Predictions of a model for the frames of a test set, in the quantity of its kind.

    Args:
        model: that predicts.
        test_set: whose images it sees.
        cache: of maps made before.
        unit: metres per unit of metric depth; by default 1.

    Attributes:
        kind: of the model.
        name: for sentences.

    Raises:
        UserError: if the kind has no unit.
    """

    def __init__(
        self, model: ForeignModel, test_set: EvaluationSet, cache: MapCache, unit: float | None = None
    ) -> None:
        check_unit_of(model.kind, unit)
        self.model, self.test_set, self.cache, self.unit = model, test_set, cache, unit
        self.kind, self.name = model.kind, model.name
        self._last: tuple[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.test_set)

    def of(self, items: Items, mirror: bool = False) -> Tensor:
        """The map ``(1, h, w)`` of one frame; of its mirror image, mirrored back, if wanted."""
        picture, known, where = self._asked(items, mirror)

        def make() -> Values:
            return _checked_map(self.model, self._result(picture, known), picture, where)

        values = self.cache.get(cache_key(f"{self.model.identity} {self.kind.stored}", picture, known), make)
        found = torch.from_numpy(in_quantity(values, self.kind, self.unit))[None]
        return found.flip(-1) if mirror else found

    def camera(self, items: Items) -> Matrix | None:
        """The normalized camera that the model predicts of one frame; None where it predicts none."""
        picture, known, where = self._asked(items, False)

        def make() -> Values:
            found = _camera_of(self.model, self._result(picture, known), picture, where)
            return np.zeros((3, 3), np.float32) if found is None else found.astype(np.float32)

        found = self.cache.get(cache_key(f"{self.model.identity} {self.kind.stored} camera", picture, known), make)
        return found.astype(np.float64) if found.any() else None

    def _result(self, picture: Picture, known: NDArray[np.float64] | None) -> Any:
        """The model's result, of which the map and the camera are asked for one after the other."""
        key = cache_key(self.model.identity, picture, known)
        if self._last is None or self._last[0] != key:
            self._last = key, self.model(picture, known)
        return self._last[1]

    def _asked(self, items: Items, mirror: bool) -> tuple[Picture, NDArray[np.float64] | None, str]:
        """The picture that the model sees, its intrinsics if it takes them, and its name for sentences."""
        camera = items.intrinsics if self.model.takes_camera else None
        image = items.image[0]
        if mirror:
            image = image.flip(-1)
            camera = None if camera is None else flip_intrinsics(camera, image.shape[-1])
        picture = (image.permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        known = None if camera is None else camera[0].double().cpu().numpy()
        where = f"the mirror image of '{items.names[0]}'" if mirror else f"'{items.names[0]}'"
        return np.ascontiguousarray(picture), known, where

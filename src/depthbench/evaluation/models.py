"""Maps of networks that are not of this bench: asked picture by picture, checked, and kept."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthbench.errors import UserError
from depthbench.evaluation.covered_part import is_scaled
from depthbench.evaluation.map_cache import MapCache, Values, cache_key
from depthbench.evaluation.model_source import ModelOptions, ModelSource
from depthbench.evaluation.prediction_files import check_unit_of, in_quantity, one_map
from depthbench.evaluation.test_set import EvaluationSet, Items
from depthbench.geometry import flip_intrinsics
from depthbench.images import Picture
from depthbench.output_kinds import OutputKind


class ForeignModel(Protocol):
    """Gives what its kind stores for one picture ``(H, W, 3)`` uint8 RGB, as a map of the picture's shape or size.

    Attributes:
        name: as the user typed it.
        kind: of the output.
        identity: digits that change with anything that may change a prediction.
        takes_camera: whether intrinsics matter.
        notes: sentences for the reader of the scores.
        unseen: what may change predictions and is no part of the identity, as a sentence; empty for nothing.
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
    found = model(picture, intrinsics)
    if isinstance(found, Tensor):
        found = found.detach().float().cpu().numpy()
    try:
        values = np.asarray(found)
    except ValueError:  # lists of several lengths
        values = np.empty(0, object)
    told = f"the prediction of {model.name} for {where}"
    values = one_map(values, told, model.kind)
    size, whole = (values.shape[0], values.shape[1]), (picture.shape[0], picture.shape[1])
    if not is_scaled(size, whole):
        turned = " (it looks transposed)" if is_scaled((size[1], size[0]), whole) else ""
        raise UserError(
            f"{told} is {size[0]}x{size[1]}, the picture {whole[0]}x{whole[1]}: not of its shape{turned}; return a map "
            "(height, width) of the whole picture."
        )
    return values


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

    def __len__(self) -> int:
        return len(self.test_set)

    def of(self, items: Items, mirror: bool = False) -> Tensor:
        """The map ``(1, h, w)`` of one frame; of its mirror image, mirrored back, if wanted."""
        camera = items.intrinsics if self.model.takes_camera else None
        image = items.image[0]
        if mirror:
            image = image.flip(-1)
            camera = None if camera is None else flip_intrinsics(camera, image.shape[-1])
        picture = (image.permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        known = None if camera is None else camera[0].double().cpu().numpy()
        where = f"the mirror image of '{items.names[0]}'" if mirror else f"'{items.names[0]}'"

        def make() -> Values:
            return predicted_map(self.model, np.ascontiguousarray(picture), known, where)

        values = self.cache.get(cache_key(f"{self.model.identity} {self.kind.stored}", picture, known), make)
        found = torch.from_numpy(in_quantity(values, self.kind, self.unit))[None]
        return found.flip(-1) if mirror else found

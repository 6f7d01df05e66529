"""Predicted cameras against the data set's cameras: the error of the horizontal field of view."""

from collections.abc import Sequence

import torch

from depthbench.errors import UserError
from depthbench.evaluation.added_scores import AddedScores, gathered
from depthbench.evaluation.predictors import CheckedMaps, Predictor
from depthbench.evaluation.test_set import EvaluationSet, Items
from depthbench.metrics.field_of_view import horizontal_field
from depthbench.protocols import EvalProtocol

ERROR, BIAS = "fov_error", "fov_bias"


class CameraScores:
    """Errors in degrees of each image, of one input.

    Args:
        predict: whose files or network give cameras.

    Raises:
        UserError: if it can't give any; when an image is added, if it gives none.
    """

    def __init__(self, predict: Predictor) -> None:
        if not isinstance(predict, CheckedMaps):
            raise UserError(
                "structure=fov needs predicted cameras, and a run predicts depth alone; leave it out, or score "
                "prediction files or another network."
            )
        self.files = predict.files
        self._errors: dict[int, float] = {}

    def add(self, items: Items) -> None:
        """One image with its true intrinsics."""
        (name,) = items.names
        found = self.files.camera(items)
        if found is None:
            raise UserError(
                f"structure=fov needs predicted cameras, and the prediction of '{name}' in {self.files.name} has none: "
                "give an array 'intrinsics' beside the map (npz, or a dict of a python: network), or points that are "
                "metric or up to scale."
            )
        assert items.intrinsics is not None  # looked at before
        true = horizontal_field(items.intrinsics.double().cpu(), items.image.shape[-1])
        predicted = horizontal_field(torch.from_numpy(found)[None], 1)
        self._errors[items.places[0]] = float(predicted - true)

    def scores(self, protocols: Sequence[EvalProtocol], count: int) -> dict[str, AddedScores]:
        """The errors of all processes under each protocol, none of which changes a camera."""
        bias = gathered({BIAS: self._errors}, count)[BIAS]
        return {protocol.name: {ERROR: bias.abs(), BIAS: bias} for protocol in protocols}


def lacks_cameras(test_set: EvaluationSet) -> str | None:
    """Why there is no error of cameras, in words after "needs"; None where there is one."""
    return None if test_set[0].intrinsics is not None else f"intrinsics of the camera, which {test_set.target} lacks"

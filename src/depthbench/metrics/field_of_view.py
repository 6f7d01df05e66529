"""Error of a predicted camera: the horizontal field of view."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from depthbench.metrics.kept_units import KeptMeans


def horizontal_field(intrinsics: Tensor, width: int) -> Tensor:
    """Angle ``(B,)`` in degrees that a camera ``(B, 3, 3)``, in pixels of an image this wide, sees horizontally.

    As ``2 atan(width / (2 fx))``, wherever the optical axis meets the image (MoGe's definition).
    """
    return (2 * torch.atan2(torch.as_tensor(width / 2.0), intrinsics[:, 0, 0].double())).rad2deg()


class FieldOfViewError(KeptMeans):
    """Error of the horizontal field of view in degrees: ``fov_error`` absolute, ``fov_bias`` signed, means over images.

    MoGe (Wang et al. 2025) reports it, and says itself that a fair number needs images cropped at random, since most
    data sets have one camera.

    Example:
        >>> import torch
        >>> from depthbench.metrics import FieldOfViewError
        >>> camera = torch.tensor([[[320.0, 0.0, 319.5], [0.0, 320.0, 239.5], [0.0, 0.0, 1.0]]])
        >>> metric = FieldOfViewError()
        >>> metric.update_cameras(camera * torch.tensor([[3**0.5], [1.0], [1.0]]), camera, width=640)
        >>> {name: round(value.item(), 3) for name, value in metric.compute().items()}
        {'fov_error': 30.0, 'fov_bias': -30.0, 'images': 1.0}
        >>> metric.update_cameras(camera, camera, width=640)
        >>> [round(limit, 3) for limit in metric.intervals()["fov_error"]]
        [0.0, 30.0]
    """

    higher_is_better = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(["fov_error", "fov_bias"], **kwargs)

    def update(self, prediction: Tensor, target: Tensor, width: int, names: Sequence[str] = ()) -> None:
        """Add predicted and true intrinsics ``(B, 3, 3)`` in pixels of images of one width, and the images' names."""
        error = horizontal_field(prediction, width) - horizontal_field(target, width)
        self.keep(torch.stack([error.abs(), error, torch.ones_like(error), torch.ones_like(error)], 1), names)

    def update_cameras(self, prediction: Tensor, target: Tensor, width: int, names: Sequence[str] = ()) -> None:
        """Another name of ``update``, for loops over metrics of several kinds."""
        self.update(prediction, target, width, names)

"""The only place that knows albumentations: any of its transforms, under the bench's rules.

The papers' policies need none of it: their lighting, zoom with depth and intrinsics are not there, and a color jitter
costs ten times as much.
"""

import difflib
import os
from typing import Any

import numpy as np
import torch

from depthbench.data.frame import Frame
from depthbench.errors import UserError
from depthbench.geometry import map_intrinsics

_CORNERS = np.array([[0.0, 0.0], [64.0, 0.0], [0.0, 64.0], [64.0, 64.0]])


class Albumentations:
    """One transform of albumentations 2, such as ``name: GaussNoise, std_range: [0.02, 0.1]``.

    Image and depth move together, depth by nearest neighbor; intrinsics follow affine maps and are dropped (None) where
    a map is none. Its random numbers come from the generator given.

    Args:
        name: a class of albumentations.
        arguments: of that class.

    Raises:
        UserError: if there is no such class, its arguments are wrong, or it would interpolate depth.
    """

    def __init__(self, name: str, **arguments: Any) -> None:
        albumentations = _library()
        kind = getattr(albumentations, name, None)
        if not (isinstance(kind, type) and issubclass(kind, albumentations.BasicTransform)):
            known = [key for key in dir(albumentations) if isinstance(getattr(albumentations, key), type)]
            near = " or ".join(difflib.get_close_matches(name, known)) or "one of its documentation"
            raise UserError(f"albumentations has no transform {name}; did you mean {near}?")
        try:
            transform = kind(**arguments)
        except (TypeError, ValueError) as error:
            raise UserError(f"albumentations.{name} refuses its arguments: {error}") from error
        if getattr(transform, "mask_interpolation", 0):
            raise UserError(f"albumentations.{name}: depth cannot be interpolated; remove mask_interpolation.")
        self.moves = isinstance(transform, albumentations.DualTransform)
        points = albumentations.KeypointParams(format="xy", remove_invisible=False) if self.moves else None
        self.compose = albumentations.Compose([transform], keypoint_params=points)

    def __call__(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """A new frame; the given one is not changed."""
        self.compose.set_random_seed(int(rng.integers(2**32)))
        image = np.ascontiguousarray(frame.image.numpy().transpose(1, 2, 0))
        given = {"image": image, "mask": frame.depth[0].numpy()} | ({"keypoints": _CORNERS} if self.moves else {})
        result = self.compose(**given)
        pixels = _affine(np.asarray(result["keypoints"], dtype=np.float64)) if self.moves else np.eye(3)
        return Frame(
            image=torch.from_numpy(np.ascontiguousarray(result["image"].transpose(2, 0, 1))).float(),
            depth=torch.from_numpy(np.ascontiguousarray(result["mask"]))[None],
            intrinsics=None if pixels is None else map_intrinsics(frame.intrinsics, pixels),
            name=frame.name,
        )


def _library() -> Any:
    """Imported when needed: it takes seconds, and asks the network for a newer version by default."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations


def _affine(moved: np.ndarray) -> np.ndarray | None:
    """The affine map (3, 3) that moved the corners, or None if none did."""
    origin, right, down, far = moved
    if np.abs(right + down - origin - far).max() > 0.05:
        return None
    return np.vstack([np.column_stack([(right - origin) / 64, (down - origin) / 64, origin]), [0, 0, 1]])

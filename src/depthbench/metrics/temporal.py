"""Consistency of depth over time: the temporal alignment error of Video Depth Anything."""

from typing import Any

import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.geometry import back_project
from depthbench.metrics.kept_units import KeptMeans


def carried_depth(depth: Tensor, intrinsics: Tensor, pose: Tensor, other_pose: Tensor) -> Tensor:
    """Depth of a frame ``(1, H, W)`` as another camera sees its points, ``(1, H, W)``; 0 where none falls.

    Points are rounded to pixels; where several fall on one, the last in the order of rows is kept, as in the released
    code: there is no depth test.

    Args:
        depth: metres, 0 = missing.
        intrinsics: ``(3, 3)``, pixel centers at integers, of both frames.
        pose: ``(4, 4)`` camera to world of the frame.
        other_pose: of the other.
    """
    height, width = depth.shape[-2:]
    points = back_project(depth[None].double(), intrinsics[None].double())[0].flatten(1)
    move = torch.linalg.inv(other_pose.double()) @ pose.double()
    moved = move[:3, :3] @ points + move[:3, 3:]
    projected = intrinsics.double() @ moved
    pixels = (projected[:2] / projected[2:]).round()
    size = torch.tensor([[width], [height]], device=depth.device)
    inside = ((pixels >= 0) & (pixels < size)).all(0) & (moved[2] > 0) & (depth.flatten() > 0)
    column, row = pixels[:, inside].long()
    place = row * width + column
    # Of writes to one place a device may keep any: the last is found by its number.
    last = torch.full((height * width,), -1, dtype=torch.int64, device=depth.device)
    numbers = torch.arange(len(place), device=depth.device)
    last.scatter_reduce_(0, place, numbers, "amax")
    values = torch.cat([moved[2, inside], moved.new_zeros(1)])  # -1 takes the zero
    return values[last].view(1, height, width)


def pair_errors(depth: Tensor, intrinsics: Tensor, poses: Tensor, valid: Tensor | None = None) -> Tensor:
    """AbsRel of each of two frames carried to the other, ``(2,)`` float64; NaN where they have no common pixel.

    Args:
        depth: ``(2, 1, H, W)``, 0 = missing.
        intrinsics: ``(2, 3, 3)``, pixel centers at integers.
        poses: ``(2, 4, 4)``, camera to world.
        valid: mask of the pixels that are compared.
    """
    errors = []
    for here, there in ((0, 1), (1, 0)):
        carried = carried_depth(depth[here], intrinsics[here], poses[here], poses[there])
        both = (carried > 0) & (depth[there] > 0)
        both = both if valid is None else both & valid[there]
        error = (carried - depth[there].double()).abs() / torch.where(both, depth[there].double(), 1.0)
        errors.append(torch.where(both, error, 0.0).sum() / both.sum())
    return torch.stack(errors)


def temporal_error(depth: Tensor, intrinsics: Tensor, poses: Tensor, valid: Tensor | None = None) -> Tensor:
    """TAE of a clip in percent (Chen et al. 2025; ``benchmark/eval/eval_tae.py`` of Video-Depth-Anything), a scalar.

    For each two frames that follow each other, the depth of one is carried to the other, both ways, and compared by
    AbsRel where both are positive; the mean of both ways, averaged over pairs, times 100. The depth must be aligned
    before, once for the whole clip.

    Args:
        depth: ``(T, 1, H, W)`` metres, 0 = missing.
        intrinsics: ``(T, 3, 3)`` or ``(3, 3)``, pixel centers at integers.
        poses: ``(T, 4, 4)``, camera to world.
        valid: mask of the same shape of the pixels that are compared.

    Raises:
        UserError: if there are not two frames, or as many poses as frames.

    Example:
        >>> import torch
        >>> from depthbench.metrics.temporal import temporal_error
        >>> wall = torch.stack([torch.full((1, 24, 32), 3.0), torch.full((1, 24, 32), 2.0)])
        >>> camera = torch.tensor([[40.0, 0.0, 15.5], [0.0, 40.0, 11.5], [0.0, 0.0, 1.0]])
        >>> poses = torch.eye(4).repeat(2, 1, 1)
        >>> poses[1, 2, 3] = 1.0  # a metre towards the wall
        >>> temporal_error(wall, camera, poses).item()
        0.0
    """
    if len(depth) < 2 or len(poses) != len(depth):
        raise UserError(f"TAE needs at least two frames and a pose for each, not {len(depth)} and {len(poses)} poses.")
    cameras = intrinsics.expand(len(depth), 3, 3)
    errors = []
    for first in range(len(depth) - 1):
        two = slice(first, first + 2)
        errors.append(pair_errors(depth[two], cameras[two], poses[two], None if valid is None else valid[two]))
    return 100 * torch.cat(errors).nanmean()


class TemporalError(KeptMeans):
    """TAE, mean over clips, in percent; see :func:`temporal_error`. :meth:`intervals` draws whole clips.

    Example:
        >>> import torch
        >>> from depthbench.metrics import TemporalError
        >>> metric = TemporalError()
        >>> camera = torch.tensor([[40.0, 0.0, 15.5], [0.0, 40.0, 11.5], [0.0, 0.0, 1.0]])
        >>> metric.update_clip(torch.full((3, 1, 24, 32), 2.0), camera, torch.eye(4).repeat(3, 1, 1))
        >>> metric.compute()["TAE"].item()
        0.0
    """

    higher_is_better = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(["TAE"], **kwargs)

    def update(
        self, depth: Tensor, intrinsics: Tensor, poses: Tensor, valid: Tensor | None = None, name: str = ""
    ) -> None:
        """Add a clip of this name; other arguments as for :func:`temporal_error`. ``images`` then counts clips."""
        error = temporal_error(depth, intrinsics, poses, valid)
        self.keep(torch.stack([error.nan_to_num(), error.isfinite()])[None], [name] if name else ())

    def update_clip(
        self, depth: Tensor, intrinsics: Tensor, poses: Tensor, valid: Tensor | None = None, name: str = ""
    ) -> None:
        """Another name of ``update``, for loops over metrics of several kinds."""
        self.update(depth, intrinsics, poses, valid, name)

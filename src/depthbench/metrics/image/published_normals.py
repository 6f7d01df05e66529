"""Normals in the numbers that tables of surface normals print, and relative normals (EvalMDE)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from depthbench.annotations import Annotations
from depthbench.errors import UserError
from depthbench.geometry import angle_between, back_project, depth_normals, whole_neighborhood
from depthbench.medians import masked_median
from depthbench.metrics.image.image_metric import AnnotatedMetric, ImageMetric, inside_border, mean_over_pixels

BOUNDS = (5.0, 7.5, 11.25, 22.5, 30.0)
"""Degrees below which shares are counted."""


def angle_names(kind: str) -> list[str]:
    """Names of the eight numbers."""
    return [f"{kind}_{name}" for name in ("mean", "median", "RMSE", *(f"below_{bound:g}" for bound in BOUNDS))]


def angle_scores(degrees: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """The eight numbers of angles ``(B, 1, H, W)`` under a mask, ``(B, 8)``, and where they are defined."""
    shares = [100 * mean_over_pixels((degrees < bound).double(), where) for bound in BOUNDS]
    median = masked_median(degrees.double(), where).nan_to_num()
    squares = mean_over_pixels(degrees.double() ** 2, where).sqrt()
    scores = torch.stack([mean_over_pixels(degrees, where), median, squares, *shares], 1)
    return scores, where.flatten(1).any(1, keepdim=True).expand_as(scores)


class SurfaceAngles(ImageMetric):
    """Angles between the normals of predicted and true depth: mean, median, RMSE, percent below 5 to 30 degrees.

    The numbers of tables of surface normals (Marigold, Metric3D v2, DSINE), here of the surfaces of two depth maps.
    Pixels whose 3x3 neighborhood is not wholly valid and inside the map are left out. Needs intrinsics.
    :class:`~depthbench.metrics.NormalError` gives the mean alone, and the cosine.

    Example:
        >>> import torch
        >>> from depthbench.metrics import SurfaceAngles
        >>> truth = torch.full((1, 1, 20, 30), 2.0)
        >>> camera = torch.tensor([[[60.0, 0.0, 14.5], [0.0, 60.0, 9.5], [0.0, 0.0, 1.0]]])
        >>> metric = SurfaceAngles()
        >>> metric.update(1.5 * truth, truth, intrinsics=camera)
        >>> metric.compute()["surface_below_5"].item()
        100.0
    """

    needs_intrinsics = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(angle_names("surface"), **kwargs)

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        where = inside_border(whole_neighborhood(valid), 1)
        degrees = angle_between(depth_normals(prediction, intrinsics), depth_normals(target, intrinsics)).rad2deg()
        return angle_scores(degrees, where)


class NormalAngles(AnnotatedMetric):
    """Angles of :class:`SurfaceAngles` against annotated normals; all visible surfaces are taken to face the camera.

    Pixels without an annotated normal (zero) or with a hole beside them are left out. Needs intrinsics and normals.

    Example:
        >>> import torch
        >>> from depthbench.annotations import Annotations
        >>> from depthbench.metrics import NormalAngles
        >>> truth = torch.full((1, 1, 20, 30), 2.0)
        >>> camera = torch.tensor([[[60.0, 0.0, 14.5], [0.0, 60.0, 9.5], [0.0, 0.0, 1.0]]])
        >>> normals = torch.tensor([0.0, 0.0, -1.0]).view(1, 3, 1, 1).expand(1, 3, 20, 30)
        >>> metric = NormalAngles()
        >>> metric.update(1.5 * truth, truth, intrinsics=camera, annotations=Annotations(normals=normals))
        >>> metric.compute()["normal_median"].item()
        0.0
    """

    needs_intrinsics = True
    needs = ("normals",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(angle_names("normal"), **kwargs)

    def score_annotated(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None, annotations: Annotations
    ) -> tuple[Tensor, Tensor]:
        """See :class:`AnnotatedMetric`."""
        assert intrinsics is not None
        assert annotations.normals is not None
        wanted = annotations.normals.double()
        known = (wanted != 0).any(1, keepdim=True)
        rays = back_project(torch.ones_like(target).double(), intrinsics.double())
        away = (wanted * rays).sum(1, keepdim=True).sign()
        found = depth_normals(prediction.double(), intrinsics)
        where = inside_border(whole_neighborhood(valid), 1) & known
        return angle_scores(angle_between(found, torch.where(away == 0, wanted, wanted * away)).rad2deg(), where)


class RelNormal(ImageMetric):
    """RelNormal of EvalMDE (Wen et al. 2025; ``evalmde/metrics/rel_normal.py``): radians.

    For pairs of pixels the angle between their two normals is taken in the prediction and in the truth; the error is
    the mean difference of the two angles, over four scales. At scale s, of each s x s block the valid pixel nearest to
    its center is kept, and the pixels of a pair are up to ``max(radius // s, 3)`` apart. A normal is the cross product
    of the unit vectors to the pixels two further along each axis. A pair whose normals the truth has and the prediction
    has not counts as pi. Pairs are the points of an unscrambled Sobol sequence, the same in every image of a size.
    Needs intrinsics.

    Args:
        pairs: at each scale.
        scales: sides of the blocks.
        radius: pixels.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import RelNormal
        >>> truth = 2 + torch.arange(600.0).reshape(1, 1, 20, 30).sin() / 10
        >>> camera = torch.tensor([[[60.0, 0.0, 14.5], [0.0, 60.0, 9.5], [0.0, 0.0, 1.0]]])
        >>> metric = RelNormal(pairs=1000)
        >>> metric.update(3 * truth, truth, intrinsics=camera)  # another scale, the same shapes
        >>> metric.compute()["RelNormal"].item() < 1e-3
        True
    """

    higher_is_better = False
    needs_intrinsics = True

    def __init__(
        self, pairs: int = 1_000_000, scales: Sequence[int] = (1, 2, 4, 8), radius: int = 32, **kwargs: Any
    ) -> None:
        super().__init__(["RelNormal"], **kwargs)
        if pairs < 1 or not scales or min(scales) < 1 or radius < 1:
            raise UserError(f"RelNormal needs pairs, scales and radius from 1 on, not {pairs}, {scales}, {radius}.")
        self.pairs, self.scales, self.radius = pairs, tuple(scales), radius

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        assert intrinsics is not None
        points = [back_project(maps.double(), intrinsics.double()) for maps in (prediction, target)]
        maps = torch.cat([*points, valid, prediction > 0], 1)
        errors = torch.stack([self._at(maps, scale) for scale in self.scales], 1)
        known = errors.isfinite()
        scores = errors.nan_to_num().sum(1, keepdim=True) / known.sum(1, keepdim=True).clamp(min=1)
        return scores, known.any(1, keepdim=True)

    def _at(self, maps: Tensor, scale: int) -> Tensor:
        """Error ``(B,)`` at a scale; NaN where the truth has no pair."""
        kept = one_per_block(maps, scale)
        known_t, known_p = kept[:, 6] > 0, (kept[:, 6] > 0) & (kept[:, 7] > 0)
        (p, has_p), (t, has_t) = (
            spaced_normals(kept[:, start : start + 3], known) for start, known in ((0, known_p), (3, known_t))
        )
        height, width = has_t.shape[-2:]
        if not height or not width:
            return torch.full((len(maps),), torch.nan, dtype=torch.float64, device=maps.device)
        radius = max(self.radius // scale, 3)
        first, second = sobol_pairs(height, width, self.pairs, min(radius, max(height, width)), str(maps.device))
        errors = []
        for image in range(len(maps)):  # a million pairs at a time
            in_t = has_t[image].flatten()[first] & has_t[image].flatten()[second]
            in_p = has_p[image].flatten()[first] & has_p[image].flatten()[second]
            angles = [_pair_angles(normals[image].flatten(1).T.contiguous(), first, second) for normals in (p, t)]
            error = torch.where(in_p, (angles[0] - angles[1]).abs(), torch.pi)
            errors.append(torch.where(in_t, error, 0.0).sum() / in_t.sum())
        return torch.stack(errors)


def _pair_angles(normals: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return (normals[first] * normals[second]).sum(1).clamp(-1, 1).acos()


def spaced_normals(points: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Unit normals ``(B, 3, H - 2, W - 2)`` of points ``(B, 3, H, W)``, and which of them there are."""
    corner, down, along = points[..., :-2, :-2], points[..., 2:, :-2], points[..., :-2, 2:]
    normals = torch.linalg.cross(F.normalize(down - corner, dim=1), F.normalize(along - corner, dim=1), dim=1)
    length = torch.linalg.vector_norm(normals, dim=1)
    whole = known[..., :-2, :-2] & known[..., 2:, :-2] & known[..., :-2, 2:]
    return normals / length.clamp(min=1e-5)[:, None], whole & (length > 1e-5)


def one_per_block(maps: Tensor, scale: int) -> Tensor:
    """The pixel of each ``scale`` x ``scale`` block nearest to its center among the valid ones (channel 6 of 8).

    Blocks are filled up with zeros beyond the map; ties go to the pixel that comes first.
    """
    if scale == 1:
        return maps
    height, width = maps.shape[-2:]
    padded = F.pad(maps, (0, -width % scale, 0, -height % scale))
    rows, columns = padded.shape[-2] // scale, padded.shape[-1] // scale
    blocks = padded.view(*maps.shape[:2], rows, scale, columns, scale).permute(0, 1, 3, 5, 2, 4).flatten(2, 3)
    offsets = torch.arange(scale, device=maps.device, dtype=torch.float64) - (scale - 1) / 2
    distance = torch.hypot(offsets[:, None], offsets).flatten()[:, None, None]
    nearest = torch.where(blocks[:, 6] > 0, distance, torch.inf).argmin(1)
    return blocks.gather(2, nearest[:, None, None].expand(-1, maps.shape[1], 1, -1, -1))[:, :, 0]


@lru_cache(maxsize=8)
def sobol_pairs(height: int, width: int, number: int, radius: int, device: str) -> tuple[Tensor, Tensor]:
    """Places in the flattened map of the two pixels of each pair, from an unscrambled Sobol sequence of 4 numbers."""
    engine: Any = torch.quasirandom.SobolEngine(4)  # type: ignore[no-untyped-call]
    found = []
    missing = number
    while missing > 0:
        draw = engine.draw(int(number * 1.1) + 1 if number < 10 else int(number * 1.1))
        first = draw[:, :2] * torch.tensor([height, width])
        second = first + (draw[:, 2:] * (2 * radius) - radius)
        pixels = torch.cat([first, second], 1).floor().long()
        limits = torch.tensor([height, width, height, width])
        pixels = pixels[((pixels >= 0) & (pixels < limits)).all(1)][:missing]
        found.append(pixels)
        missing -= len(pixels)
    row1, column1, row2, column2 = torch.cat(found).to(device).T
    return row1 * width + column1, row2 * width + column2

"""A loss that asks for the order of depths only."""

import torch
import torch.nn.functional as F
from torch import Tensor

from depthbench.errors import UserError
from depthbench.losses.map_loss import MapLoss
from depthbench.losses.reduction import OVER_IMAGES, Reduction
from depthbench.maps import DRAW_BITS, drawn_pixels, relation
from depthbench.output_kinds import LeftOpen


class Ranking(MapLoss):
    """Order of sampled pairs: ln(1 + exp(-r (zᵢ - zⱼ))), or (zᵢ - zⱼ)² where depths are equal (Chen et al. 2016).

    r is 1 where the first pixel of a pair is farther, -1 where the second is. Pairs are drawn anew at each call, in
    one draw for all images, uniformly from the valid pixels. The target is depth in metres, the prediction anything
    that grows with depth.

    Args:
        pairs: per image (3000 in Xian et al. 2018).
        tolerance: depths within this ratio count as equal (0.02 there).
        reduction: ``pixel`` or ``image``, which are one number here: every image gives the same number of pairs.

    Raises:
        UserError: if there are no pairs, or the tolerance is negative.

    Example:
        >>> import torch
        >>> from depthbench.losses import Ranking
        >>> target = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
        >>> bool(Ranking()(target, target) < Ranking()(-target, target))
        True
    """

    reductions = OVER_IMAGES

    def __init__(self, pairs: int = 3000, tolerance: float = 0.02, reduction: Reduction = "pixel") -> None:
        super().__init__(reduction)
        if pairs < 1 or tolerance < 0:
            raise UserError(f"Ranking needs pairs >= 1 and tolerance >= 0, not {pairs} and {tolerance}.")
        self.pairs, self.tolerance = pairs, tolerance

    @property
    def leaves_open(self) -> frozenset[LeftOpen]:
        """All but the order."""
        return frozenset({"scale", "shift", "order"})

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Mean over the pairs of all images that have a valid pixel."""
        mask = torch.ones_like(target, dtype=torch.bool) if valid is None else valid
        draw = torch.randint(2**DRAW_BITS, (2 * self.pairs,), device=target.device)
        place = drawn_pixels(mask, draw)
        (z_i, z_j), (d_i, d_j) = (maps.flatten(1).gather(1, place).chunk(2, dim=1) for maps in (prediction, target))
        order, difference = relation(d_i, d_j, self.tolerance), z_i - z_j
        error = torch.where(order == 0, difference.square(), F.softplus(-order * difference))
        present = mask.flatten(1).any(1, keepdim=True).expand_as(error)
        return self.reduce(error, present)

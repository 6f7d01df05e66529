"""Is the order of depths right: weighted human disagreement rate on sampled pairs."""

from typing import Any

import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.maps import DRAW_BITS, drawn_pixels, relation
from depthbench.metrics.image.image_metric import ImageMetric


class OrdinalError(ImageMetric):
    """WHDR with equal weights: share of pixel pairs whose relation (farther, nearer, equal) is predicted wrongly.

    Chen et al. 2016 and Xian et al. 2018 score annotated pairs; for dense truth pairs are drawn here uniformly from the
    valid pixels, the same draw for every image and process.

    Args:
        pairs: per image.
        tolerance: depths within this ratio count as equal (0.02 in Xian 2018).
        seed: of the draw.
        **kwargs: torchmetrics options.

    Example:
        >>> import torch
        >>> from depthbench.metrics import OrdinalError
        >>> truth = 1 + torch.arange(600.0).reshape(1, 1, 20, 30)
        >>> metric = OrdinalError()
        >>> metric.update(3 * truth, truth)  # another scale, the same order
        >>> metric.compute()["WHDR"].item()
        0.0
    """

    higher_is_better = False

    def __init__(self, pairs: int = 50_000, tolerance: float = 0.02, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(["WHDR"], **kwargs)
        if pairs < 1 or tolerance < 0:
            raise UserError(f"OrdinalError needs pairs >= 1 and tolerance >= 0, not {pairs} and {tolerance}.")
        self.tolerance = tolerance
        generator = torch.Generator().manual_seed(seed)
        self.draw: Tensor
        draw = torch.randint(2**DRAW_BITS, (2 * pairs,), generator=generator)  # integers, which .half() leaves alone
        self.register_buffer("draw", draw, persistent=False)

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor, intrinsics: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """See :class:`ImageMetric`."""
        place = drawn_pixels(valid, self.draw)
        wrong = self._relations(prediction, place) != self._relations(target, place)
        return wrong.double().mean(1, keepdim=True), valid.flatten(1).any(1, keepdim=True)

    def _relations(self, maps: Tensor, place: Tensor) -> Tensor:
        first, second = maps.flatten(1).gather(1, place).chunk(2, dim=1)
        return relation(first, second, self.tolerance)

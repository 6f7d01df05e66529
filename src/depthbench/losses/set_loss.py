"""The set loss of li2017: one image in several guises, which must all give the same depth."""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.losses.map_loss import left_open, set_reduction
from depthbench.losses.reduction import Reduction
from depthbench.losses.set_transforms import Warp
from depthbench.maps import at_least_float32
from depthbench.output_kinds import LeftOpen

SetRecord = list[Warp]


class SetLoss(nn.Module):
    """Error of each member of an image set, plus λ times their disagreement (li2017, eq. 2 to 4).

    The task makes the set and gives the loss its predictions::

        images, record = loss.expand(image)                # (N B, 3, H, W): all originals, then all flips, ...
        value = loss(network(images), target, valid, record)

    Disagreement is measured between the predictions brought back to the original's frame, over the pixels that are
    valid in the truth and inside both frames; it is 2/(N(N-1)) times the sum over all pairs.

    Args:
        distance: a loss ``(prediction, target, valid) -> scalar``; squared error in the paper.
        transforms: of ``depthbench.losses``: Mirror, ColorChange, Rotation, Translation; the set is the original and
            one guise by each, N = 1 + their number.
        weight: λ; 1 in the paper.
        reduction: of the distance; None leaves its own.

    Example:
        >>> import torch
        >>> from depthbench.losses import L2, ColorChange, Mirror, SetLoss
        >>> loss = SetLoss(L2(), [Mirror(), ColorChange()])
        >>> images, record = loss.expand(torch.rand(2, 3, 4, 6))
        >>> images.shape
        torch.Size([6, 3, 4, 6])
        >>> target = torch.ones(2, 1, 4, 6)
        >>> loss(torch.full((6, 1, 4, 6), 1.5), target, None, record)
        tensor(0.2500)
    """

    def __init__(
        self,
        distance: nn.Module,
        transforms: Sequence[Callable[[Tensor], tuple[Tensor, Warp]]],
        weight: float = 1.0,
        reduction: Reduction | None = None,
    ) -> None:
        super().__init__()
        if not transforms:
            raise UserError("A set loss needs at least one transformation beside the original.")
        self.distance, self.transforms, self.weight = distance, list(transforms), weight
        self.parts: dict[str, Tensor] = {}
        if reduction is not None:
            set_reduction(distance, reduction)

    @property
    def leaves_open(self) -> frozenset[LeftOpen]:
        """Changes that the distance does not see."""
        return left_open(self.distance)

    def expand(self, image: Tensor) -> tuple[Tensor, SetRecord]:
        """The set of each image: ``(B, 3, H, W) -> (N B, 3, H, W)``, and the record that :meth:`forward` needs."""
        members: list[tuple[Tensor, Warp]] = [(image, Warp())]
        members += [transform(image) for transform in self.transforms]
        return torch.cat([changed for changed, _ in members]), [warp for _, warp in members]

    def forward(
        self, prediction: Tensor, target: Tensor, valid: Tensor | None = None, record: SetRecord | None = None
    ) -> Tensor:
        """Return the loss of ``prediction (N B, C, h, w)`` against ``target (B, C, h, w)``, the original's truth.

        Args:
            prediction: member by member, as :meth:`expand` ordered the images.
            target: depth (C = 1) or gradients (C = 2).
            valid: bool mask of the target's shape.
            record: from :meth:`expand`; None where nothing was expanded (validation): then the plain distance.

        Raises:
            UserError: the prediction isn't N times the target.
        """
        if record is None:
            return self._noted(self.distance(prediction, target, valid), prediction.new_zeros((), dtype=torch.float32))
        if len(prediction) != len(record) * len(target):
            raise UserError(f"A set of {len(record)} needs {len(record) * len(target)} maps, got {len(prediction)}.")
        members = at_least_float32(prediction).chunk(len(record))
        mask = torch.ones_like(target[:, :1], dtype=torch.bool) if valid is None else valid.all(dim=1, keepdim=True)
        single = [
            self._error(member, at_least_float32(target), mask, warp)
            for member, warp in zip(members, record, strict=True)
        ]
        back = [warp.inverse(member) for member, warp in zip(members, record, strict=True)]
        pairs = [
            self.distance(a, b, (mask & in_a & in_b).expand_as(a))
            for (a, in_a), (b, in_b) in itertools.combinations(back, 2)
        ]
        return self._noted(torch.stack(single).mean(), torch.stack(pairs).mean())

    def _error(self, member: Tensor, target: Tensor, valid: Tensor, warp: Warp) -> Tensor:
        truth, inside = warp.forward(target)
        there, _ = warp.forward(valid.to(target.dtype))
        error: Tensor = self.distance(member, truth, (inside & (there > 0.5)).expand_as(truth))
        return error

    def _noted(self, single: Tensor, disagreement: Tensor) -> Tensor:
        self.parts = {"single": single.detach(), "disagreement": disagreement.detach()}
        return single + self.weight * disagreement

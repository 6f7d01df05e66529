"""The loss function space of lee2020: 13 kinds of loss at 6 scales."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.losses.map_loss import VARIANTS, Variant, check_choice, in_float32
from depthbench.losses.space.pyramid import pyramid
from depthbench.losses.space.terms_at_scale import KINDS, NORMALS, SLOPES, WINDOWS, ErrorMaps, Level, Sum
from depthbench.output_kinds import DETERMINED, LeftOpen

GROUPS = {
    "all": KINDS,
    "depth": ("D",),
    "mean_removed": ("M", *WINDOWS),
    "gradient": SLOPES,
    "normal": tuple(NORMALS),
}
SCALES = 6


class LossSpace(nn.Module):
    """All terms ``kind/scale`` between two depth maps, per image (lee2020, table 1 and section 3.1).

    Kinds: D (absolute), M, M5, M17, M65 (less the mean of the image, or of the n x n window), r, c, rr, rc, cc
    (differences along rows and columns), N, Nr, Nc (1 - cosine of the normals of the map, of its r, of its c).

    Args:
        variant: ``paper``: each scale halves the one before by 2x2 means, and pixels outside a map are holes (the
            text doesn't say: windows average pixels inside, differences with the outside don't exist). ``released``:
            each scale is interpolated from the full size (bicubic, no antialiasing), maps are extended by their
            border pixels (so that the last difference of a row is 0 and counts).
        kinds: names of kinds or of groups (``all``, ``depth``, ``mean_removed``, ``gradient``, ``normal``).
        scales: of 0 (full size) to 5.

    With a mask every term is the mean over the pixels that are valid at its scale: a 2x2 mean runs over the valid ones
    of its pixels and is valid if it has one (``released``: an interpolated pixel is valid if all 16 that it reads are);
    a window's mean runs over its valid pixels; a difference is valid if both its pixels are. The authors' code
    has no mask. A term without any valid pixel is 0, with gradient 0.

    Attributes:
        names: of the K terms, such as ``D/0`` or ``Nc/5``, scale by scale.

    Example:
        >>> import torch
        >>> from depthbench.losses import LossSpace
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> space = LossSpace(kinds=["D", "N"], scales=[0, 1])
        >>> space.names
        ['D/0', 'N/0', 'D/1', 'N/1']
        >>> space(prediction, target)[:, :3]
        tensor([[0.3750, 0.0145, 0.1250]])
    """

    def __init__(
        self,
        variant: Variant = "paper",
        kinds: str | Sequence[str] = "all",
        scales: Sequence[int] = tuple(range(SCALES)),
    ) -> None:
        super().__init__()
        self.variant = check_choice("variant", variant, VARIANTS)
        self.kinds, self.scales = _kinds(kinds), _scales(scales)
        self.names = [f"{kind}/{scale}" for scale in self.scales for kind in self.kinds]

    def forward(self, prediction: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """The terms ``(B, K)`` in the order of ``names``, of maps ``(B, 1, H, W)`` in metres.

        Raises:
            UserError: shapes differ, or the maps have several channels.
        """
        return self.with_counts(prediction, target, valid)[0]

    def left_open(self, names: Sequence[str]) -> frozenset[LeftOpen]:
        """Changes that none of these terms sees: the shift, unless D, the error of depth itself, is among them."""
        only_changes = names and all(name.partition("/")[0] not in GROUPS["depth"] for name in names)
        return frozenset({"shift"}) if only_changes else DETERMINED

    def with_counts(self, prediction: Tensor, target: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The terms ``(B, K)``, and over how many valid pixels each runs: ``(B, K)``."""
        sums = in_float32(self._sums, prediction, target, valid)
        totals = torch.stack([part.total for part in sums], dim=1)
        if valid is None:
            counts = totals.new_tensor([part.pixels for part in sums]).expand_as(totals)
        else:
            counts = torch.stack([torch.as_tensor(part.pixels) for part in sums], dim=1)
        return totals / counts.clamp(min=1), counts.to(totals.dtype)

    def _sums(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> list[Sum]:
        """One sum per name."""
        if prediction.shape[1] != 1:
            raise UserError(f"The loss space needs depth maps (B, 1, H, W), not {tuple(prediction.shape)}.")
        border = "hole" if self.variant == "paper" else "replicate"
        mask = None if valid is None else valid.to(prediction.dtype)
        errors = pyramid(prediction - target, mask, self.scales, self.variant)
        truths: list[Tensor | None] = [None] * len(self.scales)
        if any(kind in NORMALS for kind in self.kinds):
            truths = [values for values, _ in pyramid(target.detach(), mask, self.scales, self.variant)]
        sums = []
        for (error, present), truth in zip(errors, truths, strict=True):
            level = Level(ErrorMaps(error, truth, present), border).sums(self.kinds)
            sums += [level[kind] for kind in self.kinds]
        return sums


def _kinds(wanted: str | Sequence[str]) -> tuple[str, ...]:
    """The kinds of names and groups, in the paper's order, each once."""
    wanted = [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = [name for name in wanted if name not in GROUPS and name not in KINDS]
    if unknown or not wanted:
        raise UserError(f"kinds is {wanted}, but must name some of: {', '.join((*KINDS, *GROUPS))}.")
    chosen = {kind for name in wanted for kind in GROUPS.get(name, (name,))}
    return tuple(kind for kind in KINDS if kind in chosen)


def _scales(wanted: Sequence[int]) -> tuple[int, ...]:
    """The scales in ascending order, each once."""
    chosen = sorted(set(wanted))
    if not chosen or any(scale not in range(SCALES) for scale in chosen):
        raise UserError(f"scales is {list(wanted)}, but must be some of: {', '.join(map(str, range(SCALES)))}.")
    return tuple(chosen)

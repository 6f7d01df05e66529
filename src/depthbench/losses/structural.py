"""Losses that compare how depth changes between neighbors. e = prediction - target."""

import torch.nn.functional as F
from torch import Tensor

from depthbench.errors import UserError
from depthbench.geometry import one_minus_cosine_of_slopes, sobel, whole_neighborhood
from depthbench.losses.map_loss import VARIANTS, MapLoss, Variant, check_choice, check_positive
from depthbench.losses.reduction import OVER_IMAGES, Reduction
from depthbench.losses.space.pyramid import halved
from depthbench.losses.space.terms_at_scale import ErrorMaps, Level
from depthbench.output_kinds import DETERMINED, LeftOpen


def slopes(values: Tensor, valid: Tensor | None, operator: str) -> list[tuple[Tensor, Tensor | None]]:
    """Horizontal and vertical derivative, each with the mask of the pixels whose neighbors are valid too.

    ``sobel``: not normalized, zeros around the map, of the map's size. ``central``: x[i+1] - x[i-1] without the border
    pixels. ``forward``: x[i+1] - x[i], one pixel shorter. ``none``: the two channels are these derivatives already.
    """
    if operator == "none":
        return [(values[:, i : i + 1], None if valid is None else valid[:, i : i + 1]) for i in range(2)]
    if operator == "sobel":
        whole = None if valid is None else whole_neighborhood(valid)
        return [(slope, whole) for slope in sobel(values)]
    step = 1 if operator == "forward" else 2
    return [_across(values, valid, dim, step) for dim in (-1, -2)]


def _across(values: Tensor, valid: Tensor | None, dim: int, step: int) -> tuple[Tensor, Tensor | None]:
    length = max(values.shape[dim] - step, 0)
    start = values.shape[dim] - length
    slope = values.narrow(dim, start, length) - values.narrow(dim, 0, length)
    return slope, None if valid is None else valid.narrow(dim, start, length) & valid.narrow(dim, 0, length)


OPERATORS = ("forward", "central", "sobel")


def open_to(operator: str) -> frozenset[LeftOpen]:
    """Changes that a loss on these derivatives does not see: the shift; none with Sobel, which pads with zeros."""
    return frozenset({"shift"}) if operator in ("forward", "central") else DETERMINED


class Gradient(MapLoss):
    """Mean |∂x e| plus mean |∂y e| (alhashim2018, eq. 3).

    Args:
        operator: ``forward`` (alhashim2018, lee2020), ``central`` or ``sobel``; see :func:`slopes`.
        variant: ``paper`` averages over the differences that exist; ``released`` is alhashim2018's code, in which the
            last row and column have a difference of 0 and count (only with ``forward``).
        reduction: ``pixel``, ``image`` or ``holes_as_zero_error``; see :mod:`depthbench.losses.reduction`.

    Example:
        >>> import torch
        >>> from depthbench.losses import Gradient
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> Gradient()(prediction, target)
        tensor(1.5000)
    """

    def __init__(self, operator: str = "forward", variant: Variant = "paper", reduction: Reduction = "pixel") -> None:
        super().__init__(reduction)
        self.operator = check_choice("operator", operator, OPERATORS)
        self.variant = check_choice("variant", variant, VARIANTS if operator == "forward" else ("paper",))

    @property
    def leaves_open(self) -> frozenset[LeftOpen]:
        """See :func:`open_to`."""
        return open_to(self.operator)

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Sum of both directions' means."""
        error = prediction - target
        if self.variant == "released":
            error = F.pad(error, (0, 1, 0, 1), mode="replicate")
            if valid is not None:
                valid = F.pad(valid.float(), (0, 1, 0, 1), mode="replicate") > 0
        height, width = prediction.shape[-2:]
        total = error.new_zeros(())
        for slope, whole in slopes(error, valid, self.operator):
            inside = None if whole is None else whole[..., :height, :width]
            total = total + self.reduce(slope[..., :height, :width].abs(), inside)
        return total


class LogGradient(MapLoss):
    """Mean of ln(|∂x e| + α) plus mean of ln(|∂y e| + α): Hu et al., l_grad, in mehrzadeh2020 section 2.3.2.

    Args:
        alpha: α > 0.
        operator: see :func:`slopes`.
        variant: ``paper`` differentiates |e|, as mehrzadeh2020 prints it (with the magnitude of the derivative, without
            which the logarithm wouldn't exist); ``released`` is Hu et al.'s code, which differentiates e.
        reduction: ``pixel``, ``image`` or ``holes_as_zero_error``; see :mod:`depthbench.losses.reduction`.

    Example:
        >>> import torch
        >>> from depthbench.losses import LogGradient
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> LogGradient()(prediction, target)
        tensor(0.5890)
    """

    def __init__(
        self,
        alpha: float = 0.5,
        operator: str = "sobel",
        variant: Variant = "paper",
        reduction: Reduction = "pixel",
    ) -> None:
        super().__init__(reduction)
        self.alpha = check_positive("alpha", alpha)
        self.operator = check_choice("operator", operator, OPERATORS)
        self.variant = check_choice("variant", variant, VARIANTS)

    @property
    def leaves_open(self) -> frozenset[LeftOpen]:
        """See :func:`open_to`; the magnitude of a constant error is constant, too."""
        return open_to(self.operator)

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Sum of both directions' means."""
        error = prediction - target if self.variant == "released" else (prediction - target).abs()
        parts = [self.reduce((s.abs() + self.alpha).log(), whole) for s, whole in slopes(error, valid, self.operator)]
        return parts[0] + parts[1]


class SobelNormals(MapLoss):
    """Mean of 1 - cos between normals (-∂x, -∂y, 1) with Sobel derivatives: Hu et al., mehrzadeh2020 section 2.3.3.

    The derivative is not normalized (8 times the slope) and sees zeros around the map, as in Hu et al.'s code. With a
    mask it runs over the pixels whose 3x3 neighborhood is valid. For first and second order normals from forward
    differences, at any scale, take :class:`LossSpace` with the kinds N, Nr, Nc.

    Example:
        >>> import torch
        >>> from depthbench.losses import SobelNormals
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> SobelNormals()(prediction, target)
        tensor(0.0026)
    """

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Mean over the pixels."""
        (px, py), (tx, ty) = sobel(prediction), sobel(target)
        values = one_minus_cosine_of_slopes(px - tx, py - ty, tx, ty)
        return self.reduce(values, None if valid is None else whole_neighborhood(valid))


class MultiScaleGradient(MapLoss):
    """Gradient matching at several scales: the sum over scales of mean |∂x e| + |∂y e| (MiDaS, Ranftl et al. 2020).

    Args:
        scales: how many, each half the size of the one before (2x2 means over the valid pixels).
        reduction: of each direction and scale: ``image`` (over the images that have such a difference) or ``pixel``.

    Example:
        >>> import torch
        >>> from depthbench.losses import MultiScaleGradient
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> MultiScaleGradient()(prediction, target)
        tensor(1.5000)
    """

    reductions = OVER_IMAGES

    def __init__(self, scales: int = 4, reduction: Reduction = "image") -> None:
        super().__init__(reduction)
        self.scales = int(check_positive("scales", scales))

    @property
    def leaves_open(self) -> frozenset[LeftOpen]:
        """The shift."""
        return frozenset({"shift"})

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Sum over the scales."""
        error, mask = prediction - target, None if valid is None else valid.to(prediction.dtype)
        total = error.new_zeros(())
        for scale in range(self.scales):
            if scale > 0:
                error, mask = halved(error, mask)
            if min(error.shape[-2:]) < 2:
                break
            for part in Level(ErrorMaps(error, None, mask), "hole").sums(("r", "c")).values():
                total = total + self.over_sums(part.total, part.pixels)
        return total


class GradientDistance(MapLoss):
    """The distance of gradient maps of li2017, eq. 5: the mean of (∂x e)² + (∂y e)².

    Args:
        operator: ``central`` is [-1, 0, 1], the filter that li2017 names for its eq. 7; see :func:`slopes`. ``none``:
            the maps are gradients already, ``(B, 2, H, W)``, as the gradient stream predicts them and as
            :func:`depthbench.geometry.central_gradients` makes them from depth (li2017, eq. 6).
        reduction: ``pixel``, ``image`` or ``holes_as_zero_error``; see :mod:`depthbench.losses.reduction`.

    Example:
        >>> import torch
        >>> from depthbench.losses import GradientDistance
        >>> prediction, target = torch.tensor([[[[1.0, 2.0], [3.0, 5.0]]]]), torch.tensor([[[[1.0, 2.5], [3.0, 4.0]]]])
        >>> GradientDistance("forward")(prediction, target)
        tensor(1.7500)
    """

    def __init__(self, operator: str = "central", reduction: Reduction = "pixel") -> None:
        super().__init__(reduction)
        self.operator = check_choice("operator", operator, (*OPERATORS, "none"))

    @property
    def leaves_open(self) -> frozenset[LeftOpen]:
        """See :func:`open_to`."""
        return open_to(self.operator)

    def measure(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> Tensor:
        """Sum of both directions' mean squares."""
        if self.operator == "none" and prediction.shape[1] != 2:
            raise UserError(f"Gradient maps have two channels (B, 2, H, W), not {tuple(prediction.shape)}.")
        error = prediction - target
        parts = [self.reduce(s.square(), whole) for s, whole in slopes(error, valid, self.operator)]
        return parts[0] + parts[1]

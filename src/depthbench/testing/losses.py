"""Checks that every loss must pass."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.output_kinds import DETERMINED
from depthbench.testing.checks import Checks, require

Reference = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]], float]


class LossChecks(Checks):
    """Checks of a loss between maps: ``loss(prediction, target, valid) -> scalar``.

    Args:
        loss: to be checked.
        channels: of the prediction and of the target.
        size: of the maps, odd on purpose.

    Example:
        >>> from depthbench.losses import L1
        >>> checks = LossChecks(L1())
        >>> checks.failures()
        {}
        >>> checks.check_equals(lambda prediction, target, valid: abs(prediction - target)[valid].mean())
    """

    def __init__(self, loss: nn.Module, channels: tuple[int, int] = (1, 1), size: tuple[int, int] = (13, 17)) -> None:
        self.loss, self.channels, self.size = loss, channels, size

    def names(self) -> list[str]:
        """The names of all checks that need no reference."""
        return [name for name in super().names() if name != "equals"]

    def maps(
        self, share: float = 1.0, size: tuple[int, int] | None = None, dtype: torch.dtype = torch.float32
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Positive maps of two images and a mask with ``share`` of valid pixels; holes hold 0 in the truth."""
        generator = torch.Generator().manual_seed(7)
        shape = (2, self.channels[1], *(size or self.size))
        target = 0.5 + 8 * torch.rand(shape, generator=generator, dtype=torch.float64)
        noise = torch.randn((2, self.channels[0], *shape[2:]), generator=generator, dtype=torch.float64)
        prediction: Tensor = target.expand_as(noise) * (0.3 * noise).exp()
        if self.channels[0] > self.channels[1]:  # a log-variance
            prediction[:, 1:] = noise[:, 1:]
        valid = torch.rand(target.shape, generator=generator) < share
        return prediction.to(dtype), target.to(dtype) * valid, valid

    def value_and_gradient(self, prediction: Tensor, target: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        """The loss, which must be a scalar, and its gradient."""
        prediction = prediction.clone().requires_grad_()
        value = self.loss(prediction, target, valid)
        require(value.shape == (), f"the loss is of shape {tuple(value.shape)}, not a scalar")
        value.backward()
        require(prediction.grad is not None, "the prediction gets no gradient")
        assert prediction.grad is not None
        return value.detach(), prediction.grad

    def check_equals(self, reference: Reference, share: float = 0.7) -> None:
        """The loss equals a reference in float64, on full, holey and sparse maps.

        Args:
            reference: takes arrays (B, C, H, W) and a mask, and returns a number.
            share: of valid pixels.
        """
        for some in {1.0, share, 0.05}:
            prediction, target, valid = self.maps(some)
            value, _ = self.value_and_gradient(prediction, target, valid)
            wanted = float(reference(prediction.double().numpy(), target.double().numpy(), valid.numpy()))
            close = abs(value.item() - wanted) <= 2e-5 * abs(wanted) + 2e-6
            require(close, f"with {some:.0%} valid pixels the loss is {value.item():g}, the reference {wanted:g}")

    def check_no_mask_is_a_full_mask(self) -> None:
        """A mask may be left out."""
        prediction, target, valid = self.maps()
        torch.testing.assert_close(
            self.loss(prediction, target), self.loss(prediction, target, valid), rtol=1e-6, atol=1e-7
        )

    def check_an_image_without_a_valid_pixel_contributes_nothing(self) -> None:
        """Its gradient is 0, the other image's is not."""
        prediction, target, valid = self.maps(0.7)
        valid[1], target[1] = False, 0
        value, gradient = self.value_and_gradient(prediction, target, valid)
        require(value.isfinite(), f"the loss is {value.item()}")
        require(gradient[0].abs().sum() > 0, "the other image has no gradient")
        require((gradient[1] == 0).all(), "the image without a valid pixel has a gradient")

    def check_a_batch_without_a_valid_pixel_is_zero(self) -> None:
        """And no NaN."""
        value, gradient = self.value_and_gradient(*self.maps(0.0))
        require(value == 0, f"the loss is {value.item()}, not 0")
        require((gradient == 0).all(), "its gradient is not 0")

    def check_holes_have_no_influence(self) -> None:
        """Any value in them, on both maps: 0, negative numbers, infinity, NaN."""
        prediction, target, valid = self.maps(0.7)
        wanted, _ = self.value_and_gradient(prediction, target, valid)
        holes = ~valid.expand_as(prediction)
        for filler in (0.0, -3.0, float("inf"), float("nan")):
            filled = prediction.masked_fill(holes, filler), target.where(valid, -filler)
            value, gradient = self.value_and_gradient(*filled, valid)
            require(torch.equal(value, wanted), f"with {filler} in the holes the loss is {value.item()}, not {wanted}")
            require((gradient[holes] == 0).all(), f"with {filler} in the holes they get a gradient")
            require(gradient.isfinite().all(), f"with {filler} in the holes gradients are not finite")

    def check_halves_are_computed_in_float32(self) -> None:
        """Both 16-bit types are computed in float32, under autocast."""
        for dtype in (torch.float16, torch.bfloat16):
            prediction, target, valid = self.maps(0.7, dtype=dtype)
            wanted = self.loss(prediction.float(), target.float(), valid)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                value, gradient = self.value_and_gradient(prediction, target, valid)
            require(value.dtype == torch.float32, f"of {dtype} the loss is {value.dtype}")
            require(torch.equal(value, wanted.detach()), f"of {dtype} the loss is {value.item()}, not {wanted.item()}")
            require(gradient.dtype == dtype and gradient.isfinite().all(), f"the gradients of {dtype} are not finite")

    def check_tiny_maps_are_finite_or_refused(self) -> None:
        """Down to one pixel; a loss with windows may refuse them in a sentence."""
        for size in ((1, 1), (1, 7), (2, 3), (17, 5)):
            try:
                value, gradient = self.value_and_gradient(*self.maps(0.7, size))
            except UserError:
                continue
            require(value.isfinite() and gradient.isfinite().all(), f"of maps of {size} pixels it is not finite")

    def check_a_perfect_prediction_has_finite_gradients(self) -> None:
        """Also where a root or a norm has none."""
        _, target, _ = self.maps()
        _, gradient = self.value_and_gradient(target.expand(-1, self.channels[0], -1, -1), target, None)
        require(gradient.isfinite().all(), "they are not")

    def check_what_it_leaves_open(self) -> None:
        """``leaves_open`` names the changes of a perfect prediction that the loss does not see, and no others."""
        said, seen_at = getattr(self.loss, "leaves_open", DETERMINED), {1.0: self._seen(1.0)}
        if len(seen_at[1.0]) + len(said) < len(_CHANGES):  # perhaps only beside holes
            seen_at[0.7] = self._seen(0.7)
        for name in _CHANGES:
            seen = any(name in found for found in seen_at.values())
            doubt = "sees" if seen else "does not see"
            require(seen != (name in said), f"the loss {doubt} {name}, but leaves_open is {sorted(said) or 'empty'}")

    def _seen(self, share: float) -> set[str]:
        """The changes of a perfect prediction that make the loss larger."""
        _, target, valid = self.maps(share)
        perfect = target.where(valid, 1.0).expand(-1, self.channels[0], -1, -1)
        of_depth = slice(0, 1) if self.channels[0] > self.channels[1] else slice(None)
        least, seen = self._value(perfect, target, valid), set()
        for name, change in _CHANGES.items():
            changed = perfect.clone()
            changed[:, of_depth] = change(perfect[:, of_depth])
            if self._value(changed, target, valid) - least > 1e-5 * max(1.0, abs(least)):
                seen.add(name)
        return seen

    def _value(self, prediction: Tensor, target: Tensor, valid: Tensor) -> float:
        """The loss by the same random draws each time."""
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            return float(self.loss(prediction, target, valid))

    def check_shapes_that_differ_are_refused(self) -> None:
        """Refusal is a :class:`UserError`; broadcasting would compare the wrong pixels."""
        prediction, target, valid = self.maps()
        for given in ((prediction, target[..., 1:], valid[..., 1:]), (prediction, target, valid[..., 1:])):
            _refused(self.loss, *given)


_CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "scale": lambda depth: 2 * depth,
    "shift": lambda depth: depth + 0.7,
    "order": lambda depth: depth + 0.25 * depth.square(),  # steeper everywhere
}


def _refused(loss: nn.Module, *given: Any) -> None:
    try:
        loss(*given)
    except UserError:
        return
    shapes = ", ".join(str(tuple(one.shape)) for one in given)
    raise AssertionError(f"maps of {shapes} are taken")

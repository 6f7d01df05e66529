"""An alignment is an object: by which fit, of which parts, in which space and over which pixels it is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.medians import masked_percentile
from depthbench.output_kinds import OutputKind, Quantity
from depthbench.protocols.alignment import fits
from depthbench.protocols.alignment.applying import Limit, aligned_pixels
from depthbench.protocols.alignment.fit_kernel import Moments
from depthbench.protocols.alignment.fits import FittedLine, Numbers
from depthbench.protocols.alignment.pixels import FitPixels
from depthbench.protocols.alignment.ransac import ransac_line
from depthbench.protocols.alignment.samples import Rows
from depthbench.protocols.alignment.spaces import RECIPROCAL, SPACES, in_space

_Fit = Callable[["Alignment", Tensor, Tensor, Tensor | None], FittedLine]

FITS: dict[tuple[str, str], _Fit] = {
    ("median", "scale"): lambda own, x, y, w: fits.ratio_of_medians(x, y, w),
    ("lower_median", "scale"): lambda own, x, y, w: fits.ratio_of_medians(x, y, w, "lower"),
    ("median_of_ratios", "scale"): lambda own, x, y, w: fits.median_of_ratios(x, y, w),
    ("least_squares", "scale"): lambda own, x, y, w: fits.least_squares_scale(x, y, w),
    ("least_squares", "scale_shift"): lambda own, x, y, w: fits.least_squares_line(x, y, w, own.ridge),
    ("weighted_l1", "scale"): lambda own, x, y, w: fits.weighted_l1_scale(x, y, w),
    ("weighted_l1", "scale_shift"): lambda own, x, y, w: fits.weighted_l1_line(x, y, w, own.rounds or 50),
    ("huber", "scale_shift"): lambda own, x, y, w: fits.huber_line(x, y, w, own.rounds or 20),
    ("huber_squared", "scale_shift"): lambda own, x, y, w: fits.huber_line(x, y, w, own.rounds or 20, power=2),
    ("weiszfeld", "scale"): lambda own, x, y, w: fits.weiszfeld_scale(x, y, w, own.rounds or 10),
    ("ransac", "scale_shift"): lambda own, x, y, w: ransac_line(x, y, w, own.seed),
}
"""Fits by name and parts."""


class Declared(NamedTuple):
    """Facts about a prediction beside its values.

    Attributes:
        quantity: of its values.
        holes: whether NaN stands for a pixel without a prediction, which counts as a depth of 0; otherwise it is a
            network's output, and is not hidden.
        lines: fitted over more than an image, by :func:`~depthbench.protocols.equal_work.fit_key`.
    """

    quantity: Quantity = "depth"
    holes: bool = False
    lines: Mapping[object, FittedLine] = MappingProxyType({})

    def at(self, rows: slice) -> "Declared":
        """The declarations of some of the images."""
        return self._replace(lines={key: line.at(rows) for key, line in self.lines.items()}) if self.lines else self


AS_DEPTH = Declared()
"""Metres, all of them predicted."""

_MEDIANS = ("median", "lower_median")

_CHOICES: dict[str, tuple[str, ...]] = {
    "fit": ("none", *dict.fromkeys(name for name, _ in FITS)),
    "parts": ("scale", "scale_shift"),
    "space": tuple(SPACES),
    "weights": ("none", "inverse_truth"),
    "over": ("image", "sequence", "set"),
    "nonpositive": ("miss", "hit"),
}


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """Fit of a prediction to the truth before scoring.

    Over the valid pixels: the prediction and the truth are expressed in ``space``, a factor or a line is fitted, the
    prediction put through it, limited, and expressed as depth.

    Args:
        name: of the alignment; has no effect.
        fit: ``none``, or one of :data:`FITS`.
        parts: ``scale`` or ``scale_shift``.
        space: ``depth``, ``disparity`` (1 / depth), ``log`` or ``log1p`` (ln(1 + depth)).
        weights: ``none``, or ``inverse_truth``: pixels weigh 1 / their depth.
        trim: percentiles of the prediction, in its space, strictly between which pixels are fitted; None for all.
        sample: rows and columns of a grid: one pixel per cell is fitted, the valid one nearest to its center.
        max_side: of maps that are fitted; larger ones are scaled down by nearest first.
        positive_only: fit only where the prediction, in its space, is above 0.
        floor: the prediction, in its space, is raised to this first.
        ridge: on the normal equations of least squares with scale and shift.
        clamp: nearest and farthest depth of the aligned prediction, each a :data:`Limit`. In disparity the farthest
            is the least disparity, so a disparity below 0 becomes far.
        over: ``image``, ``sequence`` (frames of one folder) or ``set``: whose pixels share one fit.
        nonpositive: aligned depths of 0 and below are ``miss``es of delta; ``hit``: those below 0 are hits, as where
            code takes max(p / g, g / p) of a negative p.
        rounds: of reweighting; None for the fit's own number.
        seed: of random draws.

    Raises:
        UserError: for a value that does not exist, or fields that don't go together.

    Example:
        >>> import torch
        >>> from depthbench.protocols import Alignment
        >>> truth = torch.tensor([1.0, 2.0, 4.0]).reshape(1, 1, 1, 3)
        >>> disparity = 7 / truth + 0.9
        >>> fitted = Alignment(fit="least_squares", parts="scale_shift", space="disparity")
        >>> fitted.aligned(disparity, truth, truth > 0, "disparity").flatten().tolist()
        [1.0, 2.0, 4.0]
    """

    name: str = field(default="", compare=False)
    fit: str = "none"
    parts: str = "scale"
    space: Quantity = "depth"
    weights: str = "none"
    trim: Sequence[float] | None = None
    sample: Sequence[int] | None = None
    max_side: int | None = None
    positive_only: bool = False
    floor: float | None = None
    ridge: float = 0.0
    clamp: Sequence[Limit] | None = None
    over: str = "image"
    nonpositive: str = "miss"
    rounds: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for key, choices in _CHOICES.items():
            if getattr(self, key) not in choices:
                raise UserError(f"alignment.{key} is '{getattr(self, key)}'; choose one of {', '.join(choices)}.")
        if not isinstance(self.positive_only, bool):
            raise UserError(f"alignment.positive_only is {self.positive_only!r}; give true or false.")
        for key in ("trim", "sample", "clamp"):
            value = getattr(self, key)
            if value is not None:
                if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
                    raise UserError(f"alignment.{key} is {value!r}; give two values, or null.")
                object.__setattr__(self, key, tuple(value))
        self._check()

    def _check(self) -> None:
        if self.fit != "none" and (self.fit, self.parts) not in FITS:
            (can,) = {parts for name, parts in FITS if name == self.fit}
            raise UserError(f"alignment.fit={self.fit} finds alignment.parts={can} only.")
        if self.parts == "scale" and self.space in ("log", "log1p"):
            raise UserError(f"A factor of the {self.space} of depth is not a scale; give alignment.parts=scale_shift.")
        if self.over != "image" and (self.sample or self.max_side or self.trim):
            raise UserError(f"alignment.over={self.over} is fitted to all pixels; leave out sample, max_side and trim.")
        if self.over != "image" and "truth" in (self.clamp or ()):
            raise UserError(f"alignment.over={self.over} has no truth of one image to clamp to; give metres.")
        for limit in self.clamp or ():
            if not (limit in (None, "truth") or isinstance(limit, int | float)):
                raise UserError(f"alignment.clamp holds {limit!r}; give metres, truth or null.")

    def __str__(self) -> str:
        """Its name, or the fields that differ from the defaults."""
        defaults = {key: one.default for key, one in self.__dataclass_fields__.items()}
        changed = [f"{key}={getattr(self, key)}" for key in defaults if getattr(self, key) != defaults[key]]
        return self.name or ", ".join(changed) or "none"

    @property
    def undoes(self) -> frozenset[str]:
        """The unknowns of a prediction that this alignment removes, as :attr:`OutputKind.unknown` names it."""
        if self.fit == "none":
            return frozenset()
        scale = frozenset(() if self.space == "log1p" else ("scale",))
        return scale if self.parts == "scale" else scale | {f"affine_{self.space}"}

    def serves(self, kind: OutputKind) -> bool:
        """Whether a perfect prediction of this kind is a perfect one after the alignment."""
        return kind.is_metric or kind.unknown in self.undoes

    def aligned(
        self,
        prediction: Tensor,
        truth: Tensor,
        valid: Tensor,
        quantity: Quantity = "depth",
        line: FittedLine | None = None,
    ) -> Tensor:
        """Depth ``(B, 1, H, W)`` in metres, float32; not a number where an image has no valid pixel.

        Args:
            prediction: ``(B, 1, H, W)`` of a quantity.
            truth: metres.
            valid: bool mask of the pixels that are scored.
            quantity: of the prediction.
            line: that was fitted over more than the image (``over``); None fits each image.
        """
        return aligned_pixels(self, FitPixels(prediction, truth, valid, quantity), line)

    def raised(self, x: Tensor) -> Tensor:
        """The prediction in its space, not below the floor."""
        return x if self.floor is None else x.clamp(min=self.floor)

    @property
    def fitted_part(self) -> "Alignment":
        """This alignment as far as its line depends on it."""
        return _fitted_part(self)

    @property
    def rows_part(self) -> tuple[object, ...]:
        """The fields on which the pixels of a fit depend."""
        return self.space, self.floor, self.positive_only, self.sample, self.max_side, self.trim

    def kept(self, x: Tensor, finite: bool = False) -> Tensor | None:
        """Mask of the valid pixels ``(N,)`` to fit, by their prediction in the space; None for all.

        Args:
            x: the prediction.
            finite: whether all of it is known to be finite.
        """
        kept = None
        if self.space != "depth" and not finite and not bool(x.sum().isfinite()):
            kept = x.isfinite()  # a depth of 0 has no disparity and no logarithm
        if self.positive_only and len(x) and not bool(x.amin() > 0):
            kept = (x > 0) if kept is None else kept & (x > 0)
        if self.trim is None:
            return kept
        valid = torch.ones_like(x, dtype=torch.bool) if kept is None else kept
        return self.trimmed(x[None], x[None], valid[None])[2][0]

    def trimmed(self, x: Tensor, truth: Tensor, valid: Tensor) -> Rows:
        """Pixels ``(B, N)`` whose prediction lies strictly between the percentiles."""
        assert self.trim is not None
        low, high = (masked_percentile(x.double(), valid, percent)[:, None] for percent in self.trim)
        return x, truth, valid & (low < x) & (x < high)

    def line(self, x: Tensor, truth: Tensor, valid: Tensor) -> FittedLine:
        """The line of each row ``(B, N)``: prediction in its space, truth in metres, mask."""
        y = in_space(torch.where(valid, truth, 1.0), "depth", self.space)
        x = torch.where(valid, x, 1.0 if self.fit == "median_of_ratios" else 0.0)
        weight = valid.double()
        if self.weights == "inverse_truth":
            weight = weight / torch.where(valid, truth, 1.0)
        if self.precision is not None:
            x, y = x.to(self.precision), torch.where(valid, y, 0.0).to(self.precision)
        return FITS[self.fit, self.parts](self, x, y, weight)

    @property
    def needs_moments(self) -> bool:
        """Whether the line follows from :class:`~depthbench.protocols.alignment.fit_kernel.Moments`."""
        unchanged = self.weights == "none" and self.trim is None and self.floor is None
        return self.fit == "least_squares" and unchanged and self.space in RECIPROCAL

    def line_of_moments(self, found: Moments) -> Numbers:
        """The line of one image, where :attr:`needs_moments`; not a number where its pixels have no line."""
        return fits.line_of_moments(found, self.parts == "scale", self.ridge)

    @property
    def precision(self) -> torch.dtype | None:
        """The type of the fitted pixels; None for the type of the maps, in which medians select."""
        return None if self.fit in _MEDIANS else torch.float64

    def line_of(self, x: Tensor, truth: Tensor, y: Tensor) -> FittedLine:
        """The line of one image, of which all pixels ``(N,)`` are fitted: prediction, truth, truth in the space.

        Both sides have the :attr:`precision`.
        """
        weight = truth.double().reciprocal()[None] if self.weights == "inverse_truth" else None
        return FITS[self.fit, self.parts](self, x[None], y[None], weight)


@cache
def _fitted_part(alignment: Alignment) -> Alignment:
    return replace(alignment, name="", clamp=None, nonpositive="miss")

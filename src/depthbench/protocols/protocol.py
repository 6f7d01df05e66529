"""A protocol is an object: crop, range, mask, resize, flip, alignment, reduction, all by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from depthbench.annotations import Annotations
from depthbench.errors import UserError
from depthbench.filling import fill_cross_bilateral
from depthbench.maps import resize_nearest
from depthbench.metrics.pixel_pass import Interval
from depthbench.metrics.scores import DepthScores
from depthbench.output_kinds import OutputKind
from depthbench.protocols.alignment import AS_DEPTH, NAMED, Alignment, Declared, alignment_from
from depthbench.protocols.alignment.applying import aligned_pixels
from depthbench.protocols.alignment.pixels import FitPixels
from depthbench.protocols.equal_work import fit_key
from depthbench.protocols.field_checks import check_fields
from depthbench.protocols.regions import Box, Region, region_box
from depthbench.protocols.scored_maps import (
    ClampLimits,
    clamp_finite,
    crop,
    in_interval,
    moved_intrinsics,
    padded,
    resized,
    resized_truth,
    scored_interval,
)

PreparedMaps = tuple[Tensor, Tensor, Tensor]
"""Prediction, truth and mask, ``(B, 1, h, w)`` each."""


@dataclass(frozen=True, kw_only=True)
class EvalProtocol:
    """The rules that turn predictions into scores.

    In this order: the output is limited (``clamp_at="output"``), averaged with the prediction of the mirrored image
    (``flip_average``), resized to the truth, filled where it shows nothing (``fill_borders``), cropped, brought to the
    truth's scale over the valid pixels, limited (``clamp_at="scored"``) and compared.

    Args:
        name: of the protocol.
        region: the crop, as :func:`~depthbench.protocols.regions.region_box` reads it. A crop in pixels refuses a truth
            of another size.
        score_size: ``(height, width)`` to which the truth is brought first (nearest), or None for its own.
        min_depth: metres below which truth is not scored; None for no limit. Missing truth (0) never is.
        max_depth: metres above which truth is not scored; None for no limit.
        bounds: ``open``: a depth equal to a limit is not scored; ``closed``: it is.
        truth: ``filled`` or ``raw``: which depth the protocol is defined on. The reader of the data provides it.
        resize: how the prediction is brought to the truth's size: ``bilinear``, ``bicubic`` or ``nearest``.
        align_corners: for ``bilinear`` and ``bicubic``.
        clamp: limits of the prediction in metres, each a number or None; None for no limits. NaN and infinities are
            kept: a range would hide that a network diverged.
        clamp_at: ``scored``: after resizing and alignment; ``output``: before both, and with ``flip_average`` on each
            of the two predictions before they are averaged (as DenseDepth's code does).
        flip_average: average with the prediction of the mirrored image, see :meth:`average`.
        fill_borders: treatment of truth that the prediction does not cover: ``none``: a region must lie inside of
            the covered part; ``cross_bilateral``: the rest is filled from it under the guidance of the picture, by
            :func:`~depthbench.filling.fill_cross_bilateral` with its defaults.
        alignment: by name (:data:`~depthbench.protocols.alignment.NAMED`) or by the fields of
            :class:`~depthbench.protocols.Alignment`.
        reduction: ``image``, ``pixel`` or ``mse_image`` (see :class:`~depthbench.metrics.DepthMetric`).
        comparison: delta with ``<`` (``strict``) or ``<=`` (``inclusive``).
        swap_prediction_and_truth: exchange both in the scores of pixels, so that errors are divided by the prediction.
            Scores of structure and error profiles keep their sides.
        images: number of test images that published numbers have; None where it varies.
        version: raised whenever the same predictions would get other scores; written into every result.
        source: where the rules stand: paper, repository and file.
        data: name of the data set that they are of.
        split: of it.
        split_sha256: of the file that lists the split.

    Raises:
        UserError: for a value that does not exist, or limits in the wrong order.
    """

    name: str
    region: Region = "full"
    score_size: Sequence[int] | None = None
    min_depth: float | None = None
    max_depth: float | None = None
    bounds: str = "open"
    truth: str = "filled"
    resize: str = "bilinear"
    align_corners: bool = False
    clamp: Sequence[float | None] | None = None
    clamp_at: str = "scored"
    flip_average: bool = False
    fill_borders: str = "none"
    alignment: Alignment = NAMED["none"]
    reduction: str = "image"
    comparison: str = "strict"
    swap_prediction_and_truth: bool = False
    images: int | None = None
    version: int = 1
    source: str | None = None
    data: str | None = None
    split: str | None = None
    split_sha256: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "alignment", alignment_from(self.alignment))
        for field in ("region", "score_size", "clamp"):  # lists of a configuration, made hashable
            value = getattr(self, field)
            if isinstance(value, Sequence) and not isinstance(value, str):
                object.__setattr__(self, field, tuple(value))
        check_fields(vars(self))

    @property
    def limits(self) -> ClampLimits:
        """Limits of the prediction."""
        if self.clamp is None:
            return None, None
        return self.clamp[0], self.clamp[1]

    @property
    def strict(self) -> bool:
        """Delta with ``<``."""
        return self.comparison == "strict"

    def scores(self, **kwargs: Any) -> DepthScores:
        """An empty metric with this protocol's reduction and comparison."""
        return DepthScores(reduction=self.reduction, strict=self.strict, **kwargs)

    def average(self, prediction: Tensor, mirrored: Tensor) -> Tensor:
        """Mean of two predictions ``(B, 1, h, w)``, each limited first where the protocol limits outputs.

        Args:
            prediction: of the image.
            mirrored: of the mirrored image, mirrored back.
        """
        if self.clamp_at == "output":
            prediction, mirrored = (clamp_finite(maps.float(), self.limits) for maps in (prediction, mirrored))
        return 0.5 * (prediction + mirrored)

    def prepare(
        self,
        prediction: Tensor,
        truth: Tensor,
        covers: Region = "full",
        image: Tensor | None = None,
        declared: Declared = AS_DEPTH,
    ) -> PreparedMaps:
        """Prediction, truth and mask as they are scored.

        With ``swap_prediction_and_truth`` the first two are exchanged, so that they go into any metric as they come.

        Args:
            prediction: ``(B, 1, h, w)`` metres, any size.
            truth: ``(B, 1, H, W)`` metres, 0 = missing.
            covers: the part of the truth (of ``score_size``, where given) that the prediction shows, for networks
                that see a crop (``kb``, ``hu``).
            image: the picture ``(B, 3, h', w')`` of the whole truth, RGB in [0, 1], for ``fill_borders``.
            declared: the kind of the prediction, where it is not metric depth.

        Returns:
            Three maps ``(B, 1, h', w')`` of the region's size; the mask is bool.

        Raises:
            UserError: if the shapes are not those, the truth has another size than the region is defined on, the
                prediction does not cover the region, or its borders are to be filled without a picture.
        """
        truth = self.scored_truth(truth)
        box = self.box((truth.shape[-2], truth.shape[-1]), covers)
        prediction = self.fit(prediction, truth, covers, image)
        prediction, truth = crop(prediction, box), crop(truth, box)
        prediction, valid = self.limited(self.aligned(prediction, truth, declared)), self.mask(truth)
        return (truth, prediction, valid) if self.swap_prediction_and_truth else (prediction, truth, valid)

    def intrinsics(
        self, intrinsics: Tensor, image_size: tuple[int, int], truth_size: tuple[int, int], covers: Region = "full"
    ) -> Tensor:
        """Intrinsics ``(B, 3, 3)`` in pixels of the image -> in pixels of the maps that :meth:`prepare` returns.

        Args:
            intrinsics: of the image that the network saw.
            image_size: its height and width.
            truth_size: height and width of the truth that ``prepare`` is given.
            covers: as there.
        """
        size = truth_size if self.score_size is None else (self.score_size[0], self.score_size[1])
        box, shown = region_box(self.region, size), region_box(covers, size)
        return moved_intrinsics(intrinsics, image_size, shown, box)

    def annotations(self, annotations: Annotations) -> Annotations:
        """Annotations of the truth -> of the maps that :meth:`prepare` returns: resized by nearest and cropped."""

        def prepared(maps: Tensor) -> Tensor:
            if self.score_size is not None:
                maps = resize_nearest(maps.double(), (self.score_size[0], self.score_size[1])).to(maps.dtype)
            return crop(maps, region_box(self.region, (maps.shape[-2], maps.shape[-1])))

        return annotations.changed(prepared)

    def scored_truth(self, truth: Tensor) -> Tensor:
        """The truth at scoring size."""
        if truth.ndim != 4 or truth.shape[1] != 1:
            raise UserError(f"Expected depth maps (B, 1, H, W), got a truth of shape {tuple(truth.shape)}.")
        return truth if self.score_size is None else resized_truth(truth, (self.score_size[0], self.score_size[1]))

    def box(self, size: tuple[int, int], covers: Region = "full") -> Box:
        """The region's box on truth of this (scoring) size; it must lie in the part covered, or borders be filled."""
        box, shown = region_box(self.region, size), region_box(covers, size)
        if self.fill_borders != "none":
            return box
        if box[0] < shown[0] or box[1] > shown[1] or box[2] < shown[2] or box[3] > shown[3]:
            raise UserError(
                f"Protocol '{self.name}' scores rows {box[0]}:{box[1]}, columns {box[2]}:{box[3]}, but the prediction "
                f"covers only rows {shown[0]}:{shown[1]}, columns {shown[2]}:{shown[3]}; choose a protocol inside, "
                f"or protocol.region=[{shown[0]},{shown[1]},{shown[2]},{shown[3]}]."
            )
        return box

    def fit(self, prediction: Tensor, truth: Tensor, covers: Region = "full", image: Tensor | None = None) -> Tensor:
        """The prediction at the truth's size, float32; zeros where it covers nothing and nothing is filled."""
        if prediction.ndim != 4 or prediction.shape[:2] != truth.shape[:2]:
            raise UserError(
                f"Expected depth maps (B, 1, H, W) for {len(truth)} images, got a prediction of shape "
                f"{tuple(prediction.shape)}."
            )
        size = (truth.shape[-2], truth.shape[-1])
        top, bottom, left, right = shown = region_box(covers, size)
        prediction = prediction.float()
        if self.clamp_at == "output":
            prediction = clamp_finite(prediction, self.limits)
        prediction = resized(prediction, (bottom - top, right - left), self.resize, self.align_corners)
        placed = padded(prediction, shown, size)
        if placed is prediction or self.fill_borders == "none":
            return placed
        if image is None:
            raise UserError(
                f"Protocol '{self.name}' fills the borders of a prediction with the help of the picture, but got no "
                "picture; give one, or append protocol.fill_borders=none."
            )
        filled = fill_cross_bilateral(placed, image)
        filled[..., top:bottom, left:right] = prediction  # predictions stay, whatever their values
        return filled

    @property
    def interval(self) -> Interval:
        """Depths of the truth that are scored: present and within the range, limits included."""
        return scored_interval(self.min_depth, self.max_depth, self.bounds == "closed")

    def mask(self, truth: Tensor) -> Tensor:
        """Mask of truth that is present and within the range; bool."""
        return in_interval(truth, self.interval)

    def aligned(self, prediction: Tensor, truth: Tensor, declared: Declared = AS_DEPTH) -> Tensor:
        """Depth of the aligned prediction, 0 where it has holes; both are maps of the region."""
        if self.alignment.fit == "none" and declared == AS_DEPTH:
            return prediction
        return self.aligned_pixels(self.pixels(prediction, truth, declared), declared)

    def pixels(self, prediction: Tensor, truth: Tensor, declared: Declared = AS_DEPTH) -> FitPixels:
        """Maps of the region and the pixels that are scored, for any number of alignments."""
        valid = self.mask(truth)
        fitted = valid & ~prediction.isnan() if declared.holes else valid
        return FitPixels(prediction, truth, fitted, declared.quantity)

    def aligned_pixels(self, pixels: FitPixels, declared: Declared = AS_DEPTH) -> Tensor:
        """Like :meth:`aligned`, of :meth:`pixels` that other protocols may have asked for before."""
        depth = aligned_pixels(self.alignment, pixels, declared.lines.get(fit_key(self)) if declared.lines else None)
        return depth.masked_fill(pixels.prediction.isnan(), 0.0) if declared.holes else depth

    def limited(self, depth: Tensor) -> Tensor:
        """Aligned depth, limited to the scored range."""
        return clamp_finite(depth, self.limits) if self.clamp_at == "scored" else depth

    def refuses(self, kind: OutputKind) -> str | None:
        """The reason why predictions of a kind can't be scored so; None where a perfect one scores perfectly."""
        if not self.alignment.serves(kind):
            done = (
                "takes predictions as they are" if self.alignment.fit == "none" else f"has alignment={self.alignment}"
            )
            return f"Protocol '{self.name}' {done}, which is not a measure of {kind.words}."
        if kind.unknown and self.clamp_at == "output" and self.limits != (None, None):
            return (
                f"Protocol '{self.name}' limits predictions in metres before it aligns them, and {kind.words} has none."
            )
        return None

"""A batch as protocols see it: truths, predictions and pixels that they share are made once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from depthbench.errors import UserError
from depthbench.metrics.pixel_pass import Interval
from depthbench.metrics.pixel_sums import PRESENT, least_present
from depthbench.protocols.alignment import AS_DEPTH, Declared
from depthbench.protocols.alignment.pixels import FitPixels
from depthbench.protocols.equal_work import fit_key, per_pixel_key, pixels_key, resolved
from depthbench.protocols.protocol import EvalProtocol
from depthbench.protocols.regions import Box, Region, region_box
from depthbench.protocols.scored_maps import ClampLimits, crop


@dataclass
class SharedMaps:
    """A batch: predictions ``(B, 1, h, w)``, truth ``(B, 1, H, W)`` (or both kinds), and intermediate results.

    Attributes:
        prediction: metres.
        truth: metres, or by kind: ``{"filled": ..., "raw": ...}``.
        mirrored: prediction of the mirrored image, mirrored back; None where there is none (files), so that protocols
            that average take the prediction as it is.
        covers: the part of the truth that predictions show.
        image: ``(B, 3, h', w')`` RGB in [0, 1] of the whole truth, for protocols that fill borders.
        declared: the kind of the predictions, where it is not metric depth.
    """

    prediction: Tensor
    truth: Tensor | Mapping[str, Tensor]
    mirrored: Tensor | None = None
    covers: Region = "full"
    image: Tensor | None = None
    declared: Declared = AS_DEPTH
    _truths: dict[Any, Tensor] = field(default_factory=dict)
    _averages_by_limits: dict[Any, Tensor] = field(default_factory=dict)
    _extents: dict[Any, "_Extent"] = field(default_factory=dict)
    _pixels: dict[int, tuple[EvalProtocol, FitPixels]] = field(default_factory=dict)

    def part(self, rows: slice) -> "SharedMaps":
        """Some images of the batch."""
        truth = self.truth
        truth = truth[rows] if isinstance(truth, Tensor) else {kind: maps[rows] for kind, maps in truth.items()}
        mirrored, image = (None if maps is None else maps[rows] for maps in (self.mirrored, self.image))
        return SharedMaps(self.prediction[rows], truth, mirrored, self.covers, image, self.declared.at(rows))

    def predicted(self, protocol: EvalProtocol) -> Tensor:
        """The plain or the averaged prediction."""
        if self.mirrored is None or not protocol.flip_average:
            return self.prediction
        key = protocol.limits if protocol.clamp_at == "output" else None
        if key not in self._averages_by_limits:
            self._averages_by_limits[key] = protocol.average(self.prediction, self.mirrored)
        return self._averages_by_limits[key]

    def true(self, protocol: EvalProtocol) -> Tensor:
        """The truth as a protocol scores it, at its size.

        Raises:
            UserError: if its kind is not given.
        """
        key = (self._kind(protocol), protocol.score_size)
        if key not in self._truths:
            self._truths[key] = protocol.scored_truth(self.given(protocol))
        return self._truths[key]

    def acting(self, protocol: EvalProtocol) -> EvalProtocol:
        """The protocol as far as it acts on single pixels of these maps: the same object for all that share a pass."""
        if protocol.alignment.over != "image":  # whose line is known by its key
            return fit_key(self.chosen(protocol))
        true, (unlimited, unranged) = self.true(protocol), self._within(protocol)
        size = (true.shape[-2], true.shape[-1])
        return per_pixel_key(
            self.chosen(protocol),
            same_size=self.prediction.shape[-2:] == true.shape[-2:],
            whole=region_box(self.covers, size) == (0, size[0], 0, size[1]),
            unlimited=unlimited,
            unranged=unranged,
        )

    def facts(self, protocols: Iterable[EvalProtocol]) -> tuple[object, ...]:
        """Facts on which :meth:`acting` and the boxes of protocols depend: with equal facts both are the same."""
        covers = self.covers if isinstance(self.covers, str) else tuple(self.covers)
        known = {"": self.truth} if isinstance(self.truth, Tensor) else self.truth
        shapes = ((kind, truth.shape) for kind, truth in known.items())
        within = (self._within(protocol) for protocol in protocols)
        return covers, self.mirrored is None, self.prediction.shape, *shapes, *within

    def _within(self, protocol: EvalProtocol) -> tuple[bool, bool]:
        """Whether the protocol's limits change no prediction, and all truth lies in its range."""
        self.true(protocol)  # it is a map
        extent = self._extent(protocol)
        return extent.within(protocol.limits), extent.present_within(protocol.interval)

    def _extent(self, protocol: EvalProtocol) -> "_Extent":
        key = (self._averages(protocol), self._kind(protocol))
        if key not in self._extents:
            found = [maps for maps in (self.prediction, self.mirrored if key[0] else None) if maps is not None]
            self._extents[key] = _Extent.of(found, self.given(protocol))
        return self._extents[key]

    def chosen(self, protocol: EvalProtocol) -> EvalProtocol:
        """The protocol with the choice of prediction and truth that these maps leave it."""
        return resolved(protocol, self._averages(protocol), self._kind(protocol))

    def pixels(self, acting: EvalProtocol, around: Box) -> FitPixels:
        """Prediction, truth and scored pixels within a box, once for all alignments of them."""
        key = pixels_key(acting)
        if id(key) not in self._pixels:
            truth = self.true(acting)
            prediction = acting.fit(self.predicted(acting), truth, self.covers, self.image)
            self._pixels[id(key)] = key, acting.pixels(crop(prediction, around), crop(truth, around), self.declared)
        return self._pixels[id(key)][1]

    def _averages(self, protocol: EvalProtocol) -> bool:
        return protocol.flip_average and self.mirrored is not None

    def _kind(self, protocol: EvalProtocol) -> str:
        return "filled" if isinstance(self.truth, Tensor) else protocol.truth

    def given(self, protocol: EvalProtocol) -> Tensor:
        """The truth of the kind that a protocol is defined on; raises :class:`UserError` if there is none."""
        if isinstance(self.truth, Tensor):
            return self.truth
        if protocol.truth not in self.truth:
            raise UserError(
                f"Protocol '{protocol.name}' is defined on {protocol.truth} truth, but only {', '.join(self.truth)} "
                f"truth is given; leave it out or append protocol.truth={next(iter(self.truth))}."
            )
        return self.truth[protocol.truth]


class _Extent(NamedTuple):
    """Least and greatest prediction and present truth; None where asking would wait for a device."""

    prediction: Interval | None
    truth: Interval | None

    @classmethod
    def of(cls, predictions: Sequence[Tensor], truth: Tensor) -> "_Extent":
        if truth.device.type != "cpu":
            return cls(None, None)
        arrays = [maps.numpy() for maps in predictions]
        low, high = (float(edge([edge(one) for one in arrays])) for edge in (np.min, np.max))  # NaN, where one is
        return cls((low, high), (least_present(truth), float(truth.amax())))

    def within(self, limits: ClampLimits) -> bool:
        """Whether limits do nothing to the prediction; never where it is not finite."""
        low, high = (bound if limit is None else limit for bound, limit in zip(_EVERYTHING, limits, strict=True))
        found = self.prediction
        return limits == (None, None) or (found is not None and low <= found[0] and found[1] <= high)

    def present_within(self, interval: Interval) -> bool:
        """Whether all present truth lies in the interval."""
        found = self.truth
        return interval == PRESENT or (found is not None and interval[0] <= found[0] and found[1] <= interval[1])


_EVERYTHING = (float("-inf"), float("inf"))

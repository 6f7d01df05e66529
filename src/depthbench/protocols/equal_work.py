"""Equal work of protocols on the same maps: a protocol as far as one step of scoring depends on it.

Protocols with equal keys share the step. A key is a protocol with common values in all fields that don't matter. Equal
keys are one object, since a look at all fields takes as long as the sums of some rows.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from depthbench.protocols.alignment import NAMED

if TYPE_CHECKING:
    from depthbench.protocols.protocol import EvalProtocol

NOT_PIXELS: dict[str, Any] = {
    "name": "",
    "reduction": "image",
    "images": None,
    "version": 1,
    "source": None,
    "data": None,
    "split": None,
    "split_sha256": None,
}
"""Fields that don't change the values compared at a pixel, set to common values."""


_Key = TypeVar("_Key", bound=Callable[..., "EvalProtocol"])


class Itself:
    """A protocol that is equal to itself only."""

    __slots__ = ("protocol",)

    def __init__(self, protocol: "EvalProtocol") -> None:
        self.protocol = protocol

    def __hash__(self) -> int:
        return id(self.protocol)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and other.protocol is self.protocol


@lru_cache(maxsize=1024)
def _only(protocol: "EvalProtocol") -> "EvalProtocol":
    """One object for all equal ones."""
    return protocol


def _remembered(function: _Key) -> _Key:
    """Remember the function's value for the same object, and return one object for all that are equal."""

    def made(one: Itself, *rest: Any, **more: Any) -> "EvalProtocol":
        return _only(function(one.protocol, *rest, **more))

    known: Callable[..., EvalProtocol] = lru_cache(maxsize=256)(made)

    @wraps(function)
    def asked(protocol: "EvalProtocol", *rest: Any, **more: Any) -> "EvalProtocol":
        return known(Itself(protocol), *rest, **more)

    return cast(_Key, asked)


@_remembered
def fit_key(protocol: "EvalProtocol") -> "EvalProtocol":
    """The protocol as far as its alignment depends on it: equal keys have equal fits on equal predictions."""
    return replace(protocol, comparison="strict", swap_prediction_and_truth=False, **NOT_PIXELS)


@_remembered
def pixels_key(protocol: "EvalProtocol") -> "EvalProtocol":
    """The protocol as far as :meth:`EvalProtocol.pixels` depend on it."""
    clamp = protocol.clamp if protocol.clamp_at == "output" else None
    return replace(fit_key(protocol), alignment=NAMED["none"], clamp=clamp)


@_remembered
def resolved(protocol: "EvalProtocol", averages: bool, truth: str) -> "EvalProtocol":
    """The protocol with the choice of prediction and truth that is left where one of them is not given."""
    return replace(protocol, flip_average=averages, truth=truth)


@_remembered
def per_pixel_key(
    protocol: "EvalProtocol", same_size: bool, whole: bool, unlimited: bool, unranged: bool
) -> "EvalProtocol":
    """The protocol as far as it acts on single pixels of certain maps.

    Args:
        protocol: resolved.
        same_size: whether the prediction has the truth's size.
        whole: whether the prediction shows all of the truth.
        unlimited: whether the protocol's limits change no prediction.
        unranged: whether all truth lies in the protocol's range.
    """
    changes: dict[str, Any] = {"comparison": "strict", "swap_prediction_and_truth": False, **NOT_PIXELS}
    if whole:
        changes["fill_borders"] = "none"
    aligns = protocol.alignment.fit != "none"
    if not aligns:  # the fit is the region's; without it a region is only where sums are taken
        changes["region"] = "full"
    if same_size:
        changes |= {"resize": "bilinear", "align_corners": False}
    overshoots = protocol.resize == "bicubic" and not same_size and protocol.clamp_at == "scored"
    if not aligns and not overshoots and unlimited:
        changes |= {"clamp": None, "clamp_at": "scored"}
    if unranged:
        changes |= {"min_depth": None, "max_depth": None, "bounds": "open"}
    return replace(protocol, **changes)

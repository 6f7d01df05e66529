"""Compares the changes that a loss leaves open with the protocols that will score the network."""

from collections.abc import Iterable

from torch import nn

from depthbench.errors import UserError
from depthbench.losses.map_loss import left_open
from depthbench.output_kinds import OutputKind
from depthbench.protocols import EvalProtocol, refused_kind


def refuse_unmeasured(loss: nn.Module, kind: OutputKind, protocols: Iterable[EvalProtocol]) -> None:
    """Raise :class:`UserError` if a protocol is no measure of the kind that a loss determines."""
    for protocol in protocols:
        if reason := refused_kind(protocol, kind):
            found = left_open(loss)
            what = "all but the order of depths" if "order" in found else " and ".join(sorted(found))
            raise UserError(f"The loss ({type(loss).__name__}) leaves {what} open. {reason}")

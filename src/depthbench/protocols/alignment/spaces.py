"""Quantities in which a prediction can be aligned, and the ways between them and depth."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from depthbench.output_kinds import Quantity


class Space(NamedTuple):
    """A monotonic function of depth, and its inverse."""

    of_depth: Callable[[Tensor], Tensor]
    to_depth: Callable[[Tensor], Tensor]


SPACES: dict[Quantity, Space] = {
    "depth": Space(lambda depth: depth, lambda value: value),
    "disparity": Space(lambda depth: depth.reciprocal(), lambda value: value.reciprocal()),
    "log": Space(lambda depth: depth.log(), lambda value: value.exp()),
    "log1p": Space(lambda depth: depth.log1p(), lambda value: value.expm1()),
}


def in_space(values: Tensor, quantity: Quantity, space: Quantity) -> Tensor:
    """Values of a quantity in a space: as they are where both are the same, else through depth and in float64."""
    if quantity == space:
        return values
    return SPACES[space].of_depth(SPACES[quantity].to_depth(values.double()))

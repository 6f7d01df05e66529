"""Depth spaces: the meaning of a network's output, and the way to metres and back.

``activate`` belongs to the network (its last nonlinearity), ``to_depth`` and ``from_depth`` translate. All of them
compute in float32, whatever autocast or the weights say. Missing depth (0) has no place in most spaces:
``from_depth`` gives a finite filler there, and the mask comes from the depth (``depth > 0``), never from the space.
"""

import math

import torch
from torch import Tensor

from depthbench.output_kinds import Quantity


class MetricDepth:
    """The output is the depth in metres; nothing is bounded, so an output may be negative.

    Attributes:
        quantity: of which the output is a line: ``a quantity + b``.
        from_zero: whether b is 0.
    """

    quantity: Quantity = "depth"
    from_zero = True

    def activate(self, output: Tensor) -> Tensor:
        """Apply the network's last nonlinearity (none here)."""
        return output

    def to_depth(self, output: Tensor) -> Tensor:
        """Translate an output of the network into metres."""
        return output.float()

    def from_depth(self, depth: Tensor) -> Tensor:
        """Translate metres into the space; missing depth becomes a finite filler."""
        return depth.float()

    def up_to_scale(self, output: Tensor) -> Tensor:
        """Translate an output whose scale is not known into depth; limits in metres have no meaning then."""
        return self.to_depth(output)

    def bias(self, depth: float) -> float:
        """Give the value before ``activate`` that stands for ``depth`` metres."""
        return depth


class LogDepth(MetricDepth):
    """The output is the natural logarithm of metres; missing depth becomes 0.

    Args:
        limit: outputs are clamped to ±log(limit), so that depths stay in [1/limit, limit] metres.
    """

    quantity: Quantity = "log"

    def __init__(self, limit: float = 1000.0) -> None:
        self.limit = limit

    def to_depth(self, output: Tensor) -> Tensor:
        """Translate an output of the network into metres."""
        bound = math.log(self.limit)
        return output.float().clamp(-bound, bound).exp()

    def from_depth(self, depth: Tensor) -> Tensor:
        """Translate metres into the space; missing depth becomes a finite filler."""
        # where before log: the gradient at a hole would be NaN otherwise.
        return torch.where(depth > 0, depth, 1.0).float().log()

    def bias(self, depth: float) -> float:
        """Give the value before ``activate`` that stands for ``depth`` metres."""
        return math.log(depth)


class InverseDepth(MetricDepth):
    """The output is ``scale / depth`` (DenseDepth, alhashim2018 section 3.2); missing depth becomes 0.

    Args:
        scale: numerator in metres.
        min_depth: depths are clipped to [min_depth, max_depth] metres both ways; the paper's 0.4 (released: 0.1).
        max_depth: see ``min_depth``.
    """

    quantity: Quantity = "disparity"

    def __init__(self, scale: float = 10.0, min_depth: float = 0.4, max_depth: float = 10.0) -> None:
        self.scale, self.min_depth, self.max_depth = scale, min_depth, max_depth

    def to_depth(self, output: Tensor) -> Tensor:
        """Translate an output of the network into metres."""
        return self.scale / output.float().clamp(self.scale / self.max_depth, self.scale / self.min_depth)

    def from_depth(self, depth: Tensor) -> Tensor:
        """Translate metres into the space; missing depth becomes a finite filler."""
        return torch.where(depth > 0, self.scale / depth.float().clamp(self.min_depth, self.max_depth), 0.0)

    def up_to_scale(self, output: Tensor) -> Tensor:
        """Translate an output whose scale is not known into depth: infinite at 0 and below."""
        return self.scale / output.float().clamp(min=0)

    def bias(self, depth: float) -> float:
        """Give the value before ``activate`` that stands for ``depth`` metres."""
        return self.scale / depth


class TanhDepth(MetricDepth):
    """The output is tanh in [-1, 1] and metres are ``max_depth / 2 * (output + 1)`` (D3-Net 2018).

    Missing depth becomes -1; depth beyond ``max_depth`` lies beyond 1.
    """

    from_zero = False

    def __init__(self, max_depth: float = 10.0) -> None:
        self.max_depth = max_depth

    def activate(self, output: Tensor) -> Tensor:
        """Apply the network's last nonlinearity: tanh."""
        return output.tanh()

    def to_depth(self, output: Tensor) -> Tensor:
        """Translate an output of the network into metres."""
        return self.max_depth / 2 * (output.float() + 1)

    def from_depth(self, depth: Tensor) -> Tensor:
        """Translate metres into the space; missing depth becomes a finite filler."""
        return depth.float() * (2 / self.max_depth) - 1

    def bias(self, depth: float) -> float:
        """Give the value before ``activate`` that stands for ``depth`` metres."""
        return math.atanh(2 * depth / self.max_depth - 1)

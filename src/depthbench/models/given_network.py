"""Anybody's network of metres as a network of the bench."""

from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.models.depth_spaces import MetricDepth
from depthbench.models.depthnet import DepthModel


class GivenNetwork(DepthModel):
    """Any module that maps ``(B, 3, H, W)`` RGB in [0, 1] to depth ``(B, 1, h, w)`` in metres, at any size.

    Args:
        module: of the user; it normalizes pictures itself, if it wants them otherwise.

    Raises:
        UserError: when called, if the module gives something else.

    Example:
        >>> import torch
        >>> net = GivenNetwork(torch.nn.Conv2d(3, 1, 3, stride=2, padding=1))
        >>> net.predict(torch.rand(2, 3, 33, 40)).shape
        torch.Size([2, 1, 33, 40])
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__(MetricDepth())
        self.module = module

    def forward(self, image: Tensor) -> Tensor:
        """Depth in metres at the module's own size."""
        depth = self.module(image)
        if isinstance(depth, Tensor) and depth.ndim == 4 and depth.shape[:2] == (len(image), 1):
            return depth
        given = f"a tensor {tuple(depth.shape)}" if isinstance(depth, Tensor) else f"a {type(depth).__name__}"
        raise UserError(
            f"{type(self.module).__name__} gives {given} for images {tuple(image.shape)}; a network gives metres as a "
            "tensor (B, 1, h, w). Wrap it in a module that does."
        )


def as_depth_model(net: nn.Module) -> DepthModel:
    """A network of the bench as it is, any other module as an :class:`GivenNetwork`."""
    return net if isinstance(net, DepthModel) else GivenNetwork(net)

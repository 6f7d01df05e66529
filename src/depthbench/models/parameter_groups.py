"""Training a network whose encoder has been trained before."""

from typing import Any

from torch import nn

from depthbench.errors import UserError
from depthbench.models.encoder import Encoder


def parameter_groups(net: nn.Module, lr: float, encoder_factor: float = 0.1) -> list[dict[str, Any]]:
    """Give an optimizer's groups: every :class:`Encoder` at ``lr * encoder_factor``, everything else at ``lr``.

    Frozen parameters are left out.

    Raises:
        UserError: If the network has no encoder, or nothing is trainable.
    """
    encoders = [module for module in net.modules() if isinstance(module, Encoder)]
    if not encoders:
        raise UserError(f"`encoder_factor` needs a network with an encoder; {type(net).__name__} has none.")
    slow = {parameter for encoder in encoders for parameter in encoder.parameters()}
    encoder = [p for p in net.parameters() if p.requires_grad and p in slow]
    rest = [p for p in net.parameters() if p.requires_grad and p not in slow]
    groups = [{"params": encoder, "lr": lr * encoder_factor}, {"params": rest, "lr": lr}]
    groups = [group for group in groups if group["params"]]
    if not groups:
        raise UserError(f"All parameters of {type(net).__name__} are frozen; there is nothing to train.")
    return groups

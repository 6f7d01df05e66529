"""Training a network whose encoder has been trained before."""

from typing import Any

from torch import nn

from depthbench.errors import UserError


def parameter_groups(net: nn.Module, lr: float, encoder_factor: float = 0.1) -> list[dict[str, Any]]:
    """Give an optimizer's groups: the encoder at ``lr * encoder_factor``, everything else at ``lr``.

    Frozen parameters are left out.

    Raises:
        UserError: If the network has no ``encoder``, or nothing is trainable.
    """
    if not isinstance(getattr(net, "encoder", None), nn.Module):
        raise UserError(f"`encoder_factor` needs a network with an `encoder`; {type(net).__name__} has none.")
    encoder = [p for name, p in net.named_parameters() if p.requires_grad and name.startswith("encoder.")]
    rest = [p for name, p in net.named_parameters() if p.requires_grad and not name.startswith("encoder.")]
    groups = [{"params": encoder, "lr": lr * encoder_factor}, {"params": rest, "lr": lr}]
    groups = [group for group in groups if group["params"]]
    if not groups:
        raise UserError(f"All parameters of {type(net).__name__} are frozen; there is nothing to train.")
    return groups

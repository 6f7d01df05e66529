"""The loss function space of lee2020."""

from depthbench.losses.space.loss_space import LossSpace

__all__ = [
    "LossSpace",
]

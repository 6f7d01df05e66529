"""Ordinary training: one network, one loss."""

from depthbench.tasks.base import DepthTask


class Regression(DepthTask):
    """Minimize a loss between predicted and true depth. See :class:`DepthTask` for the arguments."""

"""Checks that every component must pass, without a test runner: for depthbench's components and for your own."""

from depthbench.testing.checks import Checks
from depthbench.testing.components import component_checks, components_of
from depthbench.testing.data import AugmentationChecks, DataChecks
from depthbench.testing.losses import LossChecks
from depthbench.testing.networks import NetworkChecks
from depthbench.testing.scores import MetricChecks, ProtocolChecks

__all__ = [
    "AugmentationChecks",
    "Checks",
    "DataChecks",
    "LossChecks",
    "MetricChecks",
    "NetworkChecks",
    "ProtocolChecks",
    "component_checks",
    "components_of",
]

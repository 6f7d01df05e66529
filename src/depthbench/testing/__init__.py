"""What every component must do, as checks that need no test runner: of the house's components, and of your own."""

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

"""Kinds of training, each a small LightningModule."""

from depthbench.tasks.adversarial import Adversarial
from depthbench.tasks.base import DepthTask
from depthbench.tasks.optimization import Constant, OneCycle, Optimization, Polynomial, Steps
from depthbench.tasks.regression import Regression
from depthbench.tasks.relative import Relative
from depthbench.tasks.set_regression import SetRegression
from depthbench.tasks.staged import Staged

__all__ = [
    "Adversarial",
    "Constant",
    "DepthTask",
    "OneCycle",
    "Optimization",
    "Polynomial",
    "Regression",
    "Relative",
    "SetRegression",
    "Staged",
    "Steps",
]

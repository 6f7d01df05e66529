"""Losses: every term of the five papers, the 78-term space, and how terms are weighted."""

from depthbench.losses.adversarial import AdversarialLoss
from depthbench.losses.pointwise import DBE, L1, L2, BerHu, Cauchy, Huber, LogError, LogL1, SquareRoot
from depthbench.losses.scale_invariant import Eigen, EigenGrad, ScaleShiftInvariant, SILog

__all__ = [
    "DBE",
    "L1",
    "L2",
    "AdversarialLoss",
    "BerHu",
    "Cauchy",
    "Eigen",
    "EigenGrad",
    "Huber",
    "LogError",
    "LogL1",
    "SILog",
    "ScaleShiftInvariant",
    "SquareRoot",
]

"""Losses: every term of the five papers, the 78-term space, and how terms are weighted."""

from depthbench.losses.adversarial import AdversarialLoss
from depthbench.losses.compose import WeightedSum, WeightedTerms
from depthbench.losses.meter import Meter, Trace
from depthbench.losses.pointwise import DBE, L1, L2, BerHu, Cauchy, Huber, LogError, LogL1, RelativeL1, SquareRoot
from depthbench.losses.ranking import Ranking
from depthbench.losses.scale_invariant import Eigen, EigenGrad, ScaleShiftInvariant, SILog
from depthbench.losses.sets import SetLoss
from depthbench.losses.space import LossSpace
from depthbench.losses.ssim import SSIM, SSIML1
from depthbench.losses.structural import Gradient, GradientDistance, LogGradient, MultiScaleGradient, SobelNormals
from depthbench.losses.transforms import ColorChange, Flip, Rotation, Translation
from depthbench.losses.uncertainty import Heteroscedastic
from depthbench.losses.weighting import Fixed, Rebalance, Uncertainty, Uniform, Weighting
from depthbench.losses.weights import (
    ConstantLambda,
    LinearLambda,
    SteppedLambda,
    initial_weights,
    rebalanced_weights,
)

__all__ = [
    "DBE",
    "L1",
    "L2",
    "SSIM",
    "SSIML1",
    "AdversarialLoss",
    "BerHu",
    "Cauchy",
    "ColorChange",
    "ConstantLambda",
    "Eigen",
    "EigenGrad",
    "Fixed",
    "Flip",
    "Gradient",
    "GradientDistance",
    "Heteroscedastic",
    "Huber",
    "LinearLambda",
    "LogError",
    "LogGradient",
    "LogL1",
    "LossSpace",
    "Meter",
    "MultiScaleGradient",
    "Ranking",
    "Rebalance",
    "RelativeL1",
    "Rotation",
    "SILog",
    "ScaleShiftInvariant",
    "SetLoss",
    "SobelNormals",
    "SquareRoot",
    "SteppedLambda",
    "Trace",
    "Translation",
    "Uncertainty",
    "Uniform",
    "WeightedSum",
    "WeightedTerms",
    "Weighting",
    "initial_weights",
    "rebalanced_weights",
]

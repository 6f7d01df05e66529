"""Losses: every term of the five papers, the 78-term space, and how terms are weighted."""

from depthbench.losses.adversarial import AdversarialLoss
from depthbench.losses.compose import WeightedSum, WeightedTerms
from depthbench.losses.heteroscedastic import Heteroscedastic
from depthbench.losses.map_loss import MapLoss
from depthbench.losses.period_means import PeriodMeans, PeriodSummary
from depthbench.losses.pointwise import (
    L1,
    L2,
    BerHu,
    Cauchy,
    DepthBalancedEuclidean,
    Huber,
    LogError,
    LogL1,
    RelativeL1,
    SquareRoot,
)
from depthbench.losses.ranking import Ranking
from depthbench.losses.reduction import HolesAsZeroError, ImageMean, PixelMean, Reducer
from depthbench.losses.scale_invariant import Eigen, EigenGrad, ScaleShiftInvariant, SILog
from depthbench.losses.set_loss import SetLoss
from depthbench.losses.set_transforms import ColorChange, Mirror, Rotation, Translation
from depthbench.losses.space.loss_space import LossSpace
from depthbench.losses.ssim import SSIM, SSIML1
from depthbench.losses.structural import Gradient, GradientDistance, LogGradient, MultiScaleGradient, SobelNormals
from depthbench.losses.weighting.rebalancing import (
    ConstantLambda,
    LinearLambda,
    SteppedLambda,
    initial_weights,
    rebalanced_weights,
)
from depthbench.losses.weighting.weighting import Fixed, Rebalance, Uncertainty, Uniform, Weighting

__all__ = [
    "L1",
    "L2",
    "SSIM",
    "SSIML1",
    "AdversarialLoss",
    "BerHu",
    "Cauchy",
    "ColorChange",
    "ConstantLambda",
    "DepthBalancedEuclidean",
    "Eigen",
    "EigenGrad",
    "Fixed",
    "Gradient",
    "GradientDistance",
    "Heteroscedastic",
    "HolesAsZeroError",
    "Huber",
    "ImageMean",
    "LinearLambda",
    "LogError",
    "LogGradient",
    "LogL1",
    "LossSpace",
    "MapLoss",
    "Mirror",
    "MultiScaleGradient",
    "PeriodMeans",
    "PeriodSummary",
    "PixelMean",
    "Ranking",
    "Rebalance",
    "Reducer",
    "RelativeL1",
    "Rotation",
    "SILog",
    "ScaleShiftInvariant",
    "SetLoss",
    "SobelNormals",
    "SquareRoot",
    "SteppedLambda",
    "Translation",
    "Uncertainty",
    "Uniform",
    "WeightedSum",
    "WeightedTerms",
    "Weighting",
    "initial_weights",
    "rebalanced_weights",
]

"""Metrics and protocols: predictions in, scores out."""

from depthbench.metrics.boundaries import BoundaryError
from depthbench.metrics.edges import EdgeScores
from depthbench.metrics.files import PredictionFiles, check_prediction, check_unit
from depthbench.metrics.functional import per_image, read_out
from depthbench.metrics.image_metric import ImageMetric
from depthbench.metrics.normals import NormalError
from depthbench.metrics.ordinal import OrdinalError
from depthbench.metrics.points import PointCloudError
from depthbench.metrics.protocol import Protocol, flip_intrinsics, predict_with_flip
from depthbench.metrics.scores import (
    RMSE,
    RMSESI,
    AbsRel,
    Delta,
    DepthMetric,
    DepthScores,
    Log10,
    RMSELog,
    SILog,
    SqRel,
)
from depthbench.metrics.ssim import MeanSSIM
from depthbench.metrics.statistics import (
    bootstrap_mean,
    compare,
    holm,
    paired_difference,
    sign_flip_test,
    wilcoxon_test,
)
from depthbench.metrics.structure import Camera, Structure
from depthbench.metrics.suite import ProtocolSuite
from depthbench.metrics.sums import masked_sums

__all__ = [
    "RMSE",
    "RMSESI",
    "AbsRel",
    "BoundaryError",
    "Camera",
    "Delta",
    "DepthMetric",
    "DepthScores",
    "EdgeScores",
    "ImageMetric",
    "Log10",
    "MeanSSIM",
    "NormalError",
    "OrdinalError",
    "PointCloudError",
    "PredictionFiles",
    "Protocol",
    "ProtocolSuite",
    "RMSELog",
    "SILog",
    "SqRel",
    "Structure",
    "bootstrap_mean",
    "check_prediction",
    "check_unit",
    "compare",
    "flip_intrinsics",
    "holm",
    "masked_sums",
    "paired_difference",
    "per_image",
    "predict_with_flip",
    "read_out",
    "sign_flip_test",
    "wilcoxon_test",
]

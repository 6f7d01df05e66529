"""Metrics: predictions in, scores out."""

from depthbench.metrics.functional import per_image, read_out
from depthbench.metrics.image.boundaries import BoundaryError
from depthbench.metrics.image.edges import EdgeScores
from depthbench.metrics.image.image_metric import ImageMetric
from depthbench.metrics.image.normals import NormalError
from depthbench.metrics.image.order import OrdinalError
from depthbench.metrics.image.points import PointCloudError
from depthbench.metrics.image.ssim import MeanSSIM
from depthbench.metrics.pixel_sums import masked_sums
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

__all__ = [
    "RMSE",
    "RMSESI",
    "AbsRel",
    "BoundaryError",
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
    "RMSELog",
    "SILog",
    "SqRel",
    "masked_sums",
    "per_image",
    "read_out",
]

"""Metrics: predictions in, scores out."""

from depthbench.metrics.functional import per_image, read_out
from depthbench.metrics.image.boundaries import BoundaryError
from depthbench.metrics.image.edges import EdgeScores
from depthbench.metrics.image.image_metric import AnnotatedMetric, ImageMetric
from depthbench.metrics.image.normals import NormalError
from depthbench.metrics.image.occlusion import DepthProBoundaryF1, DepthProMaskRecall, MoGeBoundaryF1
from depthbench.metrics.image.order import OrdinalError
from depthbench.metrics.image.planes import PlanarityError
from depthbench.metrics.image.points import PointCloudError
from depthbench.metrics.image.published_clouds import SYNSPointCloud, UniDepthPointCloud
from depthbench.metrics.image.published_edges import (
    DirectedDepthError,
    IBimsBoundaryError,
    MDECEdgeError,
    SharpDepthBoundaryError,
    SoftEdgeError,
)
from depthbench.metrics.image.published_normals import NormalAngles, RelNormal, SurfaceAngles
from depthbench.metrics.image.published_order import SAWAH, WKDR
from depthbench.metrics.image.published_points import MoGeLocalPointError, MoGePointError
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
    "SAWAH",
    "WKDR",
    "AbsRel",
    "AnnotatedMetric",
    "BoundaryError",
    "Delta",
    "DepthMetric",
    "DepthProBoundaryF1",
    "DepthProMaskRecall",
    "DepthScores",
    "DirectedDepthError",
    "EdgeScores",
    "IBimsBoundaryError",
    "ImageMetric",
    "Log10",
    "MDECEdgeError",
    "MeanSSIM",
    "MoGeBoundaryF1",
    "MoGeLocalPointError",
    "MoGePointError",
    "NormalAngles",
    "NormalError",
    "OrdinalError",
    "PlanarityError",
    "PointCloudError",
    "RMSELog",
    "RelNormal",
    "SILog",
    "SYNSPointCloud",
    "SharpDepthBoundaryError",
    "SoftEdgeError",
    "SqRel",
    "SurfaceAngles",
    "UniDepthPointCloud",
    "masked_sums",
    "per_image",
    "read_out",
]

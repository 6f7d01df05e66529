"""Metrics: predictions in, scores out."""

from depthbench.annotated_pairs import AnnotatedPairs, read_da2k
from depthbench.metrics.extended import MAE, DeltaAUC, FineDelta, InverseMAE, InverseRMSE, LogMAE
from depthbench.metrics.field_of_view import FieldOfViewError
from depthbench.metrics.functional import per_image, read_out
from depthbench.metrics.image.boundaries import BoundaryError
from depthbench.metrics.image.edges import EdgeScores
from depthbench.metrics.image.image_metric import AnnotatedMetric, ImageMetric
from depthbench.metrics.image.median_log import MedianLogError
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
from depthbench.metrics.ordered_pairs import PairAccuracy
from depthbench.metrics.pixel_sums import masked_sums
from depthbench.metrics.robustness import (
    depth_estimation_error,
    errors_of_images,
    mean_corruption_error,
    mean_resilience_rate,
)
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
from depthbench.metrics.temporal import TemporalError, temporal_error

__all__ = [
    "MAE",
    "RMSE",
    "RMSESI",
    "SAWAH",
    "WKDR",
    "AbsRel",
    "AnnotatedMetric",
    "AnnotatedPairs",
    "BoundaryError",
    "Delta",
    "DeltaAUC",
    "DepthMetric",
    "DepthProBoundaryF1",
    "DepthProMaskRecall",
    "DepthScores",
    "DirectedDepthError",
    "EdgeScores",
    "FieldOfViewError",
    "FineDelta",
    "IBimsBoundaryError",
    "ImageMetric",
    "InverseMAE",
    "InverseRMSE",
    "Log10",
    "LogMAE",
    "MDECEdgeError",
    "MeanSSIM",
    "MedianLogError",
    "MoGeBoundaryF1",
    "MoGeLocalPointError",
    "MoGePointError",
    "NormalAngles",
    "NormalError",
    "OrdinalError",
    "PairAccuracy",
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
    "TemporalError",
    "UniDepthPointCloud",
    "depth_estimation_error",
    "errors_of_images",
    "masked_sums",
    "mean_corruption_error",
    "mean_resilience_rate",
    "per_image",
    "read_da2k",
    "read_out",
    "temporal_error",
]

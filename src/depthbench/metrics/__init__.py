"""Metrics and protocols: predictions in, scores out."""

from depthbench.metrics.functional import masked_sums, per_image, read_out
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

__all__ = [
    "RMSE",
    "RMSESI",
    "AbsRel",
    "Delta",
    "DepthMetric",
    "DepthScores",
    "Log10",
    "Protocol",
    "RMSELog",
    "SILog",
    "SqRel",
    "flip_intrinsics",
    "masked_sums",
    "per_image",
    "predict_with_flip",
    "read_out",
]

"""Depth for photos and videos."""

from depthbench.inference.command_line import InputFile, PredictRequest, read_predict_request

__all__ = [
    "InputFile",
    "PredictRequest",
    "read_predict_request",
]

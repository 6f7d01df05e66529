"""Bringing a prediction to the truth's scale before scoring, per image and over valid pixels only."""

import torch
from torch import Tensor

from depthbench.medians import masked_median


def median_scaled(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Prediction times ``median(truth) / median(prediction)`` of each image (monodepth2; DenseDepth's "scaled" row)."""
    ratio = masked_median(target, valid) / masked_median(prediction, valid)
    return prediction * ratio[:, None, None, None]


def scale_shift_aligned(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """``s * prediction + b`` with the s and b of each image that minimize the squared error in depth.

    Solved in float64. A constant prediction becomes the truth's mean.
    """
    p = torch.where(valid, prediction, 0.0).double().flatten(1)
    t = torch.where(valid, target, 0.0).double().flatten(1)
    weight = valid.flatten(1).double()
    count = weight.sum(1, keepdim=True)
    p_mean, t_mean = p.sum(1, keepdim=True) / count, t.sum(1, keepdim=True) / count
    p_centered, t_centered = (p - p_mean) * weight, (t - t_mean) * weight
    variance = (p_centered**2).sum(1, keepdim=True)
    scale = (p_centered * t_centered).sum(1, keepdim=True) / torch.where(variance > 0, variance, 1.0)
    aligned = scale[..., None, None] * (prediction.double() - p_mean[..., None, None]) + t_mean[..., None, None]
    return aligned.to(prediction.dtype)

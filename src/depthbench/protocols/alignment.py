"""Bringing a prediction to the truth's scale before scoring, per image and over valid pixels only."""

import torch
from torch import Tensor


def masked_median(values: Tensor, valid: Tensor) -> Tensor:
    """Median of the valid pixels of each image, ``(B, C, H, W) -> (B,)``, as numpy's: the mean of the middle two.

    NaN where nothing is valid.
    """
    rows = torch.where(valid, values.float(), float("inf")).flatten(1)
    count = valid.flatten(1).sum(1)
    if values.device.type == "cpu":  # selecting takes half the time of sorting, but must know the counts
        found = [(row, int(n)) for row, n in zip(rows, count, strict=True)]
        middle = [(_least(row, (n + 1) // 2) + _least(row, n // 2 + 1)) / 2 for row, n in found]
        median = torch.stack(middle) if middle else rows.new_zeros(0)
    else:
        places = torch.stack([(count - 1) // 2, count // 2], 1).clamp(min=0, max=rows.shape[1] - 1)
        median = rows.sort(dim=1).values.gather(1, places).mean(1)
    return torch.where(count > 0, median, float("nan"))


def _least(row: Tensor, k: int) -> Tensor:
    """The k-th smallest value, from 1."""
    return row.kthvalue(min(max(k, 1), len(row))).values


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

"""Independent numpy float64 references and made-up maps."""

import numpy as np
import pytest
import torch


def scores_of(prediction, truth, valid, strict=True):
    """All standard scores of one image, written as the formulas are, one after the other."""
    p, t = np.float64(prediction)[valid], np.float64(truth)[valid]
    ratio = np.maximum(p / t, t / p)
    below = np.less if strict else np.less_equal
    log = np.log(p) - np.log(t)
    variance = np.mean(log**2) - np.mean(log) ** 2
    return {
        "delta1": below(ratio, 1.25).mean(),
        "delta2": below(ratio, 1.25**2).mean(),
        "delta3": below(ratio, 1.25**3).mean(),
        "AbsRel": np.mean(np.abs(p - t) / t),
        "SqRel": np.mean((p - t) ** 2 / t),
        "SqRel_textbook": np.mean((p - t) ** 2 / t**2),
        "RMSE": np.sqrt(np.mean((p - t) ** 2)),
        "RMSElog": np.sqrt(np.mean(log**2)),
        "log10": np.mean(np.abs(np.log10(p) - np.log10(t))),
        "RMSlog10": np.sqrt(np.mean((np.log10(p) - np.log10(t)) ** 2)),
        "RMSE_si": np.std(log),
        "SILog": 100 * np.sqrt(variance),
        "SILog_depth_anything_v2": np.sqrt(np.mean(log**2) - 0.5 * np.mean(log) ** 2),
        "SILog_unidepth": np.std(log, ddof=1) if log.size > 1 else 0.0,
        "SILog_eigen2014": np.mean(log**2) - 0.5 * np.mean(log) ** 2,
        "SILog_adabins": 10 * np.sqrt(variance + 0.15 * np.mean(log) ** 2),
    }


def extended_scores_of(prediction, truth, valid, strict=True):
    """The extended scores of one image."""
    p, t = np.float64(prediction)[valid], np.float64(truth)[valid]
    ratio = np.maximum(p / t, t / p)
    below = np.less if strict else np.less_equal
    log = np.log(p) - np.log(t)
    exponents = np.linspace(0.01, 5, 100)
    return {
        "MAE": np.mean(np.abs(p - t)),
        "iMAE": 1000 * np.mean(np.abs(1 / p - 1 / t)),
        "iRMSE": 1000 * np.sqrt(np.mean((1 / p - 1 / t) ** 2)),
        "LogMAE": 100 * np.mean(np.abs(log)),
        "delta0.5": below(ratio, 1.25**0.5).mean(),
        "delta0.125": below(ratio, 1.25**0.125).mean(),
        "tau": below(ratio, 1.03).mean(),
        "d_auc": np.trapezoid([below(ratio, 1.25**exponent).mean() for exponent in exponents], exponents) / 5,
        "SILog_unidepth_100": 100 * np.std(log, ddof=1) if log.size > 1 else 0.0,
    }


@pytest.fixture
def reference():
    return scores_of


@pytest.fixture
def maps():
    """Make ``(prediction, truth, valid)``: truth from 0.5 to 9.5 m with holes, prediction 20 % off."""

    def make(batch=3, height=37, width=53, holes=0.3, seed=0):
        generator = torch.Generator().manual_seed(seed)
        truth = 0.5 + 9 * torch.rand(batch, 1, height, width, generator=generator)
        prediction = truth * (0.05 + 0.2 * torch.randn(truth.shape, generator=generator)).exp()
        truth = truth.where(torch.rand(truth.shape, generator=generator) >= holes, 0.0)
        return prediction, truth, truth > 0

    return make

"""Robustness to corruptions as RoboDepth scores it: mCE and mRR from the scores of each corruption and severity.

Kong et al. 2023 (RoboDepth, NeurIPS), ``README.md`` of its repository. All are functions of tables of scores: no maps.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from depthbench.errors import UserError

Errors = Mapping[str, Sequence[float]]
"""Depth estimation errors by corruption, one for each severity (five as published)."""

_ANYWHERE = ("brightness", "dark", "contrast", "defocus", "glass", "motion", "zoom", "elastic", "color_quant")
NYU_C = (*_ANYWHERE, "gaussian", "impulse", "shot", "iso", "pixelate", "jpeg")
KITTI_C = (*NYU_C, "fog", "frost", "snow")
"""Corruptions of the two sets."""


def depth_estimation_error(abs_rel: float, delta1: float, variant: str = "DEE2") -> float:
    """One number of AbsRel and delta1: ``DEE1`` AbsRel - delta1 + 1, ``DEE2`` half of it, ``DEE3`` AbsRel / delta1.

    RoboDepth's tables use DEE2.

    Example:
        >>> from depthbench.metrics.robustness import depth_estimation_error
        >>> depth_estimation_error(0.25, 0.75)
        0.25
    """
    if variant not in ("DEE1", "DEE2", "DEE3"):
        raise UserError(f"Depth estimation errors are DEE1, DEE2 and DEE3, not {variant}.")
    if variant == "DEE3":
        return abs_rel / delta1 if delta1 else math.inf
    return (abs_rel - delta1 + 1) / (2 if variant == "DEE2" else 1)


def errors_of_images(abs_rel: Mapping[str, float], delta1: Mapping[str, float], variant: str = "DEE2") -> Errors:
    """Errors by corruption and severity from the scores of images called ``CORRUPTION/SEVERITY/NAME``.

    Scores are averaged over the images of a severity first. So are the images of ``data=nyu_c`` and ``data=kitti_c``
    called, in ``per_image=images.csv``.

    Args:
        abs_rel: AbsRel by image.
        delta1: likewise.
        variant: of :func:`depth_estimation_error`.

    Raises:
        UserError: if an image is called otherwise, or has one of the scores only.

    Example:
        >>> from depthbench.metrics.robustness import errors_of_images
        >>> abs_rel = {"fog/1/a": 0.1, "fog/1/b": 0.2, "fog/2/a": 0.3}
        >>> errors = errors_of_images(abs_rel, dict.fromkeys(abs_rel, 0.9))
        >>> {name: [round(error, 3) for error in row] for name, row in errors.items()}
        {'fog': [0.125, 0.2]}
    """
    if abs_rel.keys() != delta1.keys():
        raise UserError(f"{min(abs_rel.keys() ^ delta1.keys())} has only one of AbsRel and delta1.")
    cells: dict[str, dict[int, list[str]]] = {}
    for name in abs_rel:
        corruption, _, rest = name.partition("/")
        severity = rest.partition("/")[0]
        if not severity.isdecimal():
            raise UserError(f"{name} is not called CORRUPTION/SEVERITY/NAME, as images of data=nyu_c and kitti_c are.")
        cells.setdefault(corruption, {}).setdefault(int(severity), []).append(name)
    found: dict[str, list[float]] = {}
    for corruption, severities in cells.items():
        for _, names in sorted(severities.items()):
            error, hits = (float(np.mean([scores[name] for name in names])) for scores in (abs_rel, delta1))
            found.setdefault(corruption, []).append(depth_estimation_error(error, hits, variant))
    return found


def mean_corruption_error(errors: Errors, baseline: Errors) -> float:
    """mCE, percent: mean over corruptions of the sum over severities, divided by the baseline's sum.

    Args:
        errors: of the model.
        baseline: of the model that scores 100: MonoDepth2 (ResNet-18) for KITTI-C, AdaBins (EfficientNet-B5) for NYU-C.

    Raises:
        UserError: if the two are not of the same corruptions and severities.

    Example:
        >>> from depthbench.metrics.robustness import mean_corruption_error
        >>> mean_corruption_error({"fog": [0.1, 0.2], "dark": [0.3, 0.3]}, {"fog": [0.2, 0.4], "dark": [0.3, 0.3]})
        75.0
    """
    _check(errors, "the model")
    if {name: len(row) for name, row in errors.items()} != {name: len(row) for name, row in baseline.items()}:
        raise UserError(
            f"mCE needs the same corruptions and severities of the model ({', '.join(errors)}) and of the baseline "
            f"({', '.join(baseline)})."
        )
    return float(100 * np.mean([np.sum(row) / np.sum(baseline[name]) for name, row in errors.items()]))


def mean_resilience_rate(errors: Errors, clean: float) -> float:
    """mRR, percent: mean over corruptions of ``1 - error`` (mean over severities), divided by that of clean images.

    Args:
        errors: of the model.
        clean: error of the model on images that are not corrupted.

    Example:
        >>> from depthbench.metrics.robustness import mean_resilience_rate
        >>> round(mean_resilience_rate({"fog": [0.2, 0.4], "dark": [0.4, 0.4]}, clean=0.2), 4)
        81.25
    """
    _check(errors, "the model")
    return float(100 * np.mean([(1 - np.mean(row)) / (1 - clean) for row in errors.values()]))


def _check(errors: Errors, whose: str) -> None:
    if not errors or not all(len(row) for row in errors.values()):
        raise UserError(f"There are no errors of {whose}; give one for each corruption and severity.")

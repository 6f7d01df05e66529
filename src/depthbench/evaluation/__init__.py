"""Scoring predictions: test sets, predictors, tables; and of arrays in memory.

The modules that score import torch, which takes seconds; the command line does not need it.
"""

from typing import TYPE_CHECKING, Any

from depthbench.config.compose import names_of
from depthbench.evaluation.command_line import EvaluateRequest, read_evaluate_request
from depthbench.evaluation.inputs import Input

if TYPE_CHECKING:
    from depthbench.evaluation.arrays import ArrayScores, score_arrays

__all__ = ["ArrayScores", "EvaluateRequest", "Input", "names_of", "read_evaluate_request", "score_arrays"]


def __getattr__(name: str) -> Any:
    if name in ("ArrayScores", "score_arrays"):
        from depthbench.evaluation import arrays

        return getattr(arrays, name)
    raise AttributeError(f"module {__name__} has no attribute {name}")

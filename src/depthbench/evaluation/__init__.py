"""Scoring predictions: test sets, predictors, tables.

The face holds the command line alone; the modules that score import torch.
"""

from depthbench.evaluation.command_line import Input, Request, names_of, read_request

__all__ = ["Input", "Request", "names_of", "read_request"]

"""Scoring as a command: what is asked for here, the answer in :mod:`depthbench.scoring.answer`, which imports torch."""

from depthbench.scoring.request import Input, Request, names_of, read_request

__all__ = ["Input", "Request", "names_of", "read_request"]

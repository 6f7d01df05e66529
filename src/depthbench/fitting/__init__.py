"""The whole recipe from Python: objects or names in, a trained network and its scores out."""

from depthbench.fitting.whole_recipe import FitResult, fit

__all__ = ["FitResult", "fit"]

"""Intervals, paired tests, many comparisons, power laws: one room for evaluate and report (numpy and scipy only)."""

from depthbench.stats.comparison import Comparison, compare

__all__ = ["Comparison", "compare"]

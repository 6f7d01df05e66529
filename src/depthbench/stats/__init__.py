"""Intervals, paired tests, many comparisons: one room for evaluate and report."""

from depthbench.stats.paired import bootstrap_mean, compare, holm, paired_difference, sign_flip_test, wilcoxon_test

__all__ = [
    "bootstrap_mean",
    "compare",
    "holm",
    "paired_difference",
    "sign_flip_test",
    "wilcoxon_test",
]

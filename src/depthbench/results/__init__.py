"""A result that others can take: one model on one data set under one protocol, as a file with a schema.

``evaluate`` writes it, ``report`` and :func:`read_results` read it; no predictions are needed any more. From it come
blocks for model cards. Nothing here imports torch.
"""

from depthbench.results.reading import read_results
from depthbench.results.records import DataRecord, ModelRecord, Result, RulesRecord

__all__ = ["DataRecord", "ModelRecord", "Result", "RulesRecord", "read_results"]

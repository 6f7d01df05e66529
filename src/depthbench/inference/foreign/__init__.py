"""Networks that are not of this bench: functions, transformers models, ONNX files; and our own by one name."""

from depthbench.inference.foreign.opened import ForeignModel, open_model

__all__ = ["ForeignModel", "open_model"]

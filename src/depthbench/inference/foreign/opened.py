"""The common interface of all networks, and the class that opens each."""

import torch

from depthbench.errors import UserError
from depthbench.evaluation.foreign_maps import ForeignModel
from depthbench.evaluation.model_source import ModelOptions, ModelSource
from depthbench.output_kinds import OutputKind

__all__ = ["ForeignModel", "open_model"]


def open_model(source: ModelSource, options: ModelOptions, device: torch.device) -> ForeignModel:
    """The network of a source, ready to predict.

    Raises:
        UserError: if there is none, it can't be read, a package is missing, or its kind of output is not known.
    """
    # Each brings its own packages, which take seconds to import.
    if source.form == "python":
        from depthbench.inference.foreign.function import FunctionModel

        return FunctionModel(source, options)
    if source.form == "hf":
        from depthbench.inference.foreign.transformers_model import TransformersModel

        return TransformersModel(source, options, device)
    if source.form == "onnx":
        from depthbench.inference.foreign.onnx_model import OnnxModel

        return OnnxModel(source, options, device)
    from depthbench.inference.foreign.own_network import OwnNetwork

    return OwnNetwork(source, options, device)


def agreed_kind(source: ModelSource, declared: OutputKind | None, said: OutputKind | None) -> OutputKind:
    """The kind that a network declares or, where it declares none, that the user says.

    Raises:
        UserError: if both are silent, or contradict each other.
    """
    if declared and said and declared != said:
        raise UserError(
            f"model={source.text} declares that it predicts {declared.words}, not kind={said}; leave kind out."
        )
    if found := declared or said:
        return found
    raise UserError(
        f"model={source.text} does not declare its kind of output; append kind=... (metric_depth, scale_depth, "
        "affine_depth, affine_disparity, metric_points ...)."
    )

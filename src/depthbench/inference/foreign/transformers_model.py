"""Depth models of the library transformers, with their own image processors."""

import importlib
import importlib.util
import inspect
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from depthbench.errors import UserError, reason_of
from depthbench.evaluation.model_source import ModelOptions, ModelSource
from depthbench.images import Picture
from depthbench.inference.foreign.opened import agreed_kind
from depthbench.inference.hub import pull
from depthbench.output_kinds import OutputKind
from depthbench.results.records import files_hash

# Weights as safetensors are taken where there are both; nothing of the source is run.
_FILES = ("*.json", "*.safetensors", "*.safetensors.index.json")
_OLDER = ("*.json", "*.bin")


class _Known(NamedTuple):
    """The kind of a type of model, and whether every model of the type is of it."""

    kind: OutputKind
    sure: bool = True


class TransformersModel:
    """A depth model of transformers; ``hf:NAME`` on the hub, or a folder of ``save_pretrained``.

    The model's image processor resizes and normalizes the picture and brings the map back to its size. The kind is
    that of the model's type where the type has one: ZoeDepth, Depth Pro, GLPN and Depth Anything for metric depth
    predict metric depth, Depth Anything else disparity up to scale and shift, and so does DPT of MiDaS, which may have
    been trained otherwise, so that ``kind=`` overrules it.

    Args:
        source: name or folder.
        options: of which ``kind`` matters.
        device: where it predicts.

    Raises:
        UserError: if transformers is missing, the hub can't be reached, or the model is no depth model.
    """

    takes_camera = False
    unseen = ""

    def __init__(self, source: ModelSource, options: ModelOptions, device: torch.device) -> None:
        self.name, self._device = source.text, device
        library = _library(source.text)
        folder = _folder(source)
        try:
            self._processor = library.AutoImageProcessor.from_pretrained(str(folder), local_files_only=True)
            model = library.AutoModelForDepthEstimation.from_pretrained(str(folder), local_files_only=True)
        except Exception as error:  # whatever a damaged or foreign folder makes of it
            raise UserError(f"model={source.text} can't be loaded as a depth model ({reason_of(error, '')}).") from None
        self._model = model.to(device).eval()
        known = known_kind(self._model.config)
        declared = known.kind if known and (known.sure or options.kind is None) else None
        self.kind = agreed_kind(source, declared, options.kind)
        files = sorted(file for file in folder.iterdir() if file.suffix in (".json", ".safetensors", ".bin"))
        self.identity = files_hash(files, "transformers", library.__version__)
        self.notes: list[str] = []
        if known and not known.sure and options.kind is None:
            kind = self._model.config.model_type
            self.notes.append(f"{self.name}: {self.kind.words} is taken from its type {kind}; kind=... says otherwise.")

    @torch.inference_mode()
    def __call__(self, picture: Picture, intrinsics: NDArray[np.float64] | None) -> Any:
        """A map of the picture's size.

        Raises:
            UserError: if the model fails on it.
        """
        size = (picture.shape[0], picture.shape[1])
        try:
            inputs = self._processor(images=picture, return_tensors="pt", input_data_format="channels_last")
            outputs = self._model(**inputs.to(self._device))
            finish = self._processor.post_process_depth_estimation
            sizes = {"source_sizes": [size]} if "source_sizes" in inspect.signature(finish).parameters else {}
            return finish(outputs, target_sizes=[size], **sizes)[0]["predicted_depth"].float().cpu().numpy()
        except Exception as error:  # the library's own, of many kinds
            told = f"{type(error).__name__}: {reason_of(error, '')}"
            raise UserError(f"{self.name} fails on a picture of {size[0]}x{size[1]}: {told}.") from error


def known_kind(config: Any) -> _Known | None:
    """The kind of a configuration's type, or None where the type is trained for several."""
    kind = config.model_type
    if kind in ("zoedepth", "depth_pro", "glpn"):
        return _Known(OutputKind.METRIC_DEPTH)
    if kind == "depth_anything":
        metric = config.depth_estimation_type == "metric"
        return _Known(OutputKind.METRIC_DEPTH if metric else OutputKind.AFFINE_DISPARITY)
    backbone = getattr(getattr(config, "backbone_config", None), "model_type", None)
    if kind == "dpt" and backbone != "dinov2":  # DPT on DINOv2 is trained for metric depth
        return _Known(OutputKind.AFFINE_DISPARITY, sure=False)
    return None


def _library(text: str) -> Any:
    if importlib.util.find_spec("transformers") is None:
        raise UserError(f"model={text} needs transformers: pip install 'depthbench[models]'.")
    library: Any = importlib.import_module("transformers")
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    return library


def _folder(source: ModelSource) -> Path:
    """The folder of a name, downloaded once, or the folder itself."""
    path = Path(source.place).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise UserError(f"model={source.text}: {path} holds no config.json, which save_pretrained writes.")
        return path
    found = pull(source.place, _FILES, "hf:")
    return found if any(found.glob("*.safetensors")) else pull(source.place, _OLDER, "hf:")

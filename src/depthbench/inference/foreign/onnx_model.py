"""Anybody's ONNX file; the user gives the settings that the file lacks."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from depthbench.errors import UserError, reason_of
from depthbench.evaluation.model_source import PIXELS, ModelOptions, ModelSource, PixelRange
from depthbench.images import Picture, Size, resize_rgb
from depthbench.inference.exported.graph import KIND
from depthbench.inference.foreign.opened import agreed_kind
from depthbench.input_files import check_regular
from depthbench.maps import resize_bilinear
from depthbench.output_kinds import OutputKind, output_kind
from depthbench.results.records import files_hash

_MEAN, _STD = (np.array(values, np.float32) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_SILENT = 3  # onnxruntime's own lines: errors only


class OnnxModel:
    """An ONNX file with one picture as input, in onnxruntime.

    The picture is resized to the size that the file sees, stretched and not cropped, and the map is resized back. A
    file of ``depthbench export`` says all of itself; of another one the user says range and kind, and the size where
    the file takes any.

    Args:
        source: with the file.
        options: the user's settings.
        device: onnxruntime's CUDA provider is taken on a GPU where it is installed.

    Raises:
        UserError: if the file can't be read, is no network of one picture, or something is not known.
    """

    takes_camera = False
    unseen = ""

    def __init__(self, source: ModelSource, options: ModelOptions, device: torch.device) -> None:
        self.name, path = source.text, Path(source.place).expanduser()
        self._session = _session(path, source.text, device)
        told = self._session.get_modelmeta().custom_metadata_map
        ours = "depthbench" in told
        self._input = _only_input(self._session, source.text)
        self._first, fixed = _layout(self._input.shape, source.text)
        self._size = _the_size(source.text, fixed, options.size, told.get("training_size", "") if ours else "")
        self._pixels = _the_pixels(source.text, options.pixels, ours, self._input.type)
        self._output = _output(self._session, options.key, source.text)
        declared = output_kind(told.get(KIND, OutputKind.METRIC_DEPTH)) if ours else None
        self.kind = agreed_kind(source, declared, options.kind)
        beside = sorted(file for file in path.parent.glob(f"{path.name}*") if file.is_file())  # weights in other files
        self.identity = files_hash(beside, "onnx", self._size, self._pixels, self._output)
        self.notes: list[str] = []

    def __call__(self, picture: Picture, intrinsics: NDArray[np.float64] | None) -> Any:
        """A map of the picture's size.

        Raises:
            UserError: if the file can't be run on it.
        """
        values = _scaled(resize_rgb(picture, self._size), self._pixels)
        values = values.transpose(2, 0, 1) if self._first else values
        batch = np.ascontiguousarray(values[None].astype(_TYPES[self._input.type]))
        try:
            found = np.asarray(self._session.run([self._output], {self._input.name: batch})[0])
        except Exception as error:  # onnxruntime has a dozen kinds
            seen = f"{self._size[0]}x{self._size[1]}"
            raise UserError(f"{self.name} can't be run on a picture of {seen}: {reason_of(error, '')}.") from None
        maps = np.squeeze(found)
        if maps.ndim != 2 or found.dtype.kind not in "fiu":
            return found  # the check of the maps reports it
        small = torch.from_numpy(maps.astype(np.float32))[None, None]
        return resize_bilinear(small, (picture.shape[0], picture.shape[1]))[0, 0].numpy()


def _session(path: Path, text: str, device: torch.device) -> Any:
    if importlib.util.find_spec("onnxruntime") is None:
        raise UserError(f"model={text} needs onnxruntime: pip install onnxruntime.")
    import onnxruntime

    check_regular(path)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = _SILENT
    wanted = ["CUDAExecutionProvider"] if device.type == "cuda" else []
    providers = [*(name for name in wanted if name in onnxruntime.get_available_providers()), "CPUExecutionProvider"]
    try:
        return onnxruntime.InferenceSession(str(path), settings, providers=providers)
    except Exception as error:  # damaged, or of operators that are not known here
        raise UserError(f"{path} can't be read as ONNX ({reason_of(error, path)}).") from None


def _only_input(session: Any, text: str) -> Any:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        told = ", ".join(one.name for one in inputs)
        raise UserError(
            f"model={text} has {len(inputs)} inputs ({told}), not one picture; wrap it in a python: function."
        )
    if inputs[0].type not in _TYPES:
        raise UserError(f"model={text} takes {inputs[0].type}, not {', '.join(_TYPES)}; wrap it in a python: function.")
    return inputs[0]


def _layout(shape: list[Any], text: str) -> tuple[bool, Size | None]:
    """Whether channels come before rows, and the size where it is fixed."""
    if len(shape) == 4 and (shape[0] in (1, None) or isinstance(shape[0], str)):
        for first, sides in ((True, shape[2:]), (False, shape[1:3])):
            if shape[1 if first else 3] == 3:
                known = all(isinstance(side, int) and side > 0 for side in sides)
                return first, (sides[0], sides[1]) if known else None
    told = "not one picture (1, 3, H, W) or (1, H, W, 3); wrap it in a python: function"
    raise UserError(f"model={text} takes the shape {shape}, {told}.")


def _the_size(text: str, fixed: Size | None, said: Size | None, trained: str) -> Size:
    """The size of the file's input where it is fixed, else as said, else that of our training (``96x128``)."""
    if said and fixed and said != fixed:
        raise UserError(f"model={text} takes {fixed[0]}x{fixed[1]} only; leave size out.")
    if found := fixed or said:
        return found
    height, _, width = trained.partition("x")
    if height.isdecimal() and width.isdecimal():
        return int(height), int(width)
    raise UserError(
        f"model={text} takes pictures of any size; append size=HEIGHT,WIDTH, the size of its training pictures."
    )


def _the_pixels(text: str, said: PixelRange | None, ours: bool, kind: str) -> PixelRange:
    known: PixelRange | None = "0..1" if ours else "0..255" if kind == "tensor(uint8)" else None
    if known and said and said != known:
        raise UserError(f"model={text} takes pixels in {known}; leave range={said} out.")
    if found := known or said:
        return found
    raise UserError(
        f"model={text} does not say in which range it takes pixels; append range={PIXELS[0]}, range={PIXELS[1]} or "
        f"range={PIXELS[2]} (RGB in [0, 1], normalized by ImageNet's mean and standard deviation)."
    )


def _output(session: Any, key: str | None, text: str) -> str:
    names = [one.name for one in session.get_outputs()]
    if key is None and len(names) > 1:
        raise UserError(f"model={text} has the outputs {', '.join(names)}; append key=..., the one that is scored.")
    if key is not None and key not in names:
        raise UserError(f"model={text} has no output {key}; it has {', '.join(names)}.")
    return key or names[0]


def _scaled(picture: Picture, pixels: PixelRange) -> NDArray[np.float32]:
    values = picture.astype(np.float32)
    if pixels == "0..255":
        return values
    values /= np.float32(255)
    return (values - _MEAN) / _STD if pixels == "imagenet" else values

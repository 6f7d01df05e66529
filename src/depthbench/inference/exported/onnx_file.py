"""The network of a run as ONNX, in float32, float16 or int8."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor

from depthbench.errors import UserError, first_line
from depthbench.files import whole
from depthbench.images import Size
from depthbench.inference.exported.graph import (
    TOLERANCE,
    SizesTaken,
    as_text,
    check_difference,
    described,
    difference,
    program_of,
    tried_sizes,
)
from depthbench.models import PredictModule

Precision = Literal["fp32", "fp16", "int8"]


def export_onnx(
    net: PredictModule,
    path: Path,
    size: Size,
    told: Mapping[str, str],
    precision: Precision = "fp32",
    pictures: Sequence[Tensor] = (),
) -> str:
    """Write the network with input ``image`` and output ``depth``, compare it with the file, and say how near they are.

    The file takes any number of images, and images of any size where the network can be written so; the others take
    the given size only.

    Args:
        net: in evaluation mode.
        path: of the file; replaced as a whole.
        size: height and width.
        told: metadata.
        precision: of weights and arithmetic; input and output are float32.
        pictures: ``(1, 3, H, W)`` of this size, to calibrate int8 with.

    Raises:
        UserError: if a package is missing, or the file gives other depth.
    """
    needed("onnxscript", "onnx", *(() if precision == "fp32" else ("onnxruntime",)))
    with whole(path) as part:
        sizes = _write(net, part, size, path.name)
        if precision == "fp16":
            _halve(part)
        elif precision == "int8":
            _quantize(part, pictures)
        _describe(part, as_text({**told, "precision": precision}, size, sizes))
        if importlib.util.find_spec("onnxruntime") is None:
            return f"{described(size, sizes)}; not compared with the network: onnxruntime is not installed"
        if precision == "fp32":
            found = difference(net, runner(part), tried_sizes(size, sizes))
            check_difference(found, path.name)
            return f"{described(size, sizes)}; in onnxruntime within {found:.1g} of the largest depth of the network's"
    return described(size, sizes)


def needed(*packages: str) -> None:
    """Refuse to begin without some packages.

    Raises:
        UserError: with the names of missing packages.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(f"Export needs more packages: pip install {' '.join(missing)}.")


def runner(path: Path) -> Callable[[Tensor], NDArray[Any]]:
    """A function from images ``(B, 3, H, W)`` to the file's depth ``(B, 1, H, W)``."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> NDArray[Any]:
        depth: NDArray[Any] = session.run(["depth"], {"image": images.numpy()})[0]
        return depth

    return run


def _write(net: PredictModule, path: Path, size: Size, name: str) -> SizesTaken:
    """Write for any size; where that can't be written, or gives other depth, for this one."""
    try:
        _save(net, path, size, "any")
        if (
            importlib.util.find_spec("onnxruntime") is None
            or difference(net, runner(path), tried_sizes(size, "any")) <= TOLERANCE
        ):
            return "any"
    except OSError:  # of the disk, not of the network
        raise
    except Exception:  # torch.export, the exporter and the runtime each raise whatever the shapes make of them
        path.unlink(missing_ok=True)
    try:
        _save(net, path, size, "fixed")
    except OSError:
        raise
    except Exception as error:
        raise UserError(f"{name}: this network can't be written as ONNX ({first_line(error)}).") from error
    return "fixed"


def _save(net: PredictModule, path: Path, size: Size, sizes: SizesTaken) -> None:
    program = program_of(net, size, sizes)
    onnx = torch.onnx.export(program, input_names=["image"], output_names=["depth"], verbose=False)
    assert onnx is not None
    onnx.save(path, external_data=False)


def _describe(path: Path, told: Mapping[str, str]) -> None:
    """Metadata, and names of the dimensions that a person can read."""
    import onnx

    model = onnx.load(path)
    shapes = [one.type.tensor_type.shape for one in (*model.graph.input, *model.graph.output)]
    axes = zip((dim.dim_param for dim in shapes[0].dim), ("batch", "channels", "height", "width"), strict=True)
    names = {written: name for written, name in axes if written}  # the others are numbers
    for shape in shapes:
        for dim in shape.dim:
            if dim.dim_param in names:
                dim.dim_param = names[dim.dim_param]
    del model.graph.value_info[:]
    onnx.helper.set_model_props(model, dict(told))
    model.doc_string = f"{told['input']}. {told['output']}."
    onnx.save(model, path)


def _halve(path: Path) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True, op_block_list=["Resize"]), path)


def _quantize(path: Path, pictures: Sequence[Tensor]) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Pictures(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(pictures)

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            picture = next(self.left, None)
            return None if picture is None else {"image": picture.numpy()}

    prepared = path.with_name(f"{path.stem}-prepared.onnx")
    try:
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(path),
            Pictures(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
        )
    finally:
        prepared.unlink(missing_ok=True)

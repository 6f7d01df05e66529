"""One exported file of a run: its format, its precision, and the cost of fewer bits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from numpy.typing import NDArray
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.images import Size
from depthbench.inference.exported.fewer_bits import TriedFrames, cost, tried_frames
from depthbench.inference.exported.graph import metadata
from depthbench.inference.exported.onnx_file import Precision, export_onnx, needed, runner
from depthbench.inference.exported.torch_file import export_pt2
from depthbench.inference.network import WEIGHTS, DepthEstimator, load
from depthbench.models import PredictModule
from depthbench.protocols.alignment import Declared
from depthbench.runs.folder import RunFolder
from depthbench.training.loading import load_task


def write_folder(run: RunFolder, path: Path, precision: str = "fp32") -> tuple[DepthEstimator, str]:
    """Write weights, configuration and card of a run; returns its network, and the written files in words.

    Args:
        run: with a checkpoint.
        path: of the folder.
        precision: ``fp32``, or ``fp16`` for weights in half the space, whose cost is measured.

    Raises:
        UserError: if the checkpoint can't be loaded, the folder holds something else, or, of ``fp16``, the run's test
            frames can't be opened.
    """
    network = load(run.path)
    frames = None if precision == "fp32" else tried_frames(run)
    network.save_pretrained(path, half=precision == "fp16")
    words = "weights, configuration and a card"
    if frames is None:
        return network, words
    file = PredictModule(load(path).task.net).eval()
    net = PredictModule(network.task.net).eval()

    def run_half(images: Tensor) -> NDArray[Any]:
        found: NDArray[Any] = file(images).detach().numpy()
        return found

    return network, f"{words}; {_cost(frames, net, run_half, path / WEIGHTS, network.task.declared)}"


def write_file(run: RunFolder, path: Path, kind: str, size: Size, precision: str = "fp32") -> str:
    """Write the network of a run as ``onnx`` or ``pt2``; returns its input and its error against the network, in words.

    Args:
        run: with a checkpoint.
        path: of the file; replaced as a whole.
        kind: ``onnx`` or ``pt2``.
        size: height and width of the images.
        precision: ``fp32``, ``fp16`` or ``int8``, the latter two of ONNX.

    Raises:
        UserError: if a package is missing, the checkpoint can't be loaded, or the file gives other depth.
    """
    # Without the training mode: no dropout, running statistics.
    task = load_task(run)
    net, told = PredictModule(task.net).eval(), metadata(run, size, task.output_kind)
    if kind == "pt2":
        return export_pt2(net, path, size, told)
    if precision == "fp32":
        return export_onnx(net, path, size, told)
    needed("onnxruntime", "onnx")
    frames = tried_frames(run)
    seen = tuple(frames.pictures[0].shape[-2:])
    if seen != size:
        raise UserError(f"precision={precision} is tried on test frames of {seen[0]}x{seen[1]}; leave size out.")
    words = export_onnx(net, path, size, told, cast(Precision, precision), frames.pictures)
    return f"{words}; {_cost(frames, net, runner(path), path, task.declared)}"


def _cost(
    frames: TriedFrames, net: nn.Module, file: Callable[[Tensor], NDArray[Any]], path: Path, declared: Declared
) -> str:
    before, after = cost(frames, net, file, declared)
    return (
        f"{path.stat().st_size / 1e6:.1f} MB; AbsRel {after:.4f} where the network has {before:.4f}, on "
        f"{len(frames.batches)} test frames under {frames.protocol.name}"
    )

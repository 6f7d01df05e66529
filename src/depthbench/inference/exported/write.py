"""One exported file of a run: which format, which precision, and what fewer bits cost."""

from pathlib import Path
from typing import cast

from depthbench.errors import UserError
from depthbench.images import Size
from depthbench.inference.exported.fewer_bits import cost, tried_frames
from depthbench.inference.exported.graph import metadata
from depthbench.inference.exported.onnx_file import Precision, export_onnx, needed, runner
from depthbench.inference.exported.torch_file import export_pt2
from depthbench.models import PredictModule
from depthbench.runs.folder import RunFolder
from depthbench.training.loading import load_task


def write_file(run: RunFolder, path: Path, kind: str, size: Size, precision: str = "fp32") -> str:
    """Write the network of a run as ``onnx`` or ``pt2``; returns what it takes and how near it is, in words.

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
    net, told = PredictModule(load_task(run).net).eval(), metadata(run, size)
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
    before, after = cost(frames, net, runner(path))
    megabytes = path.stat().st_size / 1e6
    return (
        f"{words}; {megabytes:.1f} MB; AbsRel {after:.4f} where the network has {before:.4f}, on "
        f"{len(frames.batches)} test frames under {frames.protocol.name}"
    )

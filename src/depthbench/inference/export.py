"""The network of a run as an ONNX file."""

import importlib.util
from pathlib import Path

import numpy as np
import torch

from depthbench.errors import UserError
from depthbench.models import PredictModule
from depthbench.runs.folder import RunFolder
from depthbench.training.loading import load_task

TOLERANCE = 1e-3  # of the largest depth; other kernels add up in another order


def export_onnx(folder: RunFolder, path: Path, size: tuple[int, int]) -> str:
    """Write the network with input ``image`` and output ``depth``, compare it with the file, and say how near they are.

    The input is ``(B, 3, H, W)`` RGB in [0, 1] with any ``B``; the output ``(B, 1, H, W)`` in metres.

    Args:
        folder: of a run with a checkpoint.
        path: of the file; replaced as a whole.
        size: height and width.

    Raises:
        UserError: if a package is missing, the checkpoint can't be loaded, or the file gives other depth.
    """
    if importlib.util.find_spec("onnxscript") is None:
        raise UserError("Export needs one package more: pip install onnxscript.")
    # Without the model's training mode: no dropout, running statistics. Two images, for a batch of one is kept as one.
    net = PredictModule(load_task(folder).net).eval()
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    part = path.with_name(f".{path.stem}.part.onnx")
    try:
        program = torch.export.export(net, (images,), dynamic_shapes=({0: torch.export.Dim("batch")},))
        onnx = torch.onnx.export(program, input_names=["image"], output_names=["depth"], verbose=False)
        assert onnx is not None
        onnx.save(part, external_data=False)
        told = _compared(net, part, size)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return told


def _compared(net: torch.nn.Module, path: Path, size: tuple[int, int]) -> str:
    if importlib.util.find_spec("onnxruntime") is None:
        return "not compared with the network: onnxruntime is not installed"
    import onnxruntime

    images = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = net(images).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (depth,) = session.run(["depth"], {"image": images.numpy()})
    difference = float(np.abs(depth - expected).max())
    if not difference <= TOLERANCE * float(np.abs(expected).max()):
        raise UserError(f"The file's depth is up to {difference:.3g} m from the network's; nothing was written.")
    return f"in onnxruntime within {difference:.1g} m of the network"

"""Common parts of exported files: the graph of the network, metadata, and the comparison with the network."""

import copy
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from depthbench import __version__
from depthbench.errors import UserError
from depthbench.images import Size
from depthbench.models import Encoder, PredictModule
from depthbench.output_kinds import OutputKind
from depthbench.runs.folder import RunFolder

SizesTaken = Literal["any", "fixed"]

KIND = "output_kind"  # the key of the kind's name, which commands read

TOLERANCE = 1e-4  # of the largest depth; other kernels add up in another order


def metadata(run: RunFolder, size: Size, kind: OutputKind) -> dict[str, str]:
    """Metadata of a file, as texts: input, output and its kind, depth space, training, version."""
    config = run.config
    space = OmegaConf.select(config, "model.space._target_", default="depthbench.models.MetricDepth")
    data = OmegaConf.select(config, "data.train._target_", default="")
    return {
        "depthbench": __version__,
        "run": run.path.name,
        "input": "image: (B, 3, H, W), RGB in [0, 1]; the network normalizes it",
        "output": f"depth: (B, 1, H, W), {'metres along the optical axis' if kind.is_metric else kind.words}",
        "kind": kind.words,
        KIND: str(kind),
        "depth_space": str(space).rpartition(".")[2],
        "training_size": f"{size[0]}x{size[1]}",
        "training_data": str(data).rpartition(".")[2],
        "loss": str(OmegaConf.select(config, "loss._target_", default="")).rpartition(".")[2],
        "protocol": str(config.protocol.name),
    }


def program_of(net: PredictModule, size: Size, sizes: SizesTaken) -> ExportedProgram:
    """The network as a graph of any number of images, of this size or of any.

    Raises:
        Exception: of many kinds, where the network can't be written for any size.
    """
    # Two images, for a batch of one is kept as one.
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    if sizes == "any":
        return torch.export.export(net, (images,), dynamic_shapes=({0: Dim.AUTO, 2: Dim.AUTO, 3: Dim.AUTO},))
    return torch.export.export(at_size(net, size), (images,), dynamic_shapes=({0: Dim("batch")},))


def at_size(net: PredictModule, size: Size) -> PredictModule:
    """A copy whose transformers have position embeddings of this size: other runtimes interpolate them otherwise."""
    fixed = copy.deepcopy(net)
    for encoder in (module for module in fixed.modules() if isinstance(module, Encoder)):
        seen = tuple(-(-side // encoder.multiple) * encoder.multiple for side in size)
        for module in encoder.modules():
            if module is not encoder and callable(getattr(module, "set_input_size", None)):
                module.set_input_size(img_size=seen)  # type: ignore[operator]
                break
    return fixed


def tried_sizes(size: Size, sizes: SizesTaken) -> list[Size]:
    """SizesTaken at which a file is compared with its network: its own, a larger and an odd one where it takes any."""
    height, width = size
    return [size, (height + 32, width + 64), (height + 17, width + 9)] if sizes == "any" else [size]


def difference(net: nn.Module, run: Callable[[Tensor], NDArray[Any]], sizes: list[Size]) -> float:
    """The largest difference between a file's depth and the network's, as a share of the largest depth."""
    found = 0.0
    for number, size in enumerate(sizes):
        images = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(1 + number))
        with torch.no_grad():
            expected = net(images).numpy()
        error = np.abs(run(images) - expected).max() / np.abs(expected).max()
        found = max(found, float("inf") if np.isnan(error) else float(error))
    return found


def check_difference(found: float, path: str) -> None:
    """Refuse a file that gives other depth than the network.

    Raises:
        UserError: if it does.
    """
    if not found <= TOLERANCE:
        raise UserError(
            f"{path} was not written: its depth differs from the network's by up to {found:.2g} of the largest depth."
        )


def described(size: Size, sizes: SizesTaken) -> str:
    """The sizes that a file takes, in words."""
    return "any size" if sizes == "any" else f"{size[0]}x{size[1]} only"


def as_text(told: Mapping[str, str], size: Size, sizes: SizesTaken) -> dict[str, str]:
    """Metadata with the sizes that the file takes."""
    return {**told, "sizes": "any" if sizes == "any" else f"{size[0]}x{size[1]}"}

"""A network of this bench by any name that :func:`depthbench.load` takes."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.evaluation.model_source import ModelOptions, ModelSource
from depthbench.images import Picture
from depthbench.inference.foreign.opened import agreed_kind
from depthbench.inference.network import load
from depthbench.results.records import files_hash


class OwnNetwork:
    """A checkpoint, an exported folder, a released name or ``hub:USER/NAME``, as ``depthbench.load`` predicts.

    Args:
        source: of the network.
        options: of which ``kind`` must not contradict the network's.
        device: where it predicts.

    Raises:
        UserError: if it can't be loaded; runs are asked for as ``run=``.
    """

    takes_camera = False
    unseen = ""

    def __init__(self, source: ModelSource, options: ModelOptions, device: torch.device) -> None:
        path = Path(source.place).expanduser()
        if (path / "run.json").is_file():
            raise UserError(f"model={source.text} is a run folder; write run={source.text}.")
        self.name = source.text
        self._network = load(source.place, device)
        self.kind = agreed_kind(source, self._network.task.output_kind, options.kind)
        state = {name: value.cpu() for name, value in self._network.net.state_dict().items()}
        self.identity = files_hash(
            [], "own", state_hash(state), self._network.size, repr(self._network.config["model"])
        )
        self.notes: list[str] = []

    def __call__(self, picture: Picture, intrinsics: NDArray[np.float64] | None) -> Any:
        """Depth in metres ``(H, W)``."""
        return self._network.predict(picture).depth


def state_hash(state: dict[str, torch.Tensor]) -> str:
    """Hexadecimal digits that change with names and numbers of weights."""
    from hashlib import sha256

    total = sha256()
    for name, value in sorted(state.items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}\0".encode())
        total.update(
            value.contiguous().view(torch.uint8).numpy().tobytes() if value.ndim else repr(value.item()).encode()
        )
    return total.hexdigest()

"""The cost of fewer bits: scores of a file and of its network on the same test frames."""

from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from depthbench.data.frame import Batch, collate
from depthbench.errors import UserError
from depthbench.protocols import EvalProtocol, Scorer, protocol_from
from depthbench.protocols.alignment import AS_DEPTH, Declared
from depthbench.runs.folder import RunFolder
from depthbench.training.parts import build_data

FRAMES = 32


class TriedFrames(NamedTuple):
    """Some test frames of a run and the protocol that scores them."""

    batches: list[Batch]
    protocol: EvalProtocol

    @property
    def pictures(self) -> list[Tensor]:
        """Images ``(1, 3, H, W)``."""
        return [batch.image for batch in self.batches]


def tried_frames(run: RunFolder, count: int = FRAMES) -> TriedFrames:
    """Evenly spaced test frames of a run, one to a batch.

    Raises:
        UserError: if the run's data can't be opened.
    """
    try:
        frames: Any = build_data(run.config).test
    except UserError as error:
        raise UserError(f"Lower precision is checked on the run's test frames, which can't be read: {error}") from None
    step = max(1, len(frames) // count)
    chosen = [frames[index] for index in islice(range(0, len(frames), step), count)]
    return TriedFrames(list(DataLoader(chosen, batch_size=1, collate_fn=collate)), protocol_from(run.config.protocol))  # type: ignore[arg-type]


def cost(
    frames: TriedFrames,
    network: Callable[[Tensor], Tensor],
    file: Callable[[Tensor], NDArray[Any]],
    declared: Declared = AS_DEPTH,
) -> tuple[float, float]:
    """AbsRel of the network and of the file on the same frames, under the run's protocol without flip averaging.

    Args:
        frames: see :func:`tried_frames`.
        network: from images to maps.
        file: likewise.
        declared: the kind of the maps.
    """
    found = []
    for predict in (network, lambda images: torch.from_numpy(file(images))):
        scorer = Scorer([frames.protocol])
        for batch in frames.batches:
            with torch.no_grad():
                depth = predict(batch.image)
            mirrored = predict(batch.image.flip(-1)).flip(-1) if scorer.needs_mirrored else None
            scorer.update(depth, batch.depth, batch.name, mirrored=mirrored, image=batch.image, declared=declared)
        found.append(scorer.compute().scores(frames.protocol)["AbsRel"])
    return found[0], found[1]

"""Training that goes on over damaged files, and says how many there were."""

from collections.abc import Sequence

import torch
from torch.utils.data import Dataset

from depthbench.data.frame import Frame
from depthbench.data.stream import fetch
from depthbench.errors import UserError

_IN_A_ROW = 100


class SkipDamaged(Dataset[Frame]):
    """Delivers the next readable frame in place of a damaged one; for training only.

    Args:
        dataset: raises :class:`UserError` for a frame that cannot be read.

    Raises:
        UserError: if 100 frames in a row cannot be read: then it is not the files.
    """

    def __init__(self, dataset: Dataset[Frame]) -> None:
        self.dataset = dataset
        # Shared, so that the main process sees the workers' findings.
        self._damaged = torch.zeros(len(dataset), dtype=torch.bool).share_memory_()  # type: ignore[arg-type,no-untyped-call]

    @property
    def damaged(self) -> list[int]:
        """Indices of the frames found damaged so far, by any worker."""
        return [int(index) for index in self._damaged.nonzero()]

    def __len__(self) -> int:
        return len(self._damaged)

    def __getitems__(self, indices: Sequence[int]) -> list[Frame]:
        """Read frames at once; one by one only where a frame among them is damaged."""
        if not self._damaged[list(indices)].any():
            try:
                return fetch(self.dataset, indices)
            except UserError:  # which of them it is, the single requests find
                pass
        return [self[index] for index in indices]

    def __getitem__(self, index: int) -> Frame:
        count, error = len(self), UserError("The data set is empty.")
        for step in range(min(_IN_A_ROW, count)):
            current = (index + step) % count
            if not self._damaged[current]:
                try:
                    return self.dataset[current]
                except UserError as found:
                    self._damaged[current], error = True, found
        raise UserError(f"{_IN_A_ROW} frames in a row cannot be read, the last because: {error}") from error

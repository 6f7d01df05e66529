"""Some frames of a data set, as a data set."""

from collections.abc import Sequence
from typing import Any

from torch.utils.data import Dataset

from depthbench.data.frame import Frame
from depthbench.data.stream import fetch


class FrameSubset(Dataset[Frame]):
    """The frames of a data set at some indices, in their order.

    Args:
        dataset: all frames.
        indices: into the data set.
    """

    def __init__(self, dataset: Dataset[Frame], indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, list(indices)

    @property
    def names(self) -> list[str]:
        """The names of the frames, where the data set knows them.

        Raises:
            AttributeError: where it does not.
        """
        every = self.dataset.names  # type: ignore[attr-defined]
        return [every[index] for index in self.indices]

    def with_truth(self, truth: str) -> "FrameSubset":
        """The same frames with this kind of depth; see :meth:`~depthbench.data.Reader.with_truth`."""
        changes = getattr(self.dataset, "with_truth", None)
        return self if changes is None else FrameSubset(changes(truth), self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Frame:
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[Frame]:
        return fetch(self.dataset, [self.indices[index] for index in indices])

    def __getattr__(self, name: str) -> Any:
        # Attributes of all frames hold for some: the kind of truth, the root, the size.
        if name.startswith("_") or name in ("dataset", "indices", "key", "hold_out", "pictures", "pairs"):
            raise AttributeError(name)
        return getattr(self.dataset, name)

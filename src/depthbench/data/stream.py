"""The order of training frames: a pure function of (seed, position), the same for any number of workers and processes.

Training frames form one endless stream: shuffled passes over the data set, one after the other. Batch ``b`` takes the
positions ``[b * B, (b + 1) * B)`` of it, and each process its slice of them. So every batch is full, every frame is
shown equally often, an epoch may have any length, and a run can be continued at any batch.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler

from depthbench.data.frame import Batch, Frame, collate
from depthbench.data.loader_signals import stay_for_the_step
from depthbench.errors import UserError


class Augment(Protocol):
    """A policy: a new frame from a frame and the only randomness it may use."""

    def __call__(self, frame: Frame, rng: np.random.Generator) -> Frame: ...  # noqa: D102


class Key(NamedTuple):
    """A frame of the stream: the pass over the data set (for the augmentation) and the place in it."""

    turn: int
    place: int


def check_shares(batch_size: int, world: int) -> None:
    """Refuse a batch that so many processes can't share evenly, by a :class:`UserError`."""
    if batch_size % world:
        raise UserError(
            f"data.batch_size={batch_size} is the batch over all devices and cannot be shared evenly by {world} "
            f"of them; choose a multiple of {world}."
        )


class StreamBatches(Sampler[list[Key]]):
    """The batches of one process, epoch by epoch.

    Args:
        length: frames in the data set.
        batch_size: frames per step over all processes.
        seed: decides the order.
        epoch_size: frames per epoch; by default the whole data set. Rounded down to full batches.
        rank: this process.
        world: number of processes.
    """

    def __init__(
        self, length: int, batch_size: int, seed: int, epoch_size: int | None = None, rank: int = 0, world: int = 1
    ) -> None:
        check_shares(batch_size, world)
        self.length, self.batch_size, self.seed, self.rank, self.world = length, batch_size, seed, rank, world
        self.steps = max(1, (epoch_size or length) // batch_size)
        self.epoch = 0
        self.start = 0
        # Lightning tells the epoch to `batch_sampler.sampler`.
        self.sampler = self

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch; a start inside it that was restored by :meth:`seek` is kept."""
        if epoch != self.epoch:
            self.epoch, self.start = epoch, 0

    def seek(self, batch: int) -> None:
        """Continue at this batch, counted from the beginning of training."""
        self.epoch, self.start = divmod(batch, self.steps)

    def _order(self, turn: int) -> np.ndarray:
        return np.random.default_rng((self.seed, turn)).permutation(self.length)

    def __iter__(self) -> Iterator[list[Key]]:
        share = self.batch_size // self.world
        orders: dict[int, np.ndarray] = {}
        for batch in range(self.start, self.steps):
            first = (self.epoch * self.steps + batch) * self.batch_size + self.rank * share
            keys = []
            for position in range(first, first + share):
                turn, place = divmod(position, self.length)
                if turn not in orders:
                    orders = {turn: self._order(turn)}
                keys.append(Key(turn, int(orders[turn][place])))
            yield keys

    def __len__(self) -> int:
        return self.steps


class UnpaddedSampler(Sampler[int]):
    """Every ``world``-th index from ``rank`` on: nothing twice, so that scores count each image once."""

    def __init__(self, length: int, rank: int = 0, world: int = 1) -> None:
        self.indices = range(rank, length, world)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)


def fetch(dataset: Dataset[Frame], indices: Sequence[int]) -> list[Frame]:
    """Several frames at once where the data set knows how (``__getitems__``), else one by one."""
    if hasattr(dataset, "__getitems__"):
        frames: list[Frame] = dataset.__getitems__(list(indices))
        return frames
    return [dataset[index] for index in indices]


class FrameStream(Dataset[Frame]):
    """A training set asked by :class:`Key`; the augmentation depends on (seed, turn, place) alone."""

    def __init__(self, dataset: Dataset[Frame], augment: Augment | None, seed: int) -> None:
        self.dataset, self.augment, self.seed = dataset, augment, seed

    def __getitems__(self, keys: Sequence[Key]) -> list[Frame]:
        frames = fetch(self.dataset, [key.place for key in keys])
        if self.augment is None:
            return frames
        return [
            self.augment(frame, np.random.default_rng((self.seed, key.turn, key.place)))
            for frame, key in zip(frames, keys, strict=True)
        ]


class StreamLoader(DataLoader[Frame]):
    """A loader of :class:`StreamBatches` that checkpoints can stop and continue at any batch."""

    def __init__(self, stream: FrameStream, batches: StreamBatches, workers: int, pin_memory: bool = False) -> None:
        super().__init__(
            stream,
            batch_sampler=batches,
            num_workers=workers,
            collate_fn=collate,
            persistent_workers=workers > 0,
            pin_memory=pin_memory,
            worker_init_fn=stay_for_the_step,
        )
        self.batches = batches
        self._yielded = 0

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        self._yielded = 0
        return self._iterate()

    def _iterate(self) -> Iterator[Batch]:
        # A generator, so that workers start only after Lightning has restored the position and set the epoch.
        for batch in super().__iter__():
            self._yielded += 1
            yield cast(Batch, batch)

    def state_dict(self) -> dict[str, Any]:
        """The position of training, in batches from its beginning."""
        batches = self.batches
        return {"batch": batches.epoch * len(batches) + batches.start + self._yielded}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where :meth:`state_dict` was taken."""
        self.batches.seek(state["batch"])

"""From data sets to loaders."""

import contextlib
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset

from depthbench.config.amounts import evenly_spaced
from depthbench.cores import cores
from depthbench.data.cache.disk import DiskCache
from depthbench.data.cache.limits import memory_limit, shared_memory
from depthbench.data.cache.memory import MemoryCache
from depthbench.data.frame import Frame, collate
from depthbench.data.held_out import HoldsOut, Share, check_share
from depthbench.data.loader_signals import stay_for_the_step
from depthbench.data.manifest import describe
from depthbench.data.skip import SkipDamaged
from depthbench.data.stream import Augment, FrameStream, StreamBatches, StreamLoader, UnpaddedSampler
from depthbench.data.subset import FrameSubset
from depthbench.errors import UserError


class DataModule(pl.LightningDataModule):
    """Training, validation and test frames of one choice of data.

    Args:
        train: frames to learn from.
        test: frames to be scored at the end, each exactly once over all processes.
        val: whose scores are logged during training. ``held_out``: training scenes that are never trained on, where the
            data know scenes; ``test``: test frames, so that a choice by the curve is a choice by the test;
            ``none``; or a data set.
        hold_out: the training scenes for ``held_out``: a fraction or a number.
        val_frames: how many validation frames, evenly spaced; None for all.
        batch_size: frames per training step, over all devices.
        test_batch_size: frames per device in validation and test.
        epoch_size: frames per epoch; by default all of them. Small epochs give large data sets more checkpoints.
        workers: loader processes per device; ``auto`` is 0 without a GPU, where the network needs every core.
        on_error: a damaged training file stops the run (``stop``), or is skipped and counted (``skip``).
        cache: ``ram`` keeps decoded training frames in memory that all workers share; ``auto`` does so where they
            take at most a quarter of the machine's memory; ``disk`` keeps frames of rooms, tests too, in files that all
            jobs of a sweep share.
        cache_folder: where ``cache=disk`` keeps them.
        augment: the policy for training frames.
        seed: of order and augmentation.
        **settings: other keys of a data set's YAML (split, size, root ...), passed on to its data sets.

    Example:
        >>> from depthbench.data import DataModule, Rooms
        >>> module = DataModule(Rooms(split=8, size=(24, 32)), Rooms("test", split=2, size=(24, 32)), batch_size=4)
        >>> batch = next(iter(module.train_dataloader()))
        >>> batch.image.shape
        torch.Size([4, 3, 24, 32])
    """

    def __init__(
        self,
        train: Dataset[Frame],
        test: Dataset[Frame],
        val: Dataset[Frame] | Literal["held_out", "test", "none"] | None = "none",
        hold_out: Share = 0.05,
        val_frames: int | None = 32,
        batch_size: int = 16,
        test_batch_size: int = 8,
        epoch_size: int | None = None,
        workers: int | Literal["auto"] = "auto",
        on_error: Literal["stop", "skip"] = "stop",
        cache: Literal["none", "ram", "disk", "auto"] = "none",
        cache_folder: str | Path = "runs/.frames",
        augment: Augment | None = None,
        seed: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__()
        if cache not in ("none", "ram", "disk", "auto"):
            raise UserError(f"data.cache={cache} is unknown; choose none, ram, disk or auto.")
        if on_error not in ("stop", "skip"):
            raise UserError(f"data.on_error={on_error} is unknown; choose stop or skip.")
        self.val_kind = "given" if val is not None and not isinstance(val, str) else val or "none"
        own = self.val_kind == "held_out" and getattr(train, "has_validation", False)
        self._val_told = "frames of the data's own validation part" if own else ""
        train, held_out = self._hold_out(train, check_share(hold_out), val_frames)
        given = val if isinstance(val, Dataset) else held_out
        self._parts = {"train": train, "val": given or _some(test, val_frames, self.val_kind), "test": test}
        if cache == "disk":
            train, test = (
                DiskCache(train, Path(cache_folder).expanduser()),
                _kept(test, Path(cache_folder).expanduser()),
            )
            given = None if given is None else _kept(given, Path(cache_folder).expanduser())
        self.skipping = SkipDamaged(train) if on_error == "skip" else None
        self.train, self.test = self.skipping or train, test
        self.val = given or _some(test, val_frames, self.val_kind)
        self.batch_size, self.test_batch_size = batch_size, test_batch_size
        self.epoch_size, self.workers, self.cache, self.seed = epoch_size, workers, cache, seed
        self.augment, self.settings = augment, settings

    def _hold_out(
        self, train: Dataset[Frame], share: Share, frames: int | None
    ) -> tuple[Dataset[Frame], Dataset[Frame] | None]:
        if self.val_kind not in ("held_out", "test", "none", "given"):
            raise UserError(f"data.val={self.val_kind} is unknown; choose held_out, test or none.")
        if self.val_kind != "held_out" or not isinstance(train, HoldsOut):
            return train, None
        return train.hold_out(share, frames)

    @property
    def validation(self) -> str:
        """A sentence about the validation frames."""
        if self.val is None:
            wanted = self.val_kind == "held_out"
            own = "data.val_fraction=0.1 to hold frames out, or " if hasattr(self.train, "has_validation") else ""
            watch = f": these data leave no scene to hold out. Append {own}data.val=test to watch test frames"
            why = watch if wanted else ""
            return f"No validation{why}."
        frames = len(self.val)  # type: ignore[arg-type]
        kinds = {"held_out": "frames of scenes that are never trained on", "test": "test frames"}
        return f"Validation on {frames} {self._val_told or kinds.get(self.val_kind, 'frames')}."

    @cached_property
    def manifest(self) -> dict[str, dict[str, Any]]:
        """The frames of each part, for a run's record."""
        return {part: {} if frames is None else describe(frames) for part, frames in self._parts.items()}

    def score_by(self, protocol: str, truth: str) -> None:
        """Give validation and test the kind of truth that a protocol is defined on, where the data know kinds.

        Raises:
            UserError: if the test has the other kind only.
        """
        try:
            self.test = _with_truth(self.test, truth)
        except UserError as error:
            raise UserError(
                f"Protocol '{protocol}' is defined on {truth} truth, but {error}; choose another protocol, or append "
                f"protocol.truth={'filled' if truth == 'raw' else 'raw'}."
            ) from None
        # Frames that are held out of raw training pairs have no filled depth: curves show the truth there is.
        with contextlib.suppress(UserError):
            self.val = None if self.val is None else _with_truth(self.val, truth)

    def train_dataloader(self) -> StreamLoader:
        """Full batches of a shuffled, augmented stream; continues where a checkpoint was taken."""
        if self.cache in ("ram", "auto") and not isinstance(self.train, MemoryCache):
            size, memory, shared = MemoryCache.bytes(self.train), memory_limit(), self._workers() > 0
            room = shared_memory() if shared else memory
            if self.cache == "ram" and size > room:
                raise UserError(
                    f"data.cache=ram needs {size / 1e9:.2f} GB for these frames, but this machine has "
                    f"{room / 1e9:.2f} GB"
                    f"{' that workers can share (/dev/shm)' if shared else ''}; choose data.cache=none, smaller images "
                    f"or fewer frames{', or data.workers=0' if shared else ''}."
                )
            if self.cache == "ram" or size <= min(memory / 4, room / 2):
                self.train = MemoryCache(self.train, shared)
        stream = FrameStream(self.train, self.augment, self.seed)
        return StreamLoader(stream, self._batches(), self._workers(), _pin())

    def batches_per_epoch(self, limit: float | None = None) -> int:
        """Training steps in an epoch; ``limit`` as Lightning's ``limit_train_batches`` (a number or a share)."""
        batches = len(self._batches())
        if limit is None:
            return batches
        return min(batches, limit) if isinstance(limit, int) else int(batches * limit)

    def _batches(self) -> StreamBatches:
        length = len(self.train)  # type: ignore[arg-type]
        return StreamBatches(length, self.batch_size, self.seed, self.epoch_size, *self._process())

    def val_dataloader(self) -> list[DataLoader[Frame]]:
        """Frames for the curves, or no loader at all."""
        return [] if self.val is None else [self._scored(self.val)]

    def test_dataloader(self) -> DataLoader[Frame]:
        """Every test frame once over all processes."""
        return self._scored(self.test)

    def _scored(self, frames: Dataset[Frame]) -> DataLoader[Frame]:
        rank, world = self._process()
        return DataLoader(
            frames,
            batch_size=self.test_batch_size,
            sampler=UnpaddedSampler(len(frames), rank, world),  # type: ignore[arg-type]
            num_workers=self._workers(),
            collate_fn=collate,
            pin_memory=_pin(),
            worker_init_fn=stay_for_the_step,
        )

    def _process(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _workers(self) -> int:
        if self.workers != "auto":
            return int(self.workers)
        if not torch.cuda.is_available():
            return 0
        wanted = min(8, cores() // max(1, torch.cuda.device_count()))
        # Each worker hands over two batches ahead through shared memory; with too little of it they would die.
        frames = max(self.batch_size, self.test_batch_size)
        return min(wanted, int(shared_memory() // (3 * frames * self._frame_bytes)))

    @cached_property
    def _frame_bytes(self) -> int:
        """Size of the largest frame that workers deliver, judged by the first."""
        return max(4 * (frames[0].image.numel() + frames[0].depth.numel()) for frames in (self.train, self.test))


def _with_truth(frames: Dataset[Frame], truth: str) -> Dataset[Frame]:
    return frames.with_truth(truth) if hasattr(frames, "with_truth") else frames  # rooms and mixtures know no kinds


def _some(test: Dataset[Frame], frames: int | None, kind: str) -> Dataset[Frame] | None:
    """Test frames to watch, where they are asked for."""
    if kind != "test":
        return None
    total = len(test)  # type: ignore[arg-type]
    return FrameSubset(test, evenly_spaced(total, min(frames or total, total)))


def _kept(frames: Dataset[Frame], folder: Path) -> Dataset[Frame]:
    return DiskCache(frames, folder) if hasattr(frames, "key") else frames  # a test on files


def _pin() -> bool:
    return torch.cuda.is_available()

"""Error profiles, ``profiles.npz``: sums of errors by distance, angle and edge proximity of each test image."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Callback

from depthbench.files import whole
from depthbench.metrics.image.profiles import BINS, profile_sums
from depthbench.protocols import EvalProtocol
from depthbench.tasks import DepthTask


class Profiles(Callback):
    """Keep :func:`~depthbench.metrics.image.profiles.profile_sums` of all test images under the first protocol.

    The file holds ``name (N,)``, ``protocol``, and for each kind of bin its sums ``(N, bins, 3)`` and ``KIND_limits``;
    ``angle`` only where the data set knows its camera. It lies in the trainer's ``default_root_dir``.
    """

    def __init__(self) -> None:
        self.kept: list[tuple[str, dict[str, Any]]] = []

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget an earlier test."""
        self.kept = []

    @torch.no_grad()
    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add the sums of a batch; ``outputs`` are the task's predictions."""
        protocol = replace(_protocol(pl_module), swap_prediction_and_truth=False)
        assert isinstance(pl_module, DepthTask)
        maps = protocol.prepare(outputs, batch.depth, image=batch.image, declared=pl_module.declared)
        intrinsics = batch.intrinsics
        if intrinsics is not None:
            intrinsics = protocol.intrinsics(intrinsics, tuple(batch.image.shape[-2:]), tuple(batch.depth.shape[-2:]))
        sums = {kind: values.cpu().numpy() for kind, values in profile_sums(*maps, intrinsics).items()}
        self.kept += [(name, {kind: sums[kind][i] for kind in sums}) for i, name in enumerate(batch.name)]

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Collect the images of all processes and write the file."""
        shares = [self.kept]
        if dist.is_available() and dist.is_initialized():
            shares = [self.kept] * dist.get_world_size()
            dist.all_gather_object(shares, self.kept)
        kept = sorted((item for share in shares for item in share), key=lambda item: item[0])
        if not (kept and trainer.is_global_zero):
            return
        kinds = [kind for kind in BINS if all(kind in sums for _, sums in kept)]
        content: dict[str, Any] = {"name": np.array([name for name, _ in kept])}
        content["protocol"] = np.array(_protocol(pl_module).name)
        for kind in kinds:
            content[kind] = np.stack([sums[kind] for _, sums in kept]).astype(np.float32)
            content[f"{kind}_limits"] = np.array(BINS[kind])
        with whole(Path(trainer.default_root_dir) / "profiles.npz") as part:
            np.savez_compressed(part, **content)


def _protocol(pl_module: pl.LightningModule) -> EvalProtocol:
    assert isinstance(pl_module, DepthTask)
    return next(iter(pl_module.protocols.values()))

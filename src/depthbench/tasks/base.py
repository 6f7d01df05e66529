"""Base class of all kinds of training: predicting, scoring and being optimized."""

import math
from collections.abc import Mapping
from typing import Any, Literal, cast

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from depthbench.config.recipe import KEY
from depthbench.errors import UserError
from depthbench.losses.map_loss import left_open
from depthbench.maps import resize_bilinear, resize_nearest
from depthbench.metrics import ImageMetric
from depthbench.models import DepthModel, DepthWithUncertainty, predict_mirrored, predict_uncertain
from depthbench.output_kinds import OutputKind
from depthbench.protocols import Camera, Declared, EvalProtocol, Scorer
from depthbench.tasks.left_open import refuse_unmeasured
from depthbench.tasks.optimization import Optimization

LossUnit = Literal["metres", "network"]
PredictionTargetMask = tuple[Tensor, Tensor, Tensor]


class DepthTask(pl.LightningModule):
    """A network that is scored under named protocols. A kind of training is a subclass with a loss of its own.

    Args:
        net: the network.
        loss: ``loss(prediction, target, valid) -> scalar``.
        optim: optimizer and schedule.
        protocols: by name; the first is the one whose scores are logged during training.
        loss_space: ``metres``, or ``network`` for a loss on the network's output in its own depth space.
        supervise_at: ``output`` brings the truth to the output's size (nearest, as the papers with half-size
            outputs do), ``input`` brings the output to the truth's size (bilinear).
        channels_last: memory layout of network and images.
        structure: metrics of whole images that the test scores, too, by name.
    """

    find_unused_parameters = False
    optimizers_per_step = 1  # that step once per batch
    parts: Mapping[str, Tensor] | None = None  # of the last loss, where it is not ``self.loss`` that has them
    trained_in: str | None = None  # the precision, where the weights are those of a checkpoint that says so

    def __init__(
        self,
        net: DepthModel,
        loss: nn.Module,
        optim: Optimization,
        protocols: Mapping[str, EvalProtocol],
        loss_space: LossUnit = "metres",
        supervise_at: Literal["output", "input"] = "output",
        channels_last: bool = False,
        structure: Mapping[str, ImageMetric] | None = None,
    ) -> None:
        super().__init__()
        if loss_space not in ("metres", "network"):
            raise UserError(f"task.loss_space={loss_space} is unknown; choose metres or network.")
        if supervise_at not in ("output", "input"):
            raise UserError(f"task.supervise_at={supervise_at} is unknown; choose output or input.")
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.net = net.to(memory_format=self.layout)
        self.net.trained_by(left_open(loss), in_space=loss_space == "network")
        self.loss = loss
        self.optim = optim
        self.protocols = dict(protocols)
        self.loss_space, self.supervise_at = loss_space, supervise_at
        self.first_protocol = next(iter(self.protocols.values()))
        self.val_scorer, self.test_scorer = Scorer([self.first_protocol]), Scorer(self.protocols.values(), structure)
        self.test_scores: dict[str, dict[str, float]] = {}
        self.rows: list[dict[str, Any]] = []
        self.rates: list[list[float]] = []  # learning rates of the groups of each optimizer, as configured
        self.recipe: dict[str, Any] = {}  # how to make it again, for its checkpoints

    @property
    def output_kind(self) -> OutputKind:
        """Kind of the prediction, as the loss determines it."""
        return self.net.kind

    @property
    def declared(self) -> Declared:
        """Kind of the predictions, for protocols."""
        return Declared(self.output_kind.quantity)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say in the checkpoint how to make the task again."""
        checkpoint[KEY] = {**self.recipe, "leaves_open": sorted(left_open(self.loss))}

    def on_fit_start(self) -> None:
        """Refuse before training the settings that the test would refuse after it."""
        refuse_unmeasured(self.loss, self.output_kind, self.protocols.values())
        data: Any = getattr(self.trainer, "datamodule", None)
        if hasattr(data, "test") and self.test_scorer.structure.names:
            first = data.test[0]
            known = first.intrinsics is not None
            ending = ", which the test frames lack; leave it out of task.structure."
            self.test_scorer.structure.refuse(known, first.annotations, ending)
        self.rates = [[float(rate) for rate in scheduler.base_lrs] for scheduler in self._schedulers()]

    def on_train_start(self) -> None:
        """Let a continued training have the learning rate of its configuration, not that in the checkpoint."""
        if not self.optim.begun:
            return
        for scheduler, rates in zip(self._schedulers(), self.rates, strict=True):
            scheduler.base_lrs = list(rates)
            now = [
                rate * factor(scheduler.last_epoch) for rate, factor in zip(rates, scheduler.lr_lambdas, strict=True)
            ]
            for group, rate in zip(scheduler.optimizer.param_groups, now, strict=True):
                group["lr"] = rate
            scheduler._last_lr = list(now)

    def _schedulers(self) -> list[LambdaLR]:
        return [cast(LambdaLR, chosen.scheduler) for chosen in self.trainer.lr_scheduler_configs]

    def compile_network(self) -> None:
        """Compile the methods that training and test call."""
        self.net.compile()

    def phases(self, steps: int) -> list[tuple[str, int]]:
        """The parts of a training with different steps, with their share of the steps."""
        return [("", steps)]

    def enter(self, phase: str) -> None:
        """Begin a part of the training."""

    def forward(self, image: Tensor) -> Tensor:
        """Depth at the image's size, metres or by :attr:`output_kind`: ``(B, 3, H, W) -> (B, 1, H, W)``."""
        depth: Tensor = self.net.predict(image.contiguous(memory_format=self.layout))
        return depth

    def in_metres(self, prediction: Tensor, truth: Tensor) -> Tensor:
        """A prediction to be looked at: with an unknown scale or shift aligned to the truth by the first protocol."""
        if self.output_kind.is_metric:
            return prediction
        return self.first_protocol.aligned(prediction, truth, self.declared)

    def uncertain(self, image: Tensor, samples: int = 16) -> DepthWithUncertainty:
        """Depth and two standard deviations; see :func:`~depthbench.models.predict_uncertain`.

        The noise of the data is known to networks that were trained by the loss ``heteroscedastic`` only, the spread
        over dropout samples to those with dropout (``samples=0`` goes without).
        """
        image = image.contiguous(memory_format=self.layout)
        return predict_uncertain(self.net, image, samples, getattr(self.loss, "distribution", None))

    def supervised(self, output: Tensor, depth: Tensor) -> PredictionTargetMask:
        """Prediction, target and mask at one size and in the loss's space."""
        if self.supervise_at == "input":
            output = resize_bilinear(output, (depth.shape[-2], depth.shape[-1]))
        depth = resize_nearest(depth, (output.shape[-2], output.shape[-1]))
        valid = depth > 0
        if self.loss_space == "network":
            return output, self.net.space.from_depth(depth), valid
        return self.net.to_depth(output), depth, valid

    def measure(self, batch: Any) -> Tensor:
        """The loss of a batch."""
        output = self.net(batch.image.contiguous(memory_format=self.layout))
        loss: Tensor = self.loss(*self.supervised(output, batch.depth))
        return loss

    def training_step(self, batch: Any, batch_idx: int) -> Tensor | None:
        """The loss of a batch, logged with its parts."""
        loss = self.measure(batch)
        self.log_loss(loss, len(batch.image), self.parts)
        return loss

    def log_loss(self, total: Tensor, batch_size: int, parts: Mapping[str, Tensor] | None = None) -> None:
        """Log the loss and its named parts. A loss with periods has its parts in its trace, by period."""
        self.log("train/loss", total.detach(), prog_bar=True, batch_size=batch_size)
        if parts is None:
            parts = {} if hasattr(self.loss, "end_period") else getattr(self.loss, "parts", {})
        for name, value in parts.items():
            self.log(f"train/{name}", value, batch_size=batch_size)

    def predictions(self, image: Tensor, mirror: bool) -> tuple[Tensor, Tensor | None]:
        """Depth of the image and, if wanted, of its mirror image, mirrored back; one pass of the network for each."""
        return self(image), predict_mirrored(self, image) if mirror else None

    def on_validation_epoch_start(self) -> None:
        """Forget an earlier validation that did not end."""
        self.val_scorer.reset()

    def on_test_epoch_start(self) -> None:
        """Forget an earlier test that did not end."""
        refuse_unmeasured(self.loss, self.output_kind, self.protocols.values())
        self.test_scorer.reset()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Score a batch under the first protocol."""
        self._score(batch, self.val_scorer)

    def on_validation_epoch_end(self) -> None:
        """Log the scores as ``val/AbsRel`` and so on."""
        # Every process computes the same numbers: nothing is left to synchronize when they are logged.
        scores = self.val_scorer.compute().scores(self.first_protocol)
        self.log_dict({f"val/{key}": value for key, value in scores.items()})

    def test_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Score a batch under all protocols; callbacks get the prediction that the first one scores."""
        plain, mirrored = self._score(batch, self.test_scorer)
        return (
            plain
            if mirrored is None or not self.first_protocol.flip_average
            else self.first_protocol.average(plain, mirrored)
        )

    def on_test_epoch_end(self) -> None:
        """Scores of all images of all processes into :attr:`test_scores`, and of each image into :attr:`rows`."""
        found = self.test_scorer.compute()
        self.test_scores = {name: found.scores(protocol) for name, protocol in self.protocols.items()}
        for name, scores in self.test_scores.items():
            self.log_dict({f"test/{name}/{key}": value for key, value in scores.items()})
        self.rows = []
        for protocol in self.protocols.values():
            columns = found.per_image(protocol)
            for frame, *values in zip(found.frames, *columns.values(), strict=True):
                self.rows.append({"protocol": protocol.name, "name": frame, **dict(zip(columns, values, strict=True))})
        self.rows.sort(key=lambda row: (row["protocol"], row["name"]))

    def _score(self, batch: Any, scorer: Scorer) -> tuple[Tensor, Tensor | None]:
        plain, mirrored = self.predictions(batch.image, scorer.needs_mirrored)
        size = (batch.image.shape[-2], batch.image.shape[-1])
        camera = None if batch.intrinsics is None else Camera(batch.intrinsics, size)
        scorer.update(
            plain,
            batch.depth,
            batch.name,
            mirrored=mirrored,
            camera=camera,
            annotations=batch.annotations,
            image=batch.image,
            declared=self.declared,
        )
        return plain, mirrored

    def configure_optimizers(self) -> Any:
        """The network's and the loss's parameters, scheduled by steps."""
        optimizer, scheduler = self.optim.build(self.parameter_groups(), self.total_steps())
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def parameter_groups(self) -> list[Any]:
        """Parameters of the optimizer."""
        return self.optim.groups(self.net, self.loss)

    def total_steps(self) -> int:
        """Optimizer steps of the whole training, for schedules.

        Lightning's own count would open the training loader before its position is restored.
        """
        trainer = self.trainer
        if trainer.max_steps > 0:
            return trainer.max_steps // self.optimizers_per_step
        if trainer.max_epochs is None or trainer.max_epochs < 0:
            raise UserError("Training has no length; give trainer.max_epochs or trainer.max_steps.")
        data: Any = getattr(trainer, "datamodule", None)
        if not hasattr(data, "batches_per_epoch"):  # a trainer and loaders of somebody's own
            return int(trainer.estimated_stepping_batches) // self.optimizers_per_step
        batches: int = data.batches_per_epoch(trainer.limit_train_batches)
        return math.ceil(batches / trainer.accumulate_grad_batches) * trainer.max_epochs

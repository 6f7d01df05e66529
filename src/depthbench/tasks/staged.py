"""Training of the two-streamed network stage by stage (li2017, section 3.4)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Self, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from depthbench.errors import UserError
from depthbench.geometry import central_gradients
from depthbench.losses import GradientDistance, SetLoss
from depthbench.losses.set_transforms import Warp
from depthbench.maps import resize_bilinear, resize_nearest
from depthbench.models import TwoStreamNet
from depthbench.models.two_stream import Stage
from depthbench.tasks.base import DepthTask


class StageSpan(NamedTuple):
    """The steps ``[start, stop)`` of a stage, and the factor on the learning rate there."""

    stage: Stage
    start: int
    stop: int
    lr_factor: float


def divide_steps(stages: Mapping[Stage, Mapping[str, float]], steps: int) -> list[StageSpan]:
    """Share steps among stages in proportion to their ``length``, at least one each; stages of length 0 are left out.

    Raises:
        UserError: If there are fewer steps than stages.
    """
    kept = {name: stage for name, stage in stages.items() if stage["length"] > 0}
    if steps < len(kept):
        raise UserError(
            f"{steps} steps are too few for the stages {', '.join(kept)}; train longer, or leave stages out: "
            f"task.stages.{next(iter(kept))}.length=0."
        )
    whole = sum(stage["length"] for stage in kept.values())
    spans, passed, start = [], 0.0, 0
    for place, (name, stage) in enumerate(kept.items(), 1):
        passed += stage["length"]
        stop = min(max(round(steps * passed / whole), start + 1), steps - len(kept) + place)
        spans.append(StageSpan(name, start, stop, stage["lr_factor"]))
        start = stop
    return spans


class Staged(DepthTask):
    """Parsing and fusion, then refinement, then combination, then everything; the other parts are fixed.

    The streams are supervised by depth and by its gradients, one optimizer for both: they share no parameter. From the
    combination on, the loss is that of the combined depth plus the distance between its gradients, in metres, and those
    of the gradient stream (eq. 6). With a :class:`~depthbench.losses.SetLoss` (the paper's) both streams see sets.

    Each stage begins with a fresh optimizer and goes through the schedule of ``optim`` once.

    Args:
        stages: by name, in order; of each its ``length`` (in any unit: the whole training is shared out) and its
            ``lr_factor`` on the learning rate. The paper gives neither.
        gradient_distance: between gradient maps ``(B, 2, h, w)`` (eq. 5).
        clip_norm: largest norm of the gradient in the first ``clip_steps`` steps (the paper gives no norm);
            ``trainer.gradient_clip_val``, where given, holds instead, and to the end.
        clip_steps: 20 000 in the paper.
        **task: the arguments of :class:`DepthTask`; ``supervise_at`` must be ``output``.

    Raises:
        UserError: If network, loss or stages can't be trained so.
    """

    find_unused_parameters = True
    net: TwoStreamNet

    def __init__(
        self,
        *,
        stages: Mapping[Stage, Mapping[str, float]],
        gradient_distance: nn.Module | None = None,
        clip_norm: float = 1.0,
        clip_steps: int = 20_000,
        net: TwoStreamNet,
        loss: nn.Module,
        supervise_at: str = "output",
        **task: Any,
    ) -> None:
        alien = sorted(set(task) - {"optim", "protocols", "loss_space", "channels_last"})
        if alien:
            raise UserError(f"Staged training can't use this loss, which sets task.{alien[0]}; choose another loss.")
        if not isinstance(net, TwoStreamNet):
            raise UserError(f"Staged training needs the two-streamed network, not {type(net).__name__}.")
        if supervise_at != "output":
            raise UserError("Staged training compares gradients at the output's size; set task.supervise_at=output.")
        super().__init__(net=net, loss=loss, **task)
        if getattr(loss, "channels", 1) != 1:
            raise UserError(f"The two-streamed network has one output channel; {type(loss).__name__} needs more.")
        self.stages, self.clip_norm, self.clip_steps = stages, clip_norm, clip_steps
        for name, stage in stages.items():
            if set(stage) != {"length", "lr_factor"}:
                raise UserError(
                    f"task.stages.{name} must have exactly the keys length and lr_factor, not {sorted(stage)}."
                )
        lengths = {name: stage["length"] for name, stage in stages.items()}
        if min(lengths.values(), default=0) < 0 or not any(lengths.values()):
            raise UserError(f"The lengths of task.stages must not be negative, and not all 0; they are {lengths}.")
        for name in (name for name, length in lengths.items() if length):
            net.trained(name)  # refuses other names
        self.distance = gradient_distance or GradientDistance("none")
        self.gradient_loss = self.distance
        if isinstance(loss, SetLoss):
            self.gradient_loss = SetLoss(self.distance, loss.transforms, loss.weight)
        self.last = next(name for name in reversed(list(stages)) if lengths[name])
        self.spans: list[StageSpan] = []
        self.stage: Stage | None = None  # in training

    def compile_network(self) -> None:
        """Compile the methods that the stages call: the maps, and ``forward`` if the test calls it."""
        super().compile_network()
        self.net.maps = torch.compile(self.net.maps)  # type: ignore[method-assign]

    def phases(self, steps: int) -> list[tuple[str, int]]:
        """The stages."""
        return [(span.stage, span.stop - span.start) for span in divide_steps(self.stages, steps)]

    def enter(self, phase: str) -> None:
        """Begin a stage."""
        self.stage = cast(Stage, phase)
        self.net.set_stage(self.stage)

    def forward(self, image: Tensor) -> Tensor:
        """Depth in metres at the image's size, as good as the present stage gives it."""
        stage = self.stage or self.last
        if self.net.complete(stage):
            return super().forward(image)
        maps = self.net.maps(image.contiguous(memory_format=self.layout), stage)
        depth = maps.depth if maps.combined is None else maps.combined
        return resize_bilinear(self.net.predicted(depth), (image.shape[-2], image.shape[-1]))

    def measure(self, batch: Any) -> Tensor:
        """The loss of a batch in the present stage."""
        images, record = batch.image, None
        if isinstance(self.loss, SetLoss):
            images, record = self.loss.expand(images)
        told = () if record is None else (record,)
        maps = self.net.maps(images.contiguous(memory_format=self.layout), self.stage or self.last)
        prediction, target, valid = self.supervised(maps.depth if maps.combined is None else maps.combined, batch.depth)
        depth: Tensor = self.loss(prediction, target, valid, *told)
        truth = resize_nearest(batch.depth, (prediction.shape[-2], prediction.shape[-1]))
        if maps.combined is None:
            slopes: Tensor = self.gradient_loss(maps.gradient, *central_gradients(truth, valid), *told)
        else:
            seen = valid if record is None else _followed(valid, record)
            slopes = self.distance(maps.gradient, *central_gradients(self.net.to_depth(maps.combined), seen))
        self.parts = {"depth": depth.detach(), "gradient": slopes.detach()}
        return depth + slopes

    def on_train_start(self) -> None:
        """After a resume, be in the stage of the last step: a validation may come first."""
        if self.global_step:
            self.enter(self._span(self.global_step - 1).stage)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Enter the stage of this step: on time, and again after a resume."""
        span = self._span(self.global_step)
        if span.stage != self.stage:
            self.enter(span.stage)
            if self.global_step == span.start:
                self.optimizers().optimizer.state.clear()  # type: ignore[union-attr]

    def train(self, mode: bool = True) -> Self:
        """Switch the mode; the fixed blocks stay in evaluation mode."""
        super().train(mode)
        if mode and self.stage is not None:
            self.net.set_stage(self.stage)
        return self

    def configure_optimizers(self) -> Any:
        """One optimizer for all stages: blocks that are fixed have no gradient, and it leaves them alone."""
        steps, plain = self.total_steps(), self.optim
        self.spans = divide_steps(self.stages, steps)

        def schedule(progress: float) -> float:
            step = round(progress * steps)
            span = self._span(step)
            return span.lr_factor * plain.schedule((step - span.start) / (span.stop - span.start))

        optimizer, scheduler = replace(plain, schedule=schedule).build(self.parameter_groups(), steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the first steps."""
        norm = gradient_clip_val
        if norm is None and self.global_step < self.clip_steps:
            norm = self.clip_norm
        self.clip_gradients(optimizer, norm, gradient_clip_algorithm)

    def _span(self, step: int) -> StageSpan:
        return next((span for span in self.spans if step < span.stop), self.spans[-1])


def _followed(valid: Tensor, record: list[Warp]) -> Tensor:
    """The mask of each member of a set, in its own frame: ``(B, 1, h, w) -> (N B, 1, h, w)``."""
    members = [warp.forward(valid.float()) for warp in record]
    return torch.cat([(there > 0.5) & inside for there, inside in members])

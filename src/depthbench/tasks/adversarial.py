"""A depth network against a discriminator (carvalho2018: D3-Net; mehrzadeh2020: on top of Hu et al.)."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from depthbench.errors import UserError
from depthbench.losses import AdversarialLoss
from depthbench.maps import resize_bilinear, resize_nearest
from depthbench.models import ImageBuffer, PatchDiscriminator
from depthbench.tasks.base import DepthTask
from depthbench.tasks.optimization import trainable


class Adversarial(DepthTask):
    """Content loss plus a learned one: ``content_weight * loss + adversarial_weight * L_adv(D(G(x), x), real)``.

    Where the truth has a hole, both maps have one: the discriminator must not tell them apart by missing pixels.

    Args:
        discriminator: judges ``(depth, image) -> logits``.
        criterion: binary cross-entropy or least squares; carvalho2018 does not say which (its released code: the
            former by default).
        discriminator_optimizer: given parameters, makes the optimizer; scheduled as the network's.
        content_weight: of the ``loss``. carvalho2018's released code has 100 for an L1 of depths in [-1, 1]: 20 per
            metre of a range of 10 m.
        adversarial_weight: of the adversarial term.
        buffer_size: earlier predictions that the discriminator is shown again (CycleGAN: 50; 0 for none).
        update_first: ``discriminator`` (carvalho2018's released code) or ``generator`` (CycleGAN) is updated first.
        **task: the arguments of :class:`DepthTask`.
    """

    find_unused_parameters = True
    optimizers_per_step = 2

    def __init__(
        self,
        *,
        discriminator: PatchDiscriminator,
        criterion: AdversarialLoss,
        discriminator_optimizer: Callable[[Iterable[Any]], Optimizer],
        content_weight: float = 20.0,
        adversarial_weight: float = 1.0,
        buffer_size: int = 0,
        update_first: Literal["discriminator", "generator"] = "discriminator",
        **task: Any,
    ) -> None:
        super().__init__(**task)
        if update_first not in ("discriminator", "generator"):
            raise UserError(f"task.update_first={update_first} is unknown; choose discriminator or generator.")
        self.automatic_optimization = False
        self.discriminator = discriminator
        self.criterion = criterion
        self.discriminator_optimizer = discriminator_optimizer
        self.content_weight, self.adversarial_weight = content_weight, adversarial_weight
        self.buffer = ImageBuffer(buffer_size)
        self.update_first = update_first
        self.clip_norm: float | None = None

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """One update of each network on one prediction."""
        image = batch.image.contiguous(memory_format=self.layout)
        output = self.net(image)
        prediction, target, valid = self.supervised(output, batch.depth)
        metres = prediction if self.loss_space == "metres" else self.net.to_depth(output)
        truth = resize_nearest(batch.depth, (metres.shape[-2], metres.shape[-1]))
        fake, real = torch.where(valid, metres.float(), 0.0), torch.where(valid, truth, 0.0)

        if self.update_first == "discriminator":
            judgment = self._update_discriminator(real, fake, image)
        self.toggle_optimizer(self._optimizer(0))
        content = self.loss(prediction, target, valid)
        adversarial = self.criterion(self._judge(fake, image), True)
        total = self.content_weight * content + self.adversarial_weight * adversarial
        self._step(0, total)
        self.untoggle_optimizer(self._optimizer(0))
        if self.update_first == "generator":
            judgment = self._update_discriminator(real, fake, image)

        parts = {"content": content.detach(), "adversarial": adversarial.detach(), "discriminator": judgment}
        self.log_loss(total, len(image), parts)

    def _judge(self, depth: Tensor, image: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(depth, image if self.discriminator.conditional else None)
        return logits

    def _update_discriminator(self, real: Tensor, fake: Tensor, image: Tensor) -> Tensor:
        # A kept prediction goes with the image that it was made from.
        kept = self.buffer(torch.cat([fake.detach(), resize_bilinear(image, (fake.shape[-2], fake.shape[-1]))], dim=1))
        self.toggle_optimizer(self._optimizer(1))
        on_real = self.criterion(self._judge(real, image), True)
        on_fake = self.criterion(self._judge(kept[:, :1], kept[:, 1:]), False)
        loss = 0.5 * (on_real + on_fake)
        self._step(1, loss)
        self.untoggle_optimizer(self._optimizer(1))
        judgment: Tensor = loss.detach()
        return judgment

    def _optimizer(self, index: int) -> Any:
        optimizers = self.optimizers()
        assert isinstance(optimizers, list)
        return optimizers[index]

    def _step(self, index: int, loss: Tensor) -> None:
        optimizer, schedulers = self._optimizer(index), self.lr_schedulers()
        assert isinstance(schedulers, list)
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        schedulers[index].step()  # type: ignore[call-arg]

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip; not right after backward, because in fp16 the gradients are multiplied by a large scale until now."""
        if self.clip_norm is not None:
            self.clip_gradients(optimizer, gradient_clip_val=self.clip_norm, gradient_clip_algorithm="norm")

    def configure_optimizers(self) -> Any:
        """Two optimizers on one schedule."""
        steps = self.total_steps()
        generator, scheduler = self.optim.build(self.parameter_groups(), steps)
        judge = replace(self.optim, optimizer=self.discriminator_optimizer, encoder_factor=1.0, factors=None)
        discriminator, judge_scheduler = judge.build(trainable(self.discriminator), steps)
        return [generator, discriminator], [scheduler, judge_scheduler]

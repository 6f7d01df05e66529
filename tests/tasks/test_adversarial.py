"""Adversarial training: its weights mean what their source says, and its gradients are clipped in their true size."""

import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.plugins.precision import MixedPrecision

from depthbench.data import DataModule
from depthbench.errors import UserError
from depthbench.models import PatchDiscriminator
from depthbench.training.trainer import build_task, build_trainer
from tests.tasks.test_tasks import Frames, composed

RANGE = 10.0  # metres


def gradients(task, metres, truth, image):
    """Gradients of the weighted content and of the weighted adversarial part, by the prediction in metres."""
    metres = metres.clone().requires_grad_()
    content = task.content_weight * task.loss(metres, truth, None)
    adversarial = task.adversarial_weight * task.criterion(task.discriminator(metres, image), True)
    return [torch.autograd.grad(part, metres)[0] for part in (content, adversarial)]


def test_gan_weighs_its_parts_as_the_released_code():
    """There depth is in [-1, 1] with metres = 5 (x + 1), as the image; the loss is cross-entropy plus 100 times L1."""
    task = build_task(composed("loss=gan", "+task.discriminator.width=8"))
    discriminator = PatchDiscriminator(layers=2, width=8, max_depth=None)
    discriminator.load_state_dict(task.discriminator.state_dict())
    truth, image = 1 + 8 * torch.rand(2, 1, 32, 48), torch.rand(2, 3, 32, 48)
    metres = truth + torch.randn_like(truth)
    x = (2 / RANGE * metres - 1).requires_grad_()
    logits = discriminator(x, 2 * image - 1)
    released = (
        100 * F.l1_loss(x, 2 / RANGE * truth - 1),
        F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)),
    )
    wanted = [torch.autograd.grad(part, x, retain_graph=True)[0] for part in released]
    found = gradients(task, metres, truth, image)
    ratio = [pair[0].norm() / pair[1].norm() for pair in (wanted, found)]
    assert ratio[1].item() == pytest.approx(ratio[0].item(), rel=1e-5)
    for ours, theirs in zip(found, wanted, strict=True):  # and each part by itself, in metres
        torch.testing.assert_close(ours, theirs * 2 / RANGE, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_clipped_gradients_have_their_true_size(precision, tmp_path):
    """Under a gradient scale, too, the optimizers use a norm of at most the limit and not of a 1024th of it."""
    config = composed("loss=gan", "trainer.max_epochs=1", "trainer.limit_train_batches=1")
    config.trainer.gradient_clip_val = 0.01
    task = build_task(config)
    trainer = build_trainer(config, task, tmp_path, [], [])
    if precision == "16-mixed":
        scaler = torch.amp.GradScaler("cpu", init_scale=1024)
        trainer.strategy.precision_plugin = MixedPrecision("16-mixed", "cpu", scaler)
    norms = []
    build = task.configure_optimizers

    def observed():
        optimizers, schedulers = build()
        for optimizer in optimizers:
            optimizer.register_step_post_hook(
                lambda o, *_: norms.append(
                    torch.nn.utils.get_total_norm(
                        [p.grad for group in o.param_groups for p in group["params"] if p.grad is not None]
                    ).item()
                )
            )
        return optimizers, schedulers

    task.configure_optimizers = observed
    trainer.fit(task, datamodule=DataModule(Frames(), Frames(), batch_size=4))
    assert len(norms) == 2
    assert norms == pytest.approx([0.01, 0.01], rel=1e-3)


@pytest.mark.parametrize("precision", ["bf16-true", "16-true"])
def test_weights_in_16_bits_are_refused_before_training(precision, tmp_path):
    config = composed("trainer.max_epochs=1", f"trainer.precision={precision}")
    with pytest.raises(UserError, match=f"precision={precision} keeps the weights"):
        build_trainer(config, build_task(config), tmp_path, [], [])


def test_lightning_clips_nothing_itself(tmp_path):
    config = composed("loss=gan", "trainer.max_epochs=1")
    config.trainer.gradient_clip_val = 0.5
    task = build_task(config)
    trainer = build_trainer(config, task, tmp_path, [], [])
    assert isinstance(trainer, pl.Trainer)
    assert trainer.gradient_clip_val is None
    assert task.clip_norm == 0.5

"""From a configuration to three maps: depth, the noise of the data, the doubt of the network."""

import pytest
import torch
from hydra import compose, initialize_config_dir

from depthbench.config.compose import config_dir
from depthbench.data import DataModule, Frame
from depthbench.errors import UserError
from depthbench.runs.folder import RunFolder
from depthbench.training.loading import load_task
from depthbench.training.trainer import build_task, build_trainer, train_and_test
from tests.commands import TINY, make_frames

UNCERTAIN = ["model=uncertain", "loss=heteroscedastic", "model.encoder.pretrained=false"]


def composed(*overrides):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("config", overrides=list(overrides))


def test_a_runs_checkpoint_gives_three_maps(tmp_path):
    frames = make_frames(tmp_path / "frames", train=4, test=2)
    told = [*TINY, *UNCERTAIN, f"data.root={frames}", f"output={tmp_path}", "data.split=4", "data.test_frames=2"]
    folder = RunFolder.create(composed(*told, "trainer.max_epochs=1"), told, {})
    train_and_test(folder, progress_bar=False)
    task, image = load_task(folder).eval(), torch.rand(2, 3, 50, 70)
    maps = task.uncertain(image, samples=4)
    for values in maps:
        assert values.shape == (2, 1, 50, 70)
        assert values.isfinite().all()
        assert values.amax(dim=(1, 2, 3)).gt(0).all()
    without = task.uncertain(image, samples=0)
    torch.testing.assert_close(without.depth, task(image))
    assert not without.epistemic.any()


class Halves(torch.utils.data.Dataset):
    """Two meters on the black half of an image; on the white half anything between one and four."""

    def __init__(self, count):
        self.dark = torch.zeros(1, 64, 64)
        self.dark[..., :32] = 1
        noise = torch.randint(1, 3, (count, 1, 64, 64), generator=torch.Generator().manual_seed(0)) ** 2
        self.depths = torch.where(self.dark.bool(), 2.0, noise.float())

    def __len__(self):
        return len(self.depths)

    def __getitem__(self, index):
        return Frame((1 - self.dark).expand(3, -1, -1), self.depths[index], None, str(index))


@pytest.mark.parametrize("distribution", ["laplace", "gaussian"])
def test_noise_is_found_where_it_is(distribution, tmp_path):
    """Depths of 1 and 4 m, as likely: ln d has the standard deviation ln 2, and so has the mean deviation of ln d."""
    told = [*TINY[:2], *UNCERTAIN, f"loss.distribution={distribution}", "augment=none", "optim=adam"]
    config = composed(*told, "trainer=cpu", "logger=csv", "trainer.max_epochs=1", "optim.optimizer.lr=3e-3")
    task = build_task(config)
    data = DataModule(Halves(16), Halves(2), batch_size=4, epoch_size=4 * 40)
    build_trainer(config, task, tmp_path, [], []).fit(task, datamodule=data)
    maps = task.eval().uncertain(Halves(1)[0].image[None], samples=8)
    quiet, noisy = (maps.aleatoric[..., columns].median() for columns in (slice(0, 24), slice(40, 64)))
    assert noisy > 4 * quiet
    assert maps.epistemic.mean() > 2e-5  # little doubt is left in so simple a world, but more than rounding


def test_another_second_channel_is_no_noise():
    task = build_task(composed("loss=relative", *TINY[:2])).eval()
    assert not task.uncertain(torch.rand(1, 3, 64, 64), samples=0).aleatoric.any()
    with pytest.raises(UserError, match="need a network with dropout"):
        task.uncertain(torch.rand(1, 3, 64, 64))

"""The callback that ends periods: when, what it writes, and what a restart or several processes make of it."""

import csv
import pickle

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

from depthbench import losses as L
from depthbench.errors import UserError
from depthbench.training.callbacks.loss_periods import LossWeights

IMAGES = 22
SIZE = (16, 20)


class Toy(pl.LightningModule):
    """A convolution under a loss. It takes the images of its batch itself, as a resumable data module would."""

    def __init__(self, loss):
        super().__init__()
        self.net, self.loss = torch.nn.Conv2d(1, 1, 3, padding=1), loss

    def training_step(self, batch, batch_idx):
        count, ranks = len(batch[0]), self.trainer.world_size
        first = (batch_idx * ranks + self.trainer.global_rank) * count
        image, depth = data().dataset[first : first + count]
        return self.loss(self.net(image), depth, depth > 0)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1e-3)


def data():
    generator = torch.Generator().manual_seed(3)
    image, depth = (torch.rand(IMAGES, 1, *SIZE, generator=generator) for _ in range(2))
    return DataLoader(TensorDataset(image, 1 + depth * (depth > 0.1)), batch_size=2)


def rebalanced():
    return L.WeightedTerms(L.LossSpace(scales=[0, 1, 5]), L.Rebalance(clamp=(0.5, 2.0)))


def trainer(folder, **settings):
    return pl.Trainer(
        **{
            "max_epochs": 3,
            "accelerator": "cpu",
            "devices": 1,
            "default_root_dir": folder,
            "logger": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "enable_checkpointing": False,
            "callbacks": [LossWeights()],
        }
        | settings
    )


def toy(loss):
    torch.manual_seed(0)
    return Toy(loss)


def rows(folder):
    with (folder / "loss_trace.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_four_periods_an_epoch(tmp_path):
    module = toy(rebalanced())
    trainer(tmp_path).fit(module, data())
    trace = rows(tmp_path)
    names = module.loss.names
    assert [row["name"] for row in trace] == names * 12
    # 11 batches: ceil(11 k / 4) = 3, 6, 9, 11
    steps = [3, 6, 9, 11, 14, 17, 20, 22, 25, 28, 31, 33]
    assert [int(row["step"]) for row in trace[:: len(names)]] == steps
    assert [int(row["epoch"]) for row in trace[:: len(names)]] == [0] * 4 + [1] * 4 + [2] * 4
    for row in trace:
        assert float(row["contribution"]) == pytest.approx(float(row["weight"]) * float(row["loss"]), nan_ok=True)
    second = [
        float(row["weight"]) * float(trace[k]["loss"]) for k, row in enumerate(trace[len(names) : 2 * len(names)])
    ]
    known = [x for x, row in zip(second, trace, strict=False) if float(row["loss"]) > 0]
    assert known == pytest.approx([known[0]] * len(known))  # balanced by the losses of the first period


def test_accumulation_does_not_change_the_periods(tmp_path):
    module = toy(rebalanced())
    trainer(tmp_path, accumulate_grad_batches=3, max_epochs=1).fit(module, data())
    assert [int(row["period"]) for row in rows(tmp_path)[:: len(module.loss.names)]] == [0, 1, 2, 3]


def test_epochs_shorter_than_four_batches(tmp_path):
    module = toy(rebalanced())
    trainer(tmp_path, limit_train_batches=2, max_epochs=2).fit(module, data())
    assert [int(row["period"]) for row in rows(tmp_path)[:: len(module.loss.names)]] == [0, 1, 2, 3]


def test_any_composition_leaves_a_trace(tmp_path):
    terms = {"l1": {"weight": 2, "loss": L.L1()}, "ssim": {"weight": 1, "loss": L.SSIM()}}
    trainer(tmp_path, max_epochs=1).fit(toy(L.WeightedSum(terms)), data())
    assert [(row["name"], float(row["weight"])) for row in rows(tmp_path)] == [("l1", 2), ("ssim", 1)] * 4


def test_a_plain_loss_is_left_alone(tmp_path):
    trainer(tmp_path, max_epochs=1).fit(toy(L.L1()), data())
    assert not (tmp_path / "loss_trace.csv").exists()


def test_loggers_get_terms_and_weights(tmp_path):
    logger = pl.loggers.CSVLogger(tmp_path, name="", version="log")
    module = Toy(L.WeightedTerms(L.LossSpace(kinds=["D"], scales=[0]), L.Uniform()))
    trainer(tmp_path, max_epochs=1, logger=logger).fit(module, data())
    with (tmp_path / "log" / "metrics.csv").open(newline="") as file:
        logged = [row for row in csv.DictReader(file) if row["terms/D/0"]]
    assert [float(row["terms/D/0"]) for row in logged] == pytest.approx([float(r["loss"]) for r in rows(tmp_path)])
    assert {row["weights/D/0"] for row in logged} == {"1.0"}


@pytest.mark.parametrize("step", [8, 11, 15, 17])
def test_a_restart_goes_on_as_if_nothing_had_happened(tmp_path, step):
    """Restarts fall in a period, at its end, at an epoch's end; rows of the lost steps are already written."""
    straight = toy(rebalanced())
    trainer(tmp_path / "straight", max_epochs=2).fit(straight, data())

    checkpoints = pl.callbacks.ModelCheckpoint(tmp_path / "checkpoints", every_n_train_steps=step, save_top_k=-1)
    settings = {"enable_checkpointing": True, "callbacks": [LossWeights(), checkpoints], "max_epochs": 2}
    trainer(tmp_path / "resumed", **settings).fit(toy(rebalanced()), data())
    with (tmp_path / "resumed" / "loss_trace.csv").open("a") as file:
        file.write("7,1,22,cut o")
    [path] = (tmp_path / "checkpoints").glob(f"*step={step}.ckpt")
    resumed = toy(rebalanced())
    trainer(tmp_path / "resumed", max_epochs=2).fit(resumed, data(), ckpt_path=path, weights_only=True)

    assert rows(tmp_path / "resumed") == rows(tmp_path / "straight")
    for one, two in zip(straight.state_dict().items(), resumed.state_dict().items(), strict=True):
        assert one[0] == two[0]
        torch.testing.assert_close(one[1], two[1], rtol=0, atol=0, equal_nan=True)


def test_endless_data_are_refused(tmp_path):
    class Endless(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(data().dataset)

    with pytest.raises(UserError, match="known length"):
        trainer(tmp_path, max_steps=2).fit(toy(rebalanced()), DataLoader(Endless(), batch_size=2))


def test_no_period_is_refused():
    with pytest.raises(UserError, match="at least 1"):
        LossWeights(0)


def test_a_process_that_starts_anew_gets_the_callback():
    """The strategy `ddp_spawn` sends it to the processes that train."""
    assert pickle.loads(pickle.dumps(LossWeights(3))).periods_per_epoch == 3


@pytest.mark.slow
@pytest.mark.parametrize("step", [8])
def test_two_processes_hold_the_same_weights_also_after_a_restart(tmp_path, step):
    """Each sees half of the images; the weights are those of one process that sees pairs of them."""
    parallel = {"devices": 2, "strategy": "ddp_spawn", "max_epochs": 2}
    checkpoints = pl.callbacks.ModelCheckpoint(tmp_path / "checkpoints", every_n_train_steps=step, save_top_k=-1)
    half = DataLoader(data().dataset, batch_size=1)
    alone = toy(rebalanced())
    trainer(tmp_path / "alone", max_epochs=2).fit(alone, data())
    together = trainer(
        tmp_path / "together", **parallel, enable_checkpointing=True, callbacks=[LossWeights(), checkpoints]
    )
    together.fit(toy(rebalanced()), half)
    one, two = rows(tmp_path / "alone"), rows(tmp_path / "together")
    assert [row["name"] for row in one] == [row["name"] for row in two]
    for column in ("period", "epoch", "loss", "weight"):
        values = [[float(row[column]) for row in trace] for trace in (one, two)]
        assert values[1] == pytest.approx(values[0], rel=1e-4, nan_ok=True)

    [path] = (tmp_path / "checkpoints").glob(f"*step={step}.ckpt")
    trainer(tmp_path / "together", **parallel).fit(toy(rebalanced()), half, ckpt_path=path, weights_only=True)
    for row, again in zip(two, rows(tmp_path / "together"), strict=True):
        assert float(again["weight"]) == pytest.approx(float(row["weight"]), rel=1e-9)

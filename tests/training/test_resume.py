"""An interrupted run ends with bit for bit the weights, scores and rows of an uninterrupted one (on the CPU)."""

import pytest
from pytorch_lightning.callbacks import Callback

from depthbench.errors import UserError
from depthbench.training import trainer as training
from depthbench.training.callbacks import Stopped, status_reporter
from tests.commands import TINY_TWO_STREAM, make_frames
from tests.training.interrupted import Killed, assert_same, folder, interrupted, train


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return make_frames(tmp_path_factory.mktemp("frames"), train=13)


@pytest.fixture(autouse=True)
def _reported(monkeypatch):
    monkeypatch.setattr(status_reporter, "INTERVAL", 0)  # a row of the table for every step, whatever the machine does


STAGED = [*TINY_TWO_STREAM, "loss=li2017_set", "data.size=[48,48]", "data.test_frames=2"]
ADVERSARIAL = [
    "loss=mehrzadeh2020_adversarial",
    "model.space._target_=depthbench.models.MetricDepth",
    "task.buffer_size=3",
    "trainer.max_epochs=2",
]

# Stochastic depth and augmentation draw random numbers; of 13 frames, passes begin in the middle of a batch of 4.
KINDS = {
    "plain": ["loss=l1", "+model.encoder.options={drop_path_rate:0.5}", "trainer.max_epochs=2"],
    "adversarial": ADVERSARIAL,
    "rebalanced": ["loss=lee2020", "trainer.max_epochs=2"],
    "accumulated": ["loss=l1", "trainer.accumulate_grad_batches=2", "trainer.max_epochs=2"],
    "no validation": ["loss=l1", "trainer.limit_val_batches=0", "trainer.max_epochs=2"],
    "steps": ["loss=l1", "trainer.max_steps=5", "callbacks.checkpoint_every=5"],
    "staged": STAGED,
}
STEPS = {kind: 9 if kind == "staged" else 5 if kind == "steps" else 6 for kind in KINDS}

_WHOLE = {}


@pytest.fixture
def whole(frames, tmp_path_factory):
    """The uninterrupted run of a kind."""

    def of(kind):
        if kind not in _WHOLE:
            _WHOLE[kind] = train(folder(frames, tmp_path_factory.mktemp("whole"), *KINDS[kind]))
        return _WHOLE[kind]

    return of


def check(kind, hook, call, action, whole, frames, tmp_path):
    run = folder(frames, tmp_path, *KINDS[kind])
    interrupted(run, hook, call, action, Killed if action == "kill" else Stopped)
    first = {"on_train_batch_end": 3, "on_validation_start": 1}  # the checkpoint's callback comes after this one
    early = action == "kill" and call <= first.get(hook, 0)
    assert run.checkpoint.exists() != early or kind == "steps"
    train(run)
    assert_same(whole(kind), run)


QUICK = [
    ("plain", "on_train_batch_end", 2, "SIGTERM"),
    ("plain", "on_train_batch_end", 3, "SIGHUP"),
    ("plain", "on_train_batch_end", 5, "kill"),
    ("plain", "on_validation_batch_start", 2, "SIGTERM"),
    ("adversarial", "on_train_batch_end", 4, "SIGINT"),
    ("adversarial", "on_train_batch_end", 5, "kill"),
    ("rebalanced", "on_train_batch_end", 4, "SIGUSR1"),
    ("steps", "on_train_batch_end", 5, "SIGTERM"),
    ("staged", "on_train_batch_end", 4, "SIGTERM"),
    ("staged", "on_validation_batch_start", 1, "kill"),
]
ALL = [
    *((kind, "on_train_batch_end", step, action) for kind in KINDS for step in range(1, STEPS[kind] + 1)
      for action in ("kill", "SIGTERM")),
    *((kind, hook, call, action)
      for kind in ("plain", "adversarial", "staged")
      for hook in ("on_validation_start", "on_validation_batch_start", "on_validation_end", "on_train_epoch_end")
      for call in (1, 2) for action in ("kill", "SIGTERM")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "hook", "call", "action"), QUICK)
def test_resumed_equals_uninterrupted(kind, hook, call, action, whole, frames, tmp_path):
    check(kind, hook, call, action, whole, frames, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "hook", "call", "action"), [case for case in ALL if case not in QUICK])
def test_interrupted_anywhere(kind, hook, call, action, whole, frames, tmp_path):
    if kind == "steps" and hook != "on_train_batch_end":
        pytest.skip("has one validation only")
    check(kind, hook, call, action, whole, frames, tmp_path)


def test_a_training_that_stops_early_records_the_steps_that_it_did(frames, tmp_path, monkeypatch):
    class Enough(Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            trainer.should_stop = True

    build = training.build_callbacks
    monkeypatch.setattr(training, "build_callbacks", lambda *args: [*build(*args), Enough()])
    assert train(folder(frames, tmp_path, *ADVERSARIAL)).read_json("DONE")["steps"] == 3  # an epoch of two


@pytest.mark.parametrize("name", ["metrics.csv", "loss_trace.csv"])
def test_a_changed_row_of_an_interrupted_run_is_noticed(name, whole, frames, tmp_path):
    run = interrupted(folder(frames, tmp_path, *KINDS["rebalanced"]), "on_train_batch_end", 4, "SIGTERM", Stopped)
    table = run.path / name
    sound = table.read_text()
    head, row, rest = sound.split("\n", 2)
    cells = row.split(",")
    place = max(place for place, cell in enumerate(cells) if cell[-1:].isdigit())
    cells[place] = cells[place][:-1] + str((int(cells[place][-1]) + 1) % 10)
    table.write_text("\n".join([head, ",".join(cells), rest]))
    with pytest.raises(UserError, match=rf"{name} has changed since the checkpoint .* or delete it to go on"):
        train(run)
    table.write_text(sound)
    train(run)
    assert_same(whole("rebalanced"), run)


def test_without_its_table_a_run_goes_on(frames, tmp_path):
    run = interrupted(folder(frames, tmp_path, *KINDS["rebalanced"]), "on_train_batch_end", 4, "SIGTERM", Stopped)
    for name in ("metrics.csv", "loss_trace.csv"):
        (run.path / name).unlink()
    assert train(run).done

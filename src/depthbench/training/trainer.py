"""One run, from its configuration to its scores."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Callback, ProgressBar
from pytorch_lightning.loggers import Logger

from depthbench.config.nodes import callback_nodes, logger_nodes
from depthbench.data import DataModule
from depthbench.errors import UserError
from depthbench.models import faster_precision
from depthbench.runs.folder import RunFolder
from depthbench.tasks import Adversarial, DepthTask
from depthbench.tasks.left_open import refuse_unmeasured
from depthbench.training.callbacks import EpochLoss, ProcessStates, Pruning, SeedEachStep, StatusReporter
from depthbench.training.checkpoint_file import CheckpointFile, Resumed, precision_of, steps_in
from depthbench.training.compiled_files import forget_unfinished
from depthbench.training.devices import check_accelerator, device_count
from depthbench.training.loggers import MetricsTable, TensorBoard
from depthbench.training.nodes import make
from depthbench.training.parts import NOTHING_GIVEN, GivenParts, build_data, build_task
from depthbench.training.quiet import silence_hints
from depthbench.training.results import save_results
from depthbench.training.signals import STOP
from depthbench.training.start import go_on, load_start, where_it_stands
from depthbench.training.startup_summary import announcement, estimate, training_steps
from depthbench.training.whole_batch_norm import WholeBatch

_HALF_WEIGHTS = ("bf16-true", "16-true", "transformer-engine", "transformer-engine-float16")
# Keys of the group `trainer` that are not Lightning's.
_OURS = ("compile", "channels_last", "estimate")


def build_trainer(
    config: DictConfig,
    task: DepthTask,
    root: Path,
    callbacks: Sequence[Callback],
    loggers: Sequence[Logger],
    log_every: int = 10,
    began_in: str | None = None,
) -> pl.Trainer:
    """Lightning's trainer for the machine at hand, which logs every so many steps.

    With ``trainer.precision=auto`` a run that goes on keeps the precision that it began in.

    Raises:
        UserError: if the machine lacks the requested devices or precision, or the kind of training can't use them.
    """
    settings: dict[str, Any] = OmegaConf.to_container(config.trainer, resolve=True)  # type: ignore[assignment]
    settings = {key: value for key, value in settings.items() if key not in _OURS}
    check_accelerator(settings["accelerator"])
    settings["devices"] = device_count(config)
    whole_batch = settings.pop("sync_batchnorm")
    if settings["precision"] == "auto":
        settings["precision"] = began_in or _own_precision(config, task)
    if settings["precision"] in _HALF_WEIGHTS:
        raise UserError(
            f"trainer.precision={settings['precision']} keeps the weights, and so the depth, in 16 bits (steps of 3 cm "
            "at 5 m); choose trainer.precision=bf16-mixed or 16-mixed, which keep both in float32."
        )
    if settings["strategy"] == "auto" and settings["devices"] * settings["num_nodes"] > 1:
        settings["strategy"] = "ddp"
    if settings["strategy"] == "ddp" and task.find_unused_parameters:
        settings["strategy"] = "ddp_find_unused_parameters_true"
    _fit_manual_optimization(settings, task)
    settings["max_steps"] = -1 if settings["max_steps"] is None else settings["max_steps"]
    if settings["max_steps"] > 0:  # Lightning counts the steps of each optimizer
        settings["max_steps"] *= task.optimizers_per_step
    settings.setdefault("log_every_n_steps", log_every)
    try:
        trainer = pl.Trainer(
            **settings,
            callbacks=list(callbacks),
            logger=list(loggers),
            plugins=[CheckpointFile(), *_alone(), *([WholeBatch()] if whole_batch else [])],
            default_root_dir=root,
            enable_checkpointing=True,
            enable_model_summary=False,
            enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
        )
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise UserError(f"The trainer refuses its configuration: {error}") from error
    # Lightning's handlers would stop without a checkpoint, and talk to other processes in the middle of anything.
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
    return trainer


def _own_precision(config: DictConfig, task: DepthTask) -> str:
    """The precision that this machine chooses for a run that begins here."""
    gpu = torch.cuda.is_available() and config.trainer.accelerator != "cpu"
    return faster_precision(task.net, "cuda" if gpu else "cpu")


def _kept_precision(config: DictConfig, task: DepthTask, began_in: str | None) -> str | None:
    """A sentence where a run goes on in another precision than it would begin in on this machine."""
    if config.trainer.precision != "auto" or began_in in (None, own := _own_precision(config, task)):
        return None
    return f"Goes on in {began_in}, in which it began on another machine; this one would begin in {own}."


def _alone() -> list[ClusterEnvironment]:
    """A process that nobody started as one of a group is none, whatever SLURM's variables say of the job around it."""
    return [] if "RANK" in os.environ else [LightningEnvironment()]


def _fit_manual_optimization(settings: dict[str, Any], task: DepthTask) -> None:
    """Adversarial training steps by hand: it clips itself and can't accumulate."""
    if not isinstance(task, Adversarial):
        return
    if settings["accumulate_grad_batches"] != 1:
        raise UserError("Adversarial training can't accumulate gradients; set trainer.accumulate_grad_batches=1.")
    task.clip_norm = settings.pop("gradient_clip_val")


def train_and_test(
    folder: RunFolder, progress_bar: bool, given: GivenParts = NOTHING_GIVEN
) -> dict[str, dict[str, float]]:
    """Train by the folder's configuration, from its last checkpoint if there is one, test, write the results.

    Args:
        folder: the run folder, which this process holds.
        progress_bar: show bars (on a terminal) or print a line per epoch.
        given: Python objects in the place of parts of the configuration.

    Returns:
        Test scores by protocol.

    Raises:
        Stopped: if a signal asked for it; the training is in the checkpoint.
    """
    with STOP.watching():
        config = folder.config
        silence_hints()
        resumed = where_it_stands(folder, config)
        task, data = build_task(config, given), build_data(config, given)
        refuse_unmeasured(task.loss, task.output_kind, task.protocols.values())  # before anything is said of the run
        began_in = precision_of(resumed.state) if resumed else None
        begins = [go_on(task, config), None if resumed else load_start(task.net, config)]
        begins.append(_kept_precision(config, task, began_in))
        folder.claim_data(data.manifest)
        if int(os.environ.get("RANK", "0")) == 0:
            folder.claim_kind(task.output_kind)
        loggers = build_loggers(folder, config)
        callbacks = [*build_callbacks(folder, config, progress_bar), *given.callbacks]
        log_every = min(10, max(1, data.batches_per_epoch(config.trainer.limit_train_batches)))
        trainer = build_trainer(config, task, folder.path, callbacks, loggers, log_every, began_in)
        training_steps(task, data, trainer)
        if trainer.is_global_zero:
            print(announcement(config, task, data, trainer, resumed is not None), flush=True)
            print(*filter(None, begins), sep="\n", end="\n" if any(begins) else "", flush=True)
            if config.trainer.estimate:
                print(estimate(task, data, trainer, config.data.batch_size), flush=True)
        if config.trainer.compile:
            forget_unfinished()
            task.compile_network()
        _fit(trainer, task, data, resumed, folder)
        if trainer.is_global_zero:
            damaged = data.skipping.damaged if data.skipping else []
            folder.write_json("data.json", {**data.manifest, "damaged": damaged})
            if damaged:
                print(f"{len(damaged)} damaged training frames were skipped; data.json lists them.")
            save_results(folder, task)
    return task.test_scores


def _fit(trainer: pl.Trainer, task: DepthTask, data: DataModule, resumed: Resumed | None, folder: RunFolder) -> None:
    """Train from where the run stands, and test."""
    table = MetricsTable.of(trainer)
    if resumed is None:
        _keep_rows(trainer, table, 0)
        trainer.fit(task, datamodule=data)
        trainer.test(task, datamodule=data, verbose=False)
        return
    path, state, sentence = resumed
    if sentence and trainer.is_global_zero:
        print(sentence, file=sys.stderr, flush=True)
    file = trainer.strategy.checkpoint_io
    assert isinstance(file, CheckpointFile)
    file.sound = path
    own = state["callbacks"].get("LastCheckpoint") or {}
    rows = own["rows"] if "rows" in own else table.rows_until(steps_in(state))
    _keep_rows(trainer, table, rows, own.get("rows_sha256"))
    if own.get("finished"):
        trainer.test(task, datamodule=data, verbose=False, ckpt_path=path, weights_only=True)
    else:
        trainer.fit(task, datamodule=data, ckpt_path=path, weights_only=True)
        trainer.test(task, datamodule=data, verbose=False)


def _keep_rows(trainer: pl.Trainer, table: MetricsTable, count: int, checksum: str | None = None) -> None:
    """Have the loggers that can forget all but the first rows of the table, if these have their checksum."""
    forgotten = table.rows[count:]
    table.keep(count, checksum)
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoard):
            logger.keep(table.rows, forgotten)


def build_loggers(folder: RunFolder, config: DictConfig) -> list[Logger]:
    """The CSV table always, and the chosen ones; each knows the configuration."""
    loggers: list[Logger] = [MetricsTable(folder.path)]
    loggers += make("logger", logger_nodes(config.logger), folder).values()
    told: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    # By these the dashboards find and group runs.
    choices = folder.run.get("choices", {})
    told |= {"choices": choices, "study": choices.get("experiment"), "sweep": _in_sweep(folder)}
    for logger in loggers:
        logger.log_hyperparams(told)
    return loggers


def _in_sweep(folder: RunFolder) -> bool:
    return not {"-m", "--multirun"}.isdisjoint(str(folder.run.get("command", "")).split()[3:])


def build_callbacks(folder: RunFolder, config: DictConfig, progress_bar: bool) -> list[Callback]:
    """Callbacks that every run needs, and the configuration's."""
    nodes = callback_nodes(config.callbacks)
    if "checkpoint" not in nodes:
        raise UserError("A run needs callbacks.checkpoint; for fewer ones, append callbacks.checkpoint.every=100.")
    if not (progress_bar and sys.stderr.isatty()):
        nodes.pop("progress_bar", None)
    own = [SeedEachStep(config.seed), ProcessStates(), EpochLoss()]
    reporter = StatusReporter(folder.update_status, config.data.batch_size)
    return [*own, *make("callbacks", nodes, folder).values(), reporter, Pruning(folder)]

"""One run, from its configuration to its scores."""

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Callback, LearningRateMonitor, TQDMProgressBar
from pytorch_lightning.loggers import Logger

from depthbench.config.kinds import DATA_MODULES, TASKS
from depthbench.config.recipe import recipe
from depthbench.config.targets import instantiate
from depthbench.data import DataModule
from depthbench.errors import UserError
from depthbench.files import verify_archive
from depthbench.models import prefers_channels_last
from depthbench.protocols import protocol_from
from depthbench.runs.folder import RunFolder
from depthbench.tasks import Adversarial, DepthTask
from depthbench.training.callbacks import (
    InferenceTime,
    LastCheckpoint,
    LossWeights,
    Panels,
    Profiles,
    SeedEachStep,
    StatusReporter,
)
from depthbench.training.devices import check_accelerator, device_count
from depthbench.training.loggers import MetricsTable, wandb_logger
from depthbench.training.results import save_results
from depthbench.training.startup_summary import announcement, estimate

_HALF_WEIGHTS = ("bf16-true", "16-true", "transformer-engine", "transformer-engine-float16")
# Keys of the group `trainer` that are not Lightning's.
_OURS = ("compile", "channels_last", "estimate")


def build_task(config: DictConfig) -> DepthTask:
    """Network, loss, optimization and protocols, joined by the kind of training, from the run's seed."""
    pl.seed_everything(config.seed, verbose=False)
    return assemble_task(config)


def assemble_task(config: DictConfig) -> DepthTask:
    """:func:`build_task` from the random state as it is."""
    _check_decoder(config)
    net, layout = instantiate(config.model), config.trainer.channels_last
    task: DepthTask = instantiate(
        config.task,
        TASKS,
        net=net,
        loss=instantiate(config.loss),
        optim=instantiate(config.optim),
        protocols=build_protocols(config),
        channels_last=prefers_channels_last(net) if layout == "auto" else layout,
    )
    task.recipe = recipe(config)
    return task


def _check_decoder(config: DictConfig) -> None:
    decoder = config.model.get("decoder")
    if decoder is not None and "_target_" not in decoder:
        network = config.model._target_.rpartition(".")[2]
        raise UserError(
            f"The loss, or you, set model.decoder.{next(iter(decoder))}, but {network} has no decoder; choose another "
            "loss or another model."
        )


def build_protocols(config: DictConfig) -> dict[str, Any]:
    """The chosen protocol under its name, and after it those of ``more_protocols``, scored in the same pass.

    Raises:
        UserError: if they are defined on truths of different kinds, of which a test has one.
    """
    every = [config.protocol, *filter(None, (config.get("more_protocols") or {}).values())]
    protocols = {protocol.name: protocol for protocol in map(protocol_from, every)}
    if len({protocol.truth for protocol in protocols.values()}) > 1:
        told = ", ".join(f"{name} ({protocol.truth} truth)" for name, protocol in protocols.items())
        raise UserError(f"One test can't be scored by {told}; choose protocols of one kind of truth.")
    return protocols


def build_data(config: DictConfig) -> DataModule:
    """Data sets (opened and checked) and loaders."""
    augment = instantiate(config.augment) if config.get("augment") else None
    kept = Path(config.output) / ".frames"
    data: DataModule = instantiate(config.data, DATA_MODULES, augment=augment, seed=config.seed, cache_folder=kept)
    rules = protocol_from(config.protocol)
    if rules.images is not None or rules.truth == "raw":  # without published numbers any truth will do
        data.score_by(rules.name, rules.truth)
    return data


def build_trainer(
    config: DictConfig, task: DepthTask, root: Path, callbacks: Sequence[Callback], loggers: Sequence[Logger]
) -> pl.Trainer:
    """Lightning's trainer for the machine at hand.

    Raises:
        UserError: if the machine lacks what is asked for, or the kind of training can't do it.
    """
    settings: dict[str, Any] = OmegaConf.to_container(config.trainer, resolve=True)  # type: ignore[assignment]
    settings = {key: value for key, value in settings.items() if key not in _OURS}
    gpu = torch.cuda.is_available()
    check_accelerator(settings["accelerator"])
    settings["devices"] = device_count(config)
    if settings["precision"] == "auto":
        settings["precision"] = "bf16-mixed" if gpu and settings["accelerator"] != "cpu" else "32-true"
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
    try:
        return pl.Trainer(
            **settings,
            callbacks=list(callbacks),
            logger=list(loggers),
            default_root_dir=root,
            enable_checkpointing=True,
            enable_model_summary=False,
            enable_progress_bar=any(isinstance(callback, TQDMProgressBar) for callback in callbacks),
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            log_every_n_steps=10,
        )
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise UserError(f"The trainer refuses its configuration: {error}") from error


def _fit_manual_optimization(settings: dict[str, Any], task: DepthTask) -> None:
    """Adversarial training steps by hand: it clips itself and can't accumulate."""
    if not isinstance(task, Adversarial):
        return
    if settings["accumulate_grad_batches"] != 1:
        raise UserError("Adversarial training can't accumulate gradients; set trainer.accumulate_grad_batches=1.")
    task.clip_norm = settings.pop("gradient_clip_val")


def train_and_test(folder: RunFolder, progress_bar: bool) -> dict[str, dict[str, float]]:
    """Train what the folder's configuration says, from its last checkpoint if there is one, test, write the results.

    Args:
        folder: the run folder, which this process holds.
        progress_bar: show bars (on a terminal) or print a line per epoch.

    Returns:
        Test scores by protocol.
    """
    config = folder.config
    _quiet()
    task, data = build_task(config), build_data(config)
    folder.claim_data(data.manifest)
    loggers = build_loggers(folder, config)
    callbacks = build_callbacks(folder, config, progress_bar)
    trainer = build_trainer(config, task, folder.path, callbacks, loggers)
    resumed = folder.checkpoint if folder.checkpoint.exists() else None
    if resumed:
        verify_archive(resumed)
    if trainer.is_global_zero:
        print(announcement(config, task, data, trainer, resumed is not None), flush=True)
        if config.trainer.estimate:
            print(estimate(task, data, trainer, config.data.batch_size), flush=True)
    if config.trainer.compile:
        task.net.compile()
    if resumed:
        _keep_rows(loggers, resumed)
    trainer.fit(task, datamodule=data, ckpt_path=resumed, weights_only=True)
    trainer.test(task, datamodule=data, verbose=False)
    if trainer.is_global_zero:
        damaged = data.skipping.damaged if data.skipping else []
        folder.write_json("data.json", {**data.manifest, "damaged": damaged})
        if damaged:
            print(f"{len(damaged)} damaged training frames were skipped; data.json lists them.")
        save_results(folder, task)
    return task.test_scores


def build_loggers(folder: RunFolder, config: DictConfig) -> list[Logger]:
    """CSV always, W&B if wanted."""
    loggers: list[Logger] = [MetricsTable(folder.path)]
    settings: dict[str, Any] = OmegaConf.to_container(config.logger, resolve=True)  # type: ignore[assignment]
    if settings.pop("wandb"):
        run: dict[str, Any] = folder.run
        told: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
        # By these the dashboards find and group runs.
        told |= {"choices": run["choices"], "study": run["choices"].get("experiment")}
        loggers.append(wandb_logger(folder.path, run["name"], run["wandb_id"], config=told, **settings))
    return loggers


def build_callbacks(folder: RunFolder, config: DictConfig, progress_bar: bool) -> list[Callback]:
    """Everything that happens beside training."""
    wanted = config.callbacks
    bar = progress_bar and wanted.progress_bar and sys.stderr.isatty()
    callbacks: list[Callback] = [
        SeedEachStep(config.seed),
        LossWeights(),
        LearningRateMonitor("step"),
        Panels(folder.path / "panels.npz", wanted.panels, wanted.panels_every),
        Profiles(folder.path / "profiles.npz"),
        InferenceTime(folder.update_status),
        StatusReporter(folder.update_status, config.data.batch_size, echo=not bar),
        LastCheckpoint(folder.checkpoint, wanted.checkpoint_every),
    ]
    return [*callbacks, TQDMProgressBar()] if bar else callbacks


def _keep_rows(loggers: Sequence[Logger], checkpoint: Path) -> None:
    """A continued run repeats what came after its checkpoint: forget the rows of that."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    step = state["loops"]["fit_loop"]["epoch_loop.state_dict"]["_batches_that_stepped"]
    for logger in loggers:
        if isinstance(logger, MetricsTable):
            logger.keep_until(state["epoch"], step)


def close_loggers(exit_code: int) -> None:
    """End the W&B run whatever happened, failed runs as failed."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish(exit_code=exit_code)


def _quiet() -> None:
    """Silence the libraries' hints that do not fit here, each with its reason."""
    # Lightning's greetings and advertisements: the announcement says what runs and where.
    for name in ("pytorch_lightning", "lightning_fabric", "pytorch_lightning.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # The data module chooses the workers.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # Short runs are wanted where they are asked for.
    warnings.filterwarnings("ignore", message=".*is smaller than the logging interval.*")
    # Frozen encoders and the fixed blocks of a stage are meant to be so.
    warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
    # torch's and Lightning's own affair.
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")

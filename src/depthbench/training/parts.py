"""The parts of a run, from its configuration, or from the Python objects that a user has given in their place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback
from torch import nn
from torch.utils.data import Dataset

from depthbench.config.kinds import DATA_MODULES, TASKS
from depthbench.config.objects import AGAIN, objects_in, told_object
from depthbench.config.recipe import recipe
from depthbench.config.targets import instantiate
from depthbench.data import DataModule, Frame
from depthbench.data.stream import Augment
from depthbench.errors import UserError
from depthbench.models import DepthModel, prefers_channels_last
from depthbench.protocols import PairProtocol, protocol_from
from depthbench.tasks import DepthTask, Optimization


@dataclass(frozen=True)
class GivenParts:
    """Python objects in the place of parts of a configuration.

    Attributes:
        net: the network.
        loss: to minimize.
        optim: optimizer and schedule.
        augment: the policy for training frames.
        frames: data sets by part: ``train``, ``val``, ``test``.
        callbacks: beside the configuration's.
    """

    net: DepthModel | None = None
    loss: nn.Module | None = None
    optim: Optimization | None = None
    augment: Augment | None = None
    frames: Mapping[str, Dataset[Frame]] = field(default_factory=dict)
    callbacks: Sequence[Callback] = ()


NOTHING_GIVEN = GivenParts()


def check_given(config: DictConfig, given: GivenParts) -> None:
    """Refuse a configuration of Python objects without these objects.

    Raises:
        UserError: with the way to give them.
    """
    for name, found in (("model", given.net), ("loss", given.loss), ("optim", given.optim)):
        if name in objects_in(config) and found is None:
            hint = "depthbench.load(RUN, net=...) takes it, and" if name == "model" else "there"
            raise UserError(f"The {name} of this run is {told_object(config, name)}; {hint} {AGAIN}.")


def build_task(config: DictConfig, given: GivenParts = NOTHING_GIVEN) -> DepthTask:
    """Network, loss, optimization and protocols, joined by the kind of training, from the run's seed."""
    pl.seed_everything(config.seed, verbose=False)
    return assemble_task(config, given)


def assemble_task(config: DictConfig, given: GivenParts = NOTHING_GIVEN) -> DepthTask:
    """:func:`build_task` from the random state as it is."""
    _check_decoder(config)
    check_given(config, given)
    net = instantiate(config.model) if given.net is None else given.net
    layout = config.trainer.channels_last
    task: DepthTask = instantiate(
        config.task,
        TASKS,
        net=net,
        loss=instantiate(config.loss) if given.loss is None else given.loss,
        optim=given.optim or instantiate(config.optim),
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
    """The chosen protocol under its name, and after it ``more_protocols``, scored in the same pass.

    Raises:
        UserError: if they are defined on truths of different kinds, of which a test has one.
    """
    every = [config.protocol, *filter(None, (config.get("more_protocols") or {}).values())]
    protocols = {protocol.name: protocol for protocol in map(protocol_from, every)}
    for name, protocol in protocols.items():
        if isinstance(protocol, PairProtocol):
            raise UserError(
                f"Protocol '{name}' scores pairs of points, which a run's own test has not; choose another for "
                f"the run, and score it with `depthbench evaluate run=... data=... protocol={name}`."
            )
        if protocol.alignment.over != "image":
            raise UserError(
                f"Protocol '{name}' is fitted over more than an image, which takes a second pass: "
                "score the run with `depthbench evaluate run=... protocol=...`."
            )
    if len({protocol.truth for protocol in protocols.values()}) > 1:
        told = ", ".join(f"{name} ({protocol.truth} truth)" for name, protocol in protocols.items())
        raise UserError(f"One test can't be scored by {told}; choose protocols of one kind of truth.")
    return protocols


def build_data(config: DictConfig, given: GivenParts = NOTHING_GIVEN) -> DataModule:
    """Data sets (opened and checked) and loaders."""
    augment = given.augment
    if augment is None and config.get("augment"):
        augment = instantiate(config.augment)
    kept = Path(config.output) / ".frames"
    lacking = [name for name in objects_in(config) if name.startswith("data.") and name[5:] not in given.frames]
    if lacking:
        raise UserError(f"{lacking[0]} of this run is {told_object(config, lacking[0])}; {AGAIN}.")
    data: DataModule = instantiate(
        config.data, DATA_MODULES, augment=augment, seed=config.seed, cache_folder=kept, **given.frames
    )
    rules = protocol_from(config.protocol)
    if rules.images is not None or rules.truth == "raw":  # without published numbers any truth will do
        data.score_by(rules.name, rules.truth)
    return data

"""From a user's arguments in Python to a configuration, and to the objects that stand for parts of it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn

from depthbench.config.compose import composing, readable
from depthbench.config.mistakes import MISTAKES, explain
from depthbench.config.needed_files import check_root
from depthbench.config.values import check_values
from depthbench.data.given import as_frames, hold_out_some
from depthbench.data.manifest import describe
from depthbench.errors import UserError
from depthbench.fitting.object_hashes import object_hash, object_name
from depthbench.models.given_network import as_depth_model
from depthbench.protocols import EvalProtocol
from depthbench.tasks import Constant, OneCycle, Optimization

_GROUPS = ("model", "loss", "optim", "augment", "data")
# For a data set that is an object; a data set by name has them in its YAML.
_DATA = {"batch_size": 16, "test_batch_size": 8, "workers": "auto", "cache": "none", "split": None, "val": "none"}


class FunctionLoss(nn.Module):
    """A function ``(prediction, target, valid) -> scalar`` as a module."""

    def __init__(self, function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """The result of the function."""
        return self.function(prediction, target, valid)


@dataclass
class Choices:
    """The configuration and objects that the arguments give, one after the other.

    Attributes:
        overrides: as on the command line, of all that was given by name.
        objects: class and hash of each given object, by key of the configuration.
        parts: these objects.
        nodes: of the configuration, where an object is plain data.
        changes: values of the configuration, by dotted key.
    """

    overrides: list[str] = field(default_factory=list)
    objects: dict[str, dict[str, str]] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    nodes: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)

    def choose(self, group: str, value: Any, default: str | None = None) -> bool:
        """Take a name of a group, or its default; whether it was one."""
        if value is None and default is None:
            return True
        if value is None or isinstance(value, str):
            self.overrides.append(f"{group}={default if value is None else value}")
            return True
        return False

    def give(self, key: str, part: str, value: Any) -> None:
        """Take an object, as a copy: training changes it."""
        self.objects[key] = {"class": object_name(value), "hash": object_hash(value)}
        try:
            self.parts[part] = copy.deepcopy(value)
        except Exception as error:  # whatever an object makes of being copied
            raise UserError(
                f"{type(value).__name__} can't be copied ({error}); give its class a method __deepcopy__."
            ) from None


def choose_network(choices: Choices, net: Any) -> None:
    """A name of the group ``model``, or a module."""
    if choices.choose("model", net):
        return
    if not isinstance(net, nn.Module):
        raise UserError(f"net is a {type(net).__name__}; give a torch module, or a name such as 'small'.")
    choices.give("model", "net", net)
    choices.parts["net"] = as_depth_model(choices.parts["net"])
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise UserError(f"{type(net).__name__} has no parameter with requires_grad=True, so nothing can be trained.")


def choose_loss(choices: Choices, loss: Any) -> None:
    """A name of the group ``loss``, which may bring a kind of training, or a module or function."""
    if choices.choose("loss", loss):
        return
    if not callable(loss) or isinstance(loss, type):
        raise UserError(f"loss is {loss!r}; give a loss such as depthbench.losses.BerHu(), a function, or a name.")
    choices.give("loss", "loss", loss)
    if not isinstance(loss, nn.Module):
        choices.parts["loss"] = FunctionLoss(loss)


def choose_optimization(choices: Choices, optim: Any) -> None:
    """A name of the group ``optim``, an :class:`Optimization`, or a partial of an optimizer: a constant rate."""
    if choices.choose("optim", optim):
        return
    if callable(optim):
        optim = Optimization(optim, Constant())
    if not isinstance(optim, Optimization):
        raise UserError(
            f"optim is a {type(optim).__name__}; give a name such as 'adamw', functools.partial(torch.optim.AdamW, "
            f"lr=1e-4), or depthbench.tasks.Optimization of such a partial and a schedule, {OneCycle.__name__}()."
        )
    choices.give("optim", "optim", optim)


def choose_augmentation(choices: Choices, augment: Any) -> None:
    """A name of the group ``augment``, None for frames as they are, or a policy."""
    if augment == "default" or choices.choose("augment", augment, "none"):
        return
    if not callable(augment):
        raise UserError(f"augment is a {type(augment).__name__}; give a policy(frame, rng) -> frame, or a name.")
    choices.give("augment", "augment", augment)


def choose_protocols(choices: Choices, protocol: Any) -> None:
    """Names or protocols, one or several; the first is the one of the curves."""
    several = list(protocol) if isinstance(protocol, Sequence) and not isinstance(protocol, str) else [protocol]
    for place, one in enumerate(several):
        if isinstance(one, EvalProtocol):
            node = {"_target_": "depthbench.protocols.EvalProtocol", **asdict(one)}
            if place == 0:
                choices.nodes["protocol"] = node
            else:
                choices.changes[f"more_protocols.{one.name}"] = node
        elif place == 0:
            choices.choose("protocol", one)
        else:
            choices.overrides.append(f"+protocol@more_protocols.{one}={one}")


def choose_frames(choices: Choices, data: Any, val: Any, test: Any) -> None:
    """A name of the group ``data`` or a data set; also the validation and test data, where they are given.

    Raises:
        UserError: if nothing is left to be tested on.
    """
    frames: dict[str, Any] = {}
    if not choices.choose("data", data):
        frames["train"] = as_frames(data, "data", trains=True)
        if test is None and val is None:
            raise UserError(
                "There are no test frames; give test=DATASET, or a share of data such as test=0.1. Frames of one video "
                "are alike: give a data set of other scenes for them."
            )
        if test is None:
            print("No test is given, so the frames of val are the test.", flush=True)
    for part, given in (("test", test), ("val", val)):
        if isinstance(given, float | int) and "train" in frames:
            frames["train"], frames[part] = hold_out_some(frames["train"], given, part)
        elif given is not None and isinstance(given, str | float | int):
            choices.changes[f"data.{'val' if part == 'val' else 'test_frames'}"] = given
        elif given is not None:
            frames[part] = as_frames(given, part)
    if "train" in frames:
        frames.setdefault("test", frames.get("val"))
        _describe_data(choices, frames)
    for part, found in frames.items():
        choices.objects[f"data.{part}"] = {"class": object_name(_inner(found)), "hash": object_hash(describe(found))}
        choices.changes[f"data.{part}"] = part
    choices.parts["frames"] = frames


def _describe_data(choices: Choices, frames: Mapping[str, Any]) -> None:
    image = frames["train"][0].image
    kind = type(_inner(frames["train"])).__name__
    name = f"{kind}-{object_hash([describe(frames[part]) for part in ('train', 'test')])[:6]}"
    size = [int(image.shape[-2]), int(image.shape[-1])]
    choices.nodes["data"] = {"_target_": "depthbench.data.DataModule", "name": name, "size": size, **_DATA}


def _inner(frames: Any) -> Any:
    """The user's data set inside its wrappers."""
    own = getattr(frames, "__dict__", {})  # a list has none
    for name in ("dataset", "items"):
        if name in own:
            return _inner(own[name])
    return frames


def choose_callbacks(choices: Choices, callbacks: Any) -> None:
    """Settings of the group ``callbacks`` by name, or Lightning's objects, which join them."""
    if isinstance(callbacks, Mapping):
        choices.changes.update({f"callbacks.{key}": value for key, value in callbacks.items()})
        return
    given = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
    for place, one in enumerate(given):
        if not isinstance(one, Callback):
            raise UserError(f"callbacks has a {type(one).__name__}; give Lightning's, or {{'best': 'AbsRel'}}.")
        choices.give(f"callbacks.{place}", f"callback {place}", one)
    choices.parts["callbacks"] = [choices.parts.pop(f"callback {place}") for place in range(len(given))]


def configuration(choices: Choices, root: Path) -> tuple[DictConfig, list[str], dict[str, str | None]]:
    """The configuration, the overrides by which its run is called, and the options that were chosen.

    Raises:
        UserError: if a name is none, a value can't be, or a loss needs a network of another kind than the given one.
    """
    groups = [key for key in _GROUPS if key in choices.objects or key in choices.nodes]
    told = readable([*choices.overrides, *(f"~{key}" for key in groups)])
    with composing():
        try:
            config = compose("config", told, return_hydra_config=True)
            made = {str(key): value for key, value in config.hydra.runtime.choices.items()}
        except MISTAKES as error:
            raise UserError(explain(error)) from None
    OmegaConf.set_struct(config, False)
    config.pop("hydra")
    config["output"] = str(root)
    for key in groups:
        _check_free(key, config)
        name = choices.objects.get(key, {}).get("class") or choices.nodes["data"]["name"]
        made[key] = name.rpartition(".")[2]
        config[key] = choices.nodes.get(key, {"_target_": name})
    for key, node in choices.nodes.items():
        config[key] = node
    for key, value in choices.changes.items():
        OmegaConf.update(config, key, value)
    if choices.objects:
        config["objects"] = choices.objects
    check_values(config)
    check_root(config)
    called = [*choices.overrides, *(f"{key}={made[key]}" for key in groups)]
    return config, [*called, *_called(choices.changes)], made


def _called(changes: Mapping[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in changes.items() if isinstance(value, str | int | float)]


def _check_free(key: str, config: DictConfig) -> None:
    """Settings of another choice for a group that an object replaces would be lost."""
    left = config.get(key)
    if left:
        names = ", ".join(f"{key}.{name}" for name in left)
        raise UserError(f"The other choices set {names}, which an object can't take; choose another loss, or a name.")

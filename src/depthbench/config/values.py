"""Refuses impossible values before slow imports."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from depthbench.config.amounts import frame_count
from depthbench.config.compose import is_group
from depthbench.config.nodes import SHORT
from depthbench.errors import UserError

# Texts that may stand for a number.
_NUMBER_WORDS = re.compile(r"all|auto|null", re.IGNORECASE)
_WORDS_OF_YAML = ("yes", "no", "on", "off", "y", "n")  # text for Hydra, and text counts as true
_AMOUNTS = ("split", "val_frames", "test_frames", "epoch_size")  # of frames, such as 12k


def check_kinds(known: DictConfig, overrides: Sequence[Override]) -> None:
    """Refuse an override of another kind than the value that it replaces.

    Args:
        known: the configuration before the overrides, with the options that were chosen.
        overrides: of values and groups; sweeps have a value per job, and each is looked at.

    Raises:
        UserError: for one value in place of a whole node (``model.encoder=resnet50``) or of a list (``data.size=240``),
            or a text in place of a number (``trainer.max_epochs=ten``).
    """
    for override in overrides:
        key = override.key_or_group
        if override.is_delete() or override.is_add() or "@" in key or key.startswith("hydra") or is_group(key):
            continue
        old = OmegaConf.select(known, key, throw_on_resolution_failure=False, throw_on_missing=False)
        if old is None:
            continue
        if not override.is_sweep_override():
            _check_kind(key, old, override.value())
        elif override.is_discrete_sweep():
            for value in override.sweep_string_iterator():
                _check_kind(key, old, value)


def _is_short(key: str, text: str) -> bool:
    """Whether one value stands for a callback: of its first argument, or whether it takes part."""
    group, _, name = key.partition(".")
    return group == "callbacks" and (name in SHORT or text.lower() in ("true", "false", "0"))


def _check_kind(key: str, old: Any, value: Any) -> None:
    """``value`` is of Hydra's parser, or a text of it where it is one of a sweep's."""
    text = str(value)
    if value is None or text.startswith("${"):
        return
    if OmegaConf.is_dict(old) and not (isinstance(value, dict) or text.startswith("{") or _is_short(key, text)):
        inner = [str(name) for name in old if not str(name).startswith("_")]
        hint = f"did you mean {key}.name={text}?" if "name" in inner else f"set one of {', '.join(inner)}."
        raise UserError(f"{key} is a group of settings, not one value such as {text}; {hint}")
    if OmegaConf.is_list(old) and not (isinstance(value, list) or text.startswith("[")):
        example = ",".join([text] * len(old))
        raise UserError(f"{key}={text} is one value where a list is needed, such as '{key}=[{example}]'.")
    if isinstance(old, bool) and text.lower() in _WORDS_OF_YAML:
        raise UserError(f"{key}={text} is neither true nor false; write {key}=true or {key}=false.")
    number = isinstance(old, int | float) and not isinstance(old, bool)
    if number and isinstance(value, str | bool) and not _is_number(text) and not _NUMBER_WORDS.fullmatch(text):
        if key.rpartition(".")[2] not in _AMOUNTS:
            raise UserError(f"{key}={text} is not a number.")
        frame_count(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _epochs(value: Any) -> bool:
    return _count(value) or value in (-1, None)


def _natural(value: Any) -> bool:
    return value == 0 or _count(value)


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value > 0


def _not_negative(value: Any) -> bool:
    return value == 0 or _positive(value)


def _size(value: Any) -> bool:
    return value is None or (isinstance(value, list) and len(value) == 2 and all(map(_count, value)))


def _devices(value: Any) -> bool:
    listed = isinstance(value, list) and bool(value) and all(map(_natural, value))
    return value == "auto" or _count(value) or listed


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "data.batch_size": (_count, "a whole number of 1 or more"),
    "data.test_batch_size": (_count, "a whole number of 1 or more"),
    "data.size": (_size, "[height,width] in pixels"),
    "data.workers": (lambda value: value == "auto" or _natural(value), "auto or a whole number of 0 or more"),
    "trainer.max_epochs": (_epochs, "a whole number of 1 or more, or -1 where trainer.max_steps ends the training"),
    "trainer.max_steps": (lambda value: value in (-1, None) or _count(value), "a whole number of 1 or more, or -1"),
    "launch.timeout": (lambda value: value is None or _positive(value), "a number of seconds above 0, or null"),
    "launch.patience": (_positive, "a number of seconds above 0"),
    "launch.jobs_per_gpu": (_count, "a whole number of 1 or more"),
    "trainer.accumulate_grad_batches": (_count, "a whole number of 1 or more"),
    "trainer.check_val_every_n_epoch": (lambda value: value is None or _count(value), "a whole number of 1 or more"),
    "trainer.devices": (_devices, "auto, a whole number of 1 or more, or the numbers of GPUs such as [0,2]"),
    "trainer.num_nodes": (_count, "a whole number of 1 or more"),
    "seed": (_natural, "a whole number of 0 or more"),
}


_OPTIMIZER_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "lr": (_positive, "a number above 0"),
    "weight_decay": (_not_negative, "a number of 0 or more"),
}


def check_values(config: DictConfig) -> None:
    """Refuse numbers that no run can work with, and a configuration that lacks a part.

    Raises:
        UserError: naming the key, its value and the allowed values.
    """
    if "task" in config:  # the configuration of a run, not of `evaluate`
        for part in ("data", "model", "loss", "optim", "protocol"):
            if part not in config:
                told = f"a YAML that begins with `# @package _global_` has it as `{part}:`."
                raise UserError(f"The configuration has no {part}; {told}")
    for key, rule in _RULES.items():
        parent, _, last = key.rpartition(".")
        _check_value(OmegaConf.select(config, parent) if parent else config, last, key, *rule)
    for path, node in _optimizers(config, ""):
        for last, rule in _OPTIMIZER_RULES.items():
            _check_value(node, last, f"{path}.{last}", *rule)


def _check_value(node: Any, last: str, key: str, fits: Callable[[Any], bool], wanted: str) -> None:
    if not OmegaConf.is_dict(node) or last not in node or OmegaConf.is_missing(node, last):
        return
    value = OmegaConf.to_container(node[last]) if OmegaConf.is_config(node[last]) else node[last]
    if not fits(value):
        raise UserError(f"{key}={value} must be {wanted}.")


def _optimizers(node: DictConfig, path: str) -> Iterator[tuple[str, DictConfig]]:
    """Every node that names one of torch's optimizers, with its key."""
    for name in node:
        child = node._get_node(name)
        if isinstance(child, DictConfig) and not child._is_none() and not child._is_missing():
            here = f"{path}.{name!s}".lstrip(".")
            if "_target_" in child and str(child._get_node("_target_")).startswith("torch.optim."):
                yield here, child
            yield from _optimizers(child, here)

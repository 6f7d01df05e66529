"""What makes two runs the same."""

import hashlib
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from depthbench import __version__

# What can't change a result, and so is not part of a run's identity.
NOT_IDENTITY = ("output", "logger", "launch", "hydra")


def identity(config: DictConfig) -> dict[str, Any]:
    """The resolved configuration without what can't change a result, and the version of the code."""
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    return {"version": __version__, **{key: value for key, value in plain.items() if key not in NOT_IDENTITY}}


def fingerprint(config: DictConfig) -> str:
    """Eight hexadecimal digits that name the identity of a run."""
    text = yaml.safe_dump(identity(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]

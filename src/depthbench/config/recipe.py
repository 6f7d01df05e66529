"""The recipe in a checkpoint, plain data, so that a single file is enough to load it."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from depthbench import __version__
from depthbench.config.aliases import renew_config, silent
from depthbench.config.identity import identity, plain
from depthbench.config.reading import check_plain
from depthbench.config.targets import check_resolved
from depthbench.errors import UserError

KEY = "depthbench"  # in the checkpoint
FORMAT = 1


def recipe(config: DictConfig) -> dict[str, Any]:
    """The recipe in a checkpoint: format, version and the configuration, without paths of this machine."""
    kept = identity(plain(config))
    return {"format": FORMAT, "version": kept.pop("version", __version__), "config": kept}


def config_of(checkpoint: Mapping[str, Any], name: str) -> DictConfig:
    """The configuration that a checkpoint was made with, under today's names.

    Args:
        checkpoint: as ``torch.load(..., weights_only=True)`` gives it.
        name: of the file, for sentences.

    Raises:
        UserError: if the checkpoint carries none, or one that is not plain data or of a later version.
    """
    kept = checkpoint.get(KEY)
    if not isinstance(kept, Mapping) or not isinstance(kept.get("config"), Mapping):
        raise UserError(f"{name} does not say how its network is made; give its run folder, which has a config.yaml.")
    if not isinstance(kept.get("format"), int) or kept["format"] > FORMAT:
        raise UserError(f"{name} was written by depthbench {kept.get('version')}, which is newer; update depthbench.")
    try:
        content = dict(kept["config"])
        check_plain(content)
        check_resolved(content)
        return OmegaConf.create(renew_config(content, silent))
    except (ValueError, RecursionError) as error:
        raise UserError(f"The configuration of the network in {name} can't be read ({str(error)[:200]}).") from None

"""A finished run whose data are now looked for elsewhere: are they the same data?"""

import json
from typing import Any

from omegaconf import DictConfig, OmegaConf

from depthbench.runs.folder import RunFolder

_seen: dict[str, dict[str, Any]] = {}


def check_moved(folder: RunFolder, config: DictConfig) -> None:
    """Open the data where they lie now and compare them with the run's record; nothing is opened where nothing moved.

    Raises:
        UserError: if they are other data, or can't be opened.
    """
    if not folder.done or not folder.moved(config):
        return
    # Here and not above: it imports torch, and most runs have not moved.
    from depthbench.training.parts import build_data

    what = json.dumps([OmegaConf.to_container(config[key], resolve=True) for key in ("data", "protocol")])
    if what not in _seen:  # the jobs of a sweep share their data
        _seen[what] = build_data(config).manifest
    folder.move_data(config, _seen[what])

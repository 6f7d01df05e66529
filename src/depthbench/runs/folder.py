"""A run is a folder: what was asked for, how far it is, what came out.

=====================  =========================================================================================
``config.yaml``        the resolved configuration
``run.json``           name, overrides, choices, hash, code version, machine, W&B id
``status.json``        state (waiting, running, interrupted, failed, done), reason, progress, times
``log.txt``            what the run printed, if it was part of a sweep
``metrics.csv``        what was logged, by step
``checkpoints/``       ``last.ckpt``
``data.json``          which frames were used: number and hash of their names, damaged ones
``scores.json``        test scores by protocol, and the protocols in full (:mod:`~depthbench.runs.results`)
``per_image.csv``      test scores of each image
``panels.npz``         image, truth and prediction of some test frames
``profiles.npz``       test errors of each image by distance, angle and edge proximity
``DONE``               written last: everything above is complete; AbsRel, training steps, and seconds of the run
                       (over all starts, without what was repeated), per training step, and of the network per
                       image
=====================  =========================================================================================

Files are replaced as a whole, so that a reader or a crash never meets half of one.
"""

import fcntl
import json
import os
import platform
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from depthbench import __version__
from depthbench.config.aliases import renew, renew_overrides, silent
from depthbench.config.identity import NOT_IDENTITY, fingerprint, identity
from depthbench.config.reading import read_config
from depthbench.files import read_json, write_atomically
from depthbench.runs.names import folder_name

VERSIONS = ("torch", "pytorch-lightning", "timm")


class Busy(Exception):
    """Another process is working in the run folder."""


class RunFolder:
    """Read and write the files of one run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, config: DictConfig, overrides: Sequence[str], choices: Mapping[str, str | None]) -> "RunFolder":
        """The folder of this configuration, existing or new.

        It is named by what was overridden and the configuration's hash; the same configuration finds the same folder
        whatever the order or spelling of the overrides.
        """
        config = renew(config)
        digest = fingerprint(config)
        root = Path(config.output)
        root.mkdir(parents=True, exist_ok=True)
        existing = sorted(root.glob(f"*-{digest}"))
        if existing:
            return cls(existing[0])
        told = [item for item in overrides if not item.lstrip("+~").startswith(NOT_IDENTITY)]
        name = ",".join(told) or "default"
        folder = cls(root / folder_name(told, digest))
        folder.path.mkdir(exist_ok=True)
        folder.write_json("run.json", _record(name, told, choices, digest))
        folder.write_json("status.json", {"state": "waiting"})
        write_atomically(folder.path / "config.yaml", OmegaConf.to_yaml(config, resolve=True))
        return folder

    @property
    def config(self) -> DictConfig:
        """The resolved configuration.

        Raises:
            UserError: if there is none, or it is damaged.
        """
        return OmegaConf.create(read_config(self.path / "config.yaml"))

    @property
    def run(self) -> dict[str, Any]:
        """The content of ``run.json``."""
        run = self.read_json("run.json")
        return {**run, "overrides": renew_overrides(run.get("overrides", []), silent)} if run else {}

    @property
    def status(self) -> dict[str, Any]:
        """The content of ``status.json``; a run that says it is running without a process is ``interrupted``."""
        status = self.read_json("status.json")
        if self.done:
            return {**status, "state": "done"}
        if status.get("state") == "running" and not self.locked():
            return {**status, "state": "interrupted"}
        return status or {"state": "waiting"}

    @property
    def done(self) -> bool:
        """Whether the run is complete."""
        return (self.path / "DONE").exists()

    @property
    def checkpoint(self) -> Path:
        """Where the last checkpoint is, or would be."""
        return self.path / "checkpoints" / "last.ckpt"

    def read_json(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder; empty if it is not there.

        Raises:
            UserError: if it is damaged.
        """
        return read_json(self.path / name)

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file of the folder."""
        write_atomically(self.path / name, json.dumps(content, indent=1) + "\n")

    def update_status(self, **fields: Any) -> None:
        """Change some fields of the status."""
        self.write_json("status.json", {**self.read_json("status.json"), **fields, "updated": time.time()})

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process; the system lets go of it however the process ends.

        Raises:
            Busy: if another process holds it.
        """
        with (self.path / ".lock").open("w") as file:
            # A few tries: whoever asks `locked` holds it for a moment too.
            for attempt in range(5):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if attempt == 4:
                        raise Busy(f"Another process is working in {self.path}.") from None
                    time.sleep(0.05)
            yield

    def locked(self) -> bool:
        """Whether a process is working in the folder."""
        if not (self.path / ".lock").exists():
            return False
        with (self.path / ".lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def same_as(self, config: DictConfig) -> bool:
        """Whether this folder's configuration is the given one."""
        return identity(self.config) == identity(config)


def _record(name: str, overrides: Sequence[str], choices: Mapping[str, str | None], digest: str) -> dict[str, Any]:
    return {
        "name": name,
        "overrides": list(overrides),
        "choices": {key: value for key, value in choices.items() if not key.startswith("hydra/")},
        "hash": digest,
        "wandb_id": f"{digest}-{secrets.token_hex(3)}",
        "code_version": code_version(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": " ".join([Path(sys.executable).name, "-m", "depthbench.run", *sys.argv[1:]]),
        "machine": machine(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}},
    }


def code_version() -> str:
    """The package's version, and the commit where it is a git checkout."""
    checkout = Path(__file__).parents[3]
    if not (checkout / ".git").exists():
        return __version__
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return __version__
    return f"{__version__}+{commit}"


def machine() -> dict[str, Any]:
    """What the run's machine has."""
    import torch  # here: it takes seconds, which reading folders should not

    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {"host": platform.node(), "cores": os.cpu_count(), "gpus": gpus}


def device_count(config: DictConfig) -> int:
    """Processes that a run starts on one machine: its devices, or one without GPUs."""
    devices = config.trainer.devices
    if devices != "auto":
        return len(devices) if OmegaConf.is_list(devices) else int(devices)
    if config.trainer.accelerator == "cpu":
        return 1
    import torch

    return max(1, torch.cuda.device_count())

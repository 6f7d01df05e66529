"""A run is a folder: its configuration, its progress, its results.

=====================  =========================================================================================
``config.yaml``        the resolved configuration
``run.json``           format, name, overrides, choices, hash, code version, machine, W&B id; kind of output
``status.json``        state (waiting, running, interrupted, failed, pruned, done), reason, progress, times
``log.txt``            the output of the run, if it was part of a sweep
``metrics.csv``        the logged values, by step
``checkpoints/``       ``last.ckpt``; until the end ``previous.ckpt``, the one before it; ``best.ckpt`` where asked for
``data.json``          which frames are used: number and hash of their names, how some look, damaged ones
``scores.json``        test scores by protocol, and the protocols in full (:mod:`~depthbench.runs.results`)
``per_image.csv``      test scores of each image
``panels.npz``         image, truth and prediction of some test frames
``profiles.npz``       test errors of each image by distance, angle and edge proximity
``DONE``               written last: everything above is complete; AbsRel, training steps, and seconds of the run
                       (over all starts, without repeated steps), per training step, and of the network per
                       image; checksums of the small files (:mod:`~depthbench.runs.checksums`)
=====================  =========================================================================================

The folder appears with its first three files in it. Files are replaced as a whole, so that a reader or a crash never
meets half of one.
"""

import fcntl
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from depthbench.config.aliases import renew, renew_overrides, silent
from depthbench.config.identity import digest, paths, plain, with_paths
from depthbench.config.plugins import opened
from depthbench.config.reading import read_config
from depthbench.config.targets import check_resolved
from depthbench.errors import UserError
from depthbench.files import clean, read_json, told_unwritable
from depthbench.output_kinds import OutputKind
from depthbench.runs import data_record
from depthbench.runs.checksums import check_unchanged
from depthbench.runs.creation import find_or_make, is_locked, is_same, write_config, write_object
from depthbench.runs.machine import code_hash, code_version

STATES = ("waiting", "running", "interrupted", "failed", "pruned", "done")


class Busy(Exception):
    """Another process is working in the run folder."""


class RunFolder:
    """Read and write the files of one run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, config: DictConfig, overrides: Sequence[str], choices: Mapping[str, str | None]) -> "RunFolder":
        """The folder of this configuration, existing or new.

        It is named by its overrides and the configuration's hash; the same configuration finds the same folder
        whatever the order or spelling of the overrides.

        Raises:
            UserError: if the place can't be written to, or something in the configuration is left to resolve.
        """
        # Here and not above: it looks for other runs.
        from depthbench.runs.origin import pinned

        content = plain(renew(config))  # says which names are former ones
        check_resolved(content)
        return cls(find_or_make(pinned(content), overrides, choices))

    @property
    def config(self) -> DictConfig:
        """The resolved configuration, under today's names.

        Raises:
            UserError: if there is none, or it is damaged.
        """
        check_unchanged(self.path / "config.yaml")
        return OmegaConf.create(read_config(self.path / "config.yaml"))

    @property
    def run(self) -> dict[str, Any]:
        """The content of ``run.json``, its overrides under today's names.

        Raises:
            UserError: if it is damaged, or has an override that asks for more than a key's value.
        """
        check_unchanged(self.path / "run.json")
        run = self.read_json("run.json")
        if not run:
            return {}
        overrides, choices = run.get("overrides", []), run.get("choices", {})
        if not isinstance(overrides, list) or not isinstance(choices, dict):
            raise UserError(f"{self.path / 'run.json'} is damaged; repair it, or leave that run out.")
        for item in map(str, overrides):
            if re.search(r"\$\{[^}]*:", item):  # a resolver: environment variables and the like
                raise UserError(
                    f"{self.path / 'run.json'} has the override {item}, which asks for a value of this machine; "
                    "replace it by a plain value."
                )
        return {**run, "overrides": renew_overrides(list(map(str, overrides)), silent), "choices": choices}

    @property
    def status(self) -> dict[str, Any]:
        """The content of ``status.json``; a run that says it is running without a process is ``interrupted``.

        A damaged status says nothing and is no hindrance: the next start writes it anew.
        """
        status = self._kept_status()
        if self.done:
            return {**status, "state": "done"}
        if status.get("state") == "running" and not self.locked():
            return {**status, "state": "interrupted"}
        return status or {"state": "waiting"}

    def _kept_status(self) -> dict[str, Any]:
        try:
            status = self.read_json("status.json")
        except UserError as error:
            return {"state": "interrupted", "reason": str(error)}
        return status if not status or status.get("state") in STATES else {"state": "interrupted"}

    @property
    def done(self) -> bool:
        """Whether the run is complete."""
        return (self.path / "DONE").exists()

    @property
    def checkpoint(self) -> Path:
        """Path of the last checkpoint, which need not exist."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def best(self) -> Path:
        """Path of the checkpoint with the best validation score, which need not exist (``callbacks.best``)."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def weights(self) -> Path:
        """The checkpoint that the test was made with: the best one where one is kept, else the last."""
        return self.best if self.best.is_file() else self.checkpoint

    def read_json(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder; empty if it is not there.

        Raises:
            UserError: if it is damaged.
        """
        return read_json(self.path / name)

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file of the folder."""
        write_object(self.path / name, content)

    def update_status(self, **fields: Any) -> None:
        """Change some fields of the status."""
        self.write_json("status.json", {**self._kept_status(), **fields, "updated": time.time()})

    def claim_data(self, manifest: Mapping[str, Any]) -> None:
        """Record which data the run is of when it begins; refuse other data when it goes on.

        Args:
            manifest: of the data that were opened, by part.

        Raises:
            UserError: if the run began with other data.
        """
        recorded = self._data_record() if self.checkpoint.exists() else {}
        data_record.check_record(str(self.path), recorded, manifest, paths(read_config(self.path / "config.yaml")))
        if not recorded:
            self.write_json("data.json", dict(manifest))

    def moved(self, config: DictConfig) -> bool:
        """Whether a configuration of this run looks for its data elsewhere than the folder's own."""
        return paths(read_config(self.path / "config.yaml")) != paths(plain(config))

    def move_data(self, config: DictConfig, manifest: Mapping[str, Any]) -> None:
        """Take over where the data lie now, after a look whether they are the run's data.

        Raises:
            UserError: if they are not.
        """
        # The folder's own configuration with other places: what else it pins, such as weights to start from, stays.
        asked = plain(config)
        data_record.check_record(str(self.path), self._data_record(), manifest, paths(asked))
        content = with_paths(read_config(self.path / "config.yaml"), asked)
        with suppress(UserError):  # an archive that may only be read
            write_config(self.path, content)

    def _data_record(self) -> dict[str, Any]:
        try:
            return self.read_json("data.json")
        except UserError:  # damaged: nothing is known, and it is written anew
            return {}

    def other_code(self) -> str | None:
        """A sentence if the folder was made by other code than now runs."""
        run = self.read_json("run.json")
        before, now = run.get("code_version"), code_version()
        if before in (None, now) and run.get("code_sha256") in (None, code_hash()):
            return self._other_plugins(run)
        return f"The code has changed since: {before or 'an earlier version'} then, {now} now."

    def claim_code(self) -> str | None:
        """Record the code that trains from now on; a sentence where it is other code than the record names.

        A run's code is read when its process begins: hours after a sweep was planned, or when the run goes on.
        """
        told, run = self.other_code(), self.read_json("run.json")
        now = {"code_version": code_version(), "code_sha256": code_hash()}
        before = {key: run.get(key) for key in now}
        if told and before != now:
            self.write_json("run.json", {**run, **now, "earlier_code": [*run.get("earlier_code", []), before]})
        return told

    def claim_kind(self, kind: OutputKind) -> None:
        """Record the kind that the run's network predicts, before it is scored."""
        run = self.read_json("run.json")
        if run and run.get("kind") != kind:
            self.write_json("run.json", {**run, "kind": str(kind)})

    def _other_plugins(self, run: Mapping[str, Any]) -> str | None:
        """Compare the plugins that are open here; a file opens none."""
        kept = run.get("plugins")
        now = {plugin.name: plugin.hash for plugin in opened()}
        for one in kept if isinstance(kept, list) else []:
            if isinstance(one, dict) and now.get(str(one.get("name")), one.get("sha256")) != one.get("sha256"):
                return f"The files of {one['name']} have changed since."
        return None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process; the system lets go of it however the process ends.

        Raises:
            Busy: if another process holds it.
            UserError: if the folder may not be written to.
        """
        with told_unwritable(self.path / ".lock"):
            file = (self.path / ".lock").open("w")
        with file:
            # A few tries: a process that asks `locked` holds it for a moment, too.
            for attempt in range(5):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if attempt == 4:
                        raise Busy(f"Another process is working in {self.path}.") from None
                    time.sleep(0.05)
            clean(self.path, age=60)  # half-written files of killed processes
            yield

    def locked(self) -> bool:
        """Whether a process is working in the folder."""
        return is_locked(self.path)

    def same_as(self, config: DictConfig) -> bool:
        """Whether this folder's configuration is the given one, except for keys that can't change a result."""
        content = plain(config)
        return is_same(self.path, digest(content), content)

"""Reading run folders: everything that the report knows comes through here."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from depthbench.config.aliases import renew_overrides, silent
from depthbench.config.reading import read_config
from depthbench.errors import UserError
from depthbench.files import read_json
from depthbench.output_kinds import OutputKind
from depthbench.report.read.run_files import (
    Array,
    Curves,
    read_history,
    read_trace,
)
from depthbench.runs.checksums import ASKED, TESTED, check_unchanged, read_done
from depthbench.runs.folder import RunFolder
from depthbench.runs.panels import PANELS, KeptPanels, read_arrays, read_panels
from depthbench.runs.results import kind_of, scores_of
from depthbench.runs.tables import PerImage, read_per_image

MARKERS = ("run.json", "status.json", "scores.json", "DONE")
FILES = (
    "config.yaml",
    *MARKERS[:-1],
    "data.json",
    "metrics.csv",
    "per_image.csv",
    "panels.npz",
    "profiles.npz",
    "DONE",
)


@dataclass(frozen=True)
class Run:
    """One run folder. A missing or empty file gives empty content and is named in ``missing``.

    ``frames`` is the content of data.json, ``kind`` is of the network's output.
    """

    path: Path
    info: Mapping[str, Any]
    config: Mapping[str, Any]
    status: Mapping[str, Any]
    done: Mapping[str, Any]
    scores: Mapping[str, Mapping[str, float]]
    missing: tuple[str, ...]
    frames: Mapping[str, Any] = field(default_factory=dict)
    kind: OutputKind = OutputKind.METRIC_DEPTH

    @property
    def name(self) -> str:
        """The overrides, else the folder's name."""
        return str(self.info.get("name") or self.path.name)

    @property
    def state(self) -> str:
        """``done`` by the marker alone; a folder without one is never called done."""
        if "DONE" not in self.missing:
            return "done"
        state = str(self.status.get("state", "unknown"))
        if state == "running" and (self.path / ".lock").exists() and not RunFolder(self.path).locked():
            return "interrupted"  # whatever worked here is gone
        return "unfinished" if state == "done" else state

    @property
    def reason(self) -> str:
        """The reason why a run is not done, if the folder gives one."""
        if self.status.get("reason"):
            return str(self.status["reason"])
        return "it never wrote a status" if "status.json" in self.missing else ""

    @property
    def choices(self) -> Mapping[str, Any]:
        """The option chosen in each configuration group."""
        found = self.info.get("choices")
        return found if isinstance(found, Mapping) else {}

    @property
    def times(self) -> dict[str, float]:
        """Seconds of the whole run, per training step and of the network per image, as far as they were recorded."""
        found = {key: value for key, value in self.done.items() if key.startswith("seconds")}
        return {key: float(value) for key, value in found.items() if isinstance(value, int | float) and value > 0}

    def value(self, key: str) -> Any:
        """The choice of a group, or a value of the configuration by its dotted key; None if there is none."""
        return self.choices[key] if key in self.choices else lookup(self.config, key)

    @cached_property
    def per_image(self) -> PerImage:
        """Scores of each test image: ``{protocol: {"name": (N,), metric: (N,)}}``, in order of name."""
        found = read_per_image(self.path / "per_image.csv")
        return {_today("protocol", name): table for name, table in found.items()}

    @cached_property
    def history(self) -> Curves:
        """Logged curves: ``{column: (steps, values)}``, without the empty cells."""
        return read_history(self.path / "metrics.csv")

    @cached_property
    def trace(self) -> Curves:
        """Contributions of the loss's terms: ``{term: (periods, weight times loss)}``; empty for a plain loss."""
        return read_trace(self.path / "loss_trace.csv", "contribution")

    @cached_property
    def term_losses(self) -> Curves:
        """The terms themselves: ``{term: (periods, loss)}``; empty for a plain loss."""
        return read_trace(self.path / "loss_trace.csv", "loss")

    def panels(self) -> KeptPanels | None:
        """The fixed test frames, or None where the file is missing (not cached: they are large)."""
        return read_panels(self.path / PANELS)

    def profiles(self) -> dict[str, Array]:
        """The content of ``profiles.npz``, empty where it is missing (see :mod:`depthbench.training.callbacks`)."""
        return read_arrays(self.path / "profiles.npz", "profiles") or {}


def lookup(config: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key, or None."""
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def find_run_folders(places: Iterable[str | Path]) -> list[Path]:
    """All run folders in the given folders, at any depth, each once, in order.

    Raises:
        UserError: if a place is not a folder, or if there is no run folder at all.
    """
    folders = [Path(place) for place in places]
    found: dict[Path, None] = {}
    for place in folders:
        if not place.is_dir():
            raise UserError(f"{place} is not a folder; give run folders, or folders that contain them.")
        for folder, inside, files in os.walk(place):
            inside.sort()
            if _is_run(Path(folder), set(MARKERS).intersection(files)):
                found[Path(folder).resolve()] = None
                inside.clear()  # nothing inside a run is another run
            inside[:] = [name for name in inside if not name.startswith(".")]
    if not found:
        listed = ", ".join(str(place) for place in folders)
        raise UserError(f"No run folder found in {listed}: a run folder holds one of {', '.join(MARKERS)}.")
    return list(found)


def _is_run(folder: Path, marks: set[str]) -> bool:
    """Whether a folder with some of the marker files is a run: ``scores.json`` alone may be a file of ``evaluate``."""
    if marks != {"scores.json"}:
        return bool(marks)
    try:
        return "schema" not in json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return True  # damaged: its reader says so


def read_runs(places: Iterable[str | Path]) -> list[Run]:
    """Read every run folder below the given folders.

    Raises:
        UserError: if there is none, or if a file in one cannot be read.
    """
    return [read_run(path) for path in find_run_folders(places)]


def read_run(path: Path) -> Run:
    """Read one run folder; files that are not there are named in ``missing``."""
    for name in (*ASKED, *TESTED):
        check_unchanged(path / name)
    results = read_json(path / "scores.json")
    return Run(
        path=path,
        info=_renewed(read_json(path / "run.json")),
        config=read_config(path / "config.yaml") if (path / "config.yaml").is_file() else {},
        status=read_json(path / "status.json"),
        done=read_done(path),
        scores={_today("protocol", name): row for name, row in scores_of(results).items()},
        missing=tuple(name for name in FILES if not _is_there(path / name)),
        frames=read_json(path / "data.json"),
        kind=kind_of(results),
    )


def _is_there(file: Path) -> bool:
    """Whether a file holds something; ``DONE`` of an earlier version may be empty."""
    return file.is_file() and (file.name == "DONE" or file.stat().st_size > 0)


def _renewed(info: dict[str, Any]) -> dict[str, Any]:
    """Choices and overrides that an earlier version wrote, under today's names."""
    choices, overrides = info.get("choices"), info.get("overrides")
    if isinstance(choices, dict):
        renewed = {key: _today(key, value) if isinstance(value, str) else value for key, value in choices.items()}
        info = info | {"choices": renewed}
    if isinstance(overrides, list):
        info = info | {"overrides": renew_overrides([str(item) for item in overrides], silent)}
    return info


def _today(group: str, option: str) -> str:
    """Today's name of a group's option."""
    return renew_overrides([f"{group}={option}"], silent)[0].partition("=")[2]

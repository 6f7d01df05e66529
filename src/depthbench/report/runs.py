"""Reading run folders: everything that the report knows comes through here."""

import csv
import json
import math
import os
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.run_folder import RunFolder

MARKERS = ("run.json", "status.json", "scores.json", "DONE")
FILES = ("config.yaml", "run.json", "status.json", "metrics.csv", "scores.json", "per_image.csv", "panels.npz", "DONE")

Array = NDArray[Any]
PerImage = dict[str, dict[str, Array]]


@dataclass(frozen=True)
class Panels:
    """A few fixed test frames: ``image (N, h, w, 3)`` uint8, ``truth`` and ``prediction (N, h, w)`` in metres."""

    name: tuple[str, ...]
    image: Array
    truth: Array
    prediction: Array


@dataclass(frozen=True)
class Run:
    """One run folder. What is not there is empty, and named in ``missing``."""

    path: Path
    info: Mapping[str, Any]
    config: Mapping[str, Any]
    status: Mapping[str, Any]
    done: Mapping[str, Any]
    scores: Mapping[str, Mapping[str, float]]
    missing: tuple[str, ...]

    @property
    def name(self) -> str:
        """What was overridden, else the folder's name."""
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
        """Why a run is not done, as far as the folder tells."""
        if self.status.get("reason"):
            return str(self.status["reason"])
        return "it never wrote a status" if "status.json" in self.missing else ""

    @property
    def choices(self) -> Mapping[str, Any]:
        """The option chosen in each configuration group."""
        found = self.info.get("choices")
        return found if isinstance(found, Mapping) else {}

    def value(self, key: str) -> Any:
        """The choice of a group, or a value of the configuration by its dotted key; None if there is none."""
        return self.choices[key] if key in self.choices else lookup(self.config, key)

    @cached_property
    def per_image(self) -> PerImage:
        """Scores of each test image: ``{protocol: {"name": (N,), metric: (N,)}}``, in order of name."""
        return _read_per_image(self.path / "per_image.csv")

    @cached_property
    def history(self) -> dict[str, tuple[Array, Array]]:
        """Logged curves: ``{column: (steps, values)}``, without the empty cells."""
        return _read_history(self.path / "metrics.csv")

    @cached_property
    def trace(self) -> dict[str, tuple[Array, Array]]:
        """Contributions of the loss's terms: ``{term: (periods, weight times loss)}``; empty for a plain loss.

        Periods in which a term was not defined (NaN: gradients of a 1x1 map) are left out.
        """
        header, rows = _read_rows(self.path / "loss_trace.csv")
        if not {"period", "name", "contribution"} <= set(header):
            return {}
        columns = [header.index(name) for name in ("name", "period", "contribution")]
        terms: dict[str, list[list[float]]] = defaultdict(list)
        for row in rows:
            name, *numbers = (row[index] for index in columns)
            period, contribution = (_number(number) for number in numbers)
            if np.isfinite(contribution):
                terms[name].append([period, contribution])
        return {name: (np.array(found)[:, 0], np.array(found)[:, 1]) for name, found in terms.items()}

    def panels(self) -> Panels | None:
        """The fixed test frames, or None where the file is missing (not cached: they are large)."""
        path = self.path / "panels.npz"
        if not path.is_file():
            return None
        try:
            with np.load(path) as file:
                depth = {key: np.asarray(file[key], dtype=np.float32) for key in ("truth", "prediction")}
                return Panels(name=tuple(str(name) for name in file["name"]), image=np.asarray(file["image"]), **depth)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(f"{path} is not a readable file of panels ({error}); delete it to leave it out.") from error


def lookup(config: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key, or None."""
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def find_runs(places: Iterable[str | Path]) -> list[Path]:
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
            if not set(MARKERS).isdisjoint(files):
                found[Path(folder).resolve()] = None
                inside.clear()  # nothing inside a run is another run
            inside[:] = [name for name in inside if not name.startswith(".")]
    if not found:
        listed = ", ".join(str(place) for place in folders)
        raise UserError(f"No run folder found in {listed}: a run folder holds one of {', '.join(MARKERS)}.")
    return list(found)


def read_runs(places: Iterable[str | Path]) -> list[Run]:
    """Read every run folder below the given folders.

    Raises:
        UserError: if there is none, or if a file in one cannot be read.
    """
    return [read_run(path) for path in find_runs(places)]


def read_run(path: Path) -> Run:
    """Read one run folder; files that are not there are named in ``missing``."""
    done = path / "DONE"
    return Run(
        path=path,
        info=_read_json(path / "run.json"),
        config=_read_yaml(path / "config.yaml"),
        status=_read_json(path / "status.json"),
        done=_read_json(done) if done.is_file() and done.stat().st_size else {},
        scores=_clean_scores(_read_json(path / "scores.json")),
        missing=tuple(name for name in FILES if not (path / name).is_file()),
    )


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not readable JSON ({error}); repair it, or leave that run out.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds {type(content).__name__} where an object is expected; leave that run out.")
    return content


def _read_yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not readable YAML ({reason}); repair it, or leave that run out.") from error
    return content if isinstance(content, dict) else {}


def _clean_scores(content: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Only protocols, and in them only numbers."""
    return {
        protocol: {key: float(value) for key, value in scores.items() if _is_number(value)}
        for protocol, scores in content.items()
        if isinstance(scores, Mapping)
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the complete rows: a run killed while writing leaves a short last one."""
    if not path.is_file():
        return [], []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path} is not a readable CSV ({error}); repair it, or leave that run out.") from error
    header = rows[0] if rows else []
    return header, [row for row in rows[1:] if len(row) == len(header)]


def _read_per_image(path: Path) -> PerImage:
    header, rows = _read_rows(path)
    if not {"protocol", "name"} <= set(header):
        return {}
    protocol, name = header.index("protocol"), header.index("name")
    metrics = [index for index in range(len(header)) if index not in (protocol, name)]
    by_protocol: dict[str, list[list[str]]] = defaultdict(list)
    for row in rows:
        by_protocol[row[protocol]].append(row)
    result: PerImage = {}
    for key, group in by_protocol.items():
        group.sort(key=lambda row: row[name])
        result[key] = {header[index]: _numbers([row[index] for row in group]) for index in metrics}
        result[key]["name"] = np.array([row[name] for row in group])
    return result


def _read_history(path: Path) -> dict[str, tuple[Array, Array]]:
    header, rows = _read_rows(path)
    if "step" not in header or not rows:
        return {}
    columns = {name: _numbers([row[index] for row in rows]) for index, name in enumerate(header)}
    step = columns.pop("step")
    curves = {}
    for name, values in columns.items():
        logged = np.isfinite(values) & np.isfinite(step)
        if logged.any():
            curves[name] = (step[logged], values[logged])
    return curves


def _numbers(cells: Sequence[str]) -> Array:
    return np.array([_number(cell) for cell in cells], dtype=np.float64)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan

"""Inputs of a scoring: prediction files, runs and anybody's networks, each with the test data that it is scored on."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from depthbench.config.compose import names_of
from depthbench.config.needed_files import check_contents, check_root
from depthbench.config.values import check_values
from depthbench.errors import UserError
from depthbench.evaluation.model_source import (
    ModelOptions,
    ModelSource,
    check_said,
    read_kinds,
    read_pixels,
    read_size,
    read_sources,
)
from depthbench.output_kinds import OutputKind
from depthbench.runs.folder import RunFolder
from depthbench.runs.lookup import find_runs, split_paths, trained_run


@dataclass(frozen=True)
class Input:
    """One input: prediction files, a run or anybody's network, and its test data.

    Attributes:
        name: in tables.
        path: of the predictions or the run folder.
        run: the run folder, None for prediction files and other people's networks.
        config: whose ``data`` is scored on; for a run also whose ``trainer`` gives the precision.
        kind: of prediction files as declared, of runs and networks once they are open.
        model: anybody's network.
        options: the user's settings for it.
        own_size: whether it sees images as large as their files.
        cameras: the folder of predicted cameras, beside prediction files.
    """

    name: str
    path: Path
    run: RunFolder | None
    config: DictConfig
    kind: OutputKind = OutputKind.METRIC_DEPTH
    model: ModelSource | None = None
    options: ModelOptions = field(default_factory=ModelOptions)
    own_size: bool = False
    cameras: Path | None = None

    @property
    def is_network(self) -> bool:
        """Whether it predicts, and so shows all of each image."""
        return self.run is not None or self.model is not None


def read_inputs(options: dict[str, Any], overrides: list[str], kind: str | None) -> list[Input]:
    """All that is to be scored, in the order of tables: files, runs, networks.

    Args:
        options: the flat keys of the command.
        overrides: of data and protocol, as Hydra reads them.
        kind: of files and networks, as typed.

    Raises:
        UserError: if there is nothing, something is given twice or isn't there, or data are missing.
    """
    files, folders, models = _files(options["predictions"]), _runs(options["run"]), read_sources(options["model"])
    if not files and not folders and not models:
        compose("evaluate", overrides)  # perhaps there is only a slip of the pen
        raise UserError(
            "There is nothing to score: append predictions=FOLDER and data=..., model=SOURCE and data=..., or "
            "run=RUN_FOLDER."
        )
    check_said(models, _said(options, None))
    kinds = read_kinds(kind, len(files), len(models), read_unit(options["unit"]), len(folders))
    cameras = _cameras(options["cameras"], len(files))
    found = [
        Input(
            path.name,
            path,
            None,
            _settings_of_data(overrides, "Prediction files"),
            one or OutputKind.METRIC_DEPTH,
            cameras=camera,
        )
        for path, one, camera in zip(files, kinds.files, cameras, strict=True)
    ]
    found += [
        Input(folder.path.name, folder.path, folder, run_settings(folder, overrides), options=ModelOptions(kind=one))
        for folder, one in zip(folders, kinds.runs, strict=True)
    ]
    found += [_model_input(model, one, options, overrides) for model, one in zip(models, kinds.models, strict=True)]
    if len({one.name for one in found}) < len(found):
        found = [replace(one, name=one.model.text if one.model else str(one.path)) for one in found]
    if len({one.name for one in found}) < len(found):
        raise UserError("The same predictions are given twice; name each once.")
    for one in found:
        OmegaConf.to_container(one.config.data.test, resolve=True, throw_on_missing=True)
        check_values(one.config)
        check_root(one.config)
        check_contents(one.config, ["test"])
    return found


def _model_input(model: ModelSource, kind: OutputKind | None, options: dict[str, Any], overrides: list[str]) -> Input:
    own_size = not any(item.lstrip("+").startswith("data.size=") for item in overrides)
    settings = _settings_of_data(overrides, "Networks")
    return Input(
        model.label, Path(model.place), None, settings, model=model, options=_said(options, kind), own_size=own_size
    )


def _said(options: Mapping[str, Any], kind: OutputKind | None) -> ModelOptions:
    return ModelOptions(kind, read_size(options["size"]), read_pixels(options["range"]), options["key"])


def _files(text: str | None) -> list[Path]:
    """Paths of prediction files."""
    found = [Path(part).expanduser() for part in split_paths(str(text or ""))]
    for path in found:
        if not path.exists():
            raise UserError(f"There is nothing at {path}; give existing paths, separated by commas.")
    return found


def _cameras(text: str | None, count: int) -> list[Path] | list[None]:
    """The folder of cameras of each set of prediction files."""
    found = _files(text)
    if not found:
        return [None] * count
    if len(found) != count:
        raise UserError(f"cameras={text} names {len(found)} folders for {count} predictions; give one each.")
    return found


def _runs(text: str | None) -> list[RunFolder]:
    """Runs with a checkpoint. If several are given, runs without one are left out, and a sentence says so."""
    if not text:
        return []
    found = [RunFolder(path) for path in find_runs(text)]
    if len(found) == 1:
        return [trained_run(text)]
    trained = [folder for folder in found if folder.checkpoint.is_file()]
    if not trained:
        raise UserError(f"None of the {len(found)} runs of {text} has been trained.")
    for folder in found:
        if folder not in trained:
            print(f"Left out: {folder.path} has not been trained.", file=sys.stderr)
    return trained


def _settings_of_data(overrides: list[str], what: str) -> DictConfig:
    if not any(item.startswith("data=") for item in overrides):
        choices = ", ".join(names_of("data"))
        raise UserError(f"{what} need data to be scored on: append data=... (one of {choices}).")
    return compose("evaluate", overrides)


def run_settings(folder: RunFolder, overrides: list[str]) -> DictConfig:
    """The configuration of a run, with other data where they are asked for."""
    config = folder.config
    if any(item.startswith("data=") for item in overrides):
        other = compose("evaluate", overrides)
        return OmegaConf.create({**config, "data": other.data, "protocol": other.protocol, "seed": config.seed})
    if overrides:
        return compose("config", [*folder.run["overrides"], *overrides])
    return config


def read_unit(text: str | float | None) -> float | None:
    """Metres of one step of prediction files, such as 0.001 or 10/65535; None where none is given.

    Raises:
        UserError: if it is not a number.
    """
    try:
        return None if text in (None, "null", "") else float(Fraction(str(text).replace(" ", "")))
    except (ValueError, ZeroDivisionError):
        raise UserError(f"unit={text} is not a number such as 0.001 or 10/65535.") from None

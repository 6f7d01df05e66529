"""What a command line asks to be scored: read and checked without torch, which takes seconds to import."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, ListConfig, OmegaConf

from depthbench.config.aliases import renew_overrides
from depthbench.config.compose import composing, config_dir, group_options, option_file, readable
from depthbench.config.mistakes import MISTAKES, explain, nearest
from depthbench.config.published import every_member, member_names, published, register_published
from depthbench.config.values import check_kinds, check_root, check_values
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
from depthbench.runs.results import run_kind

OUTPUTS = (".json", ".csv", ".md")
CACHE = ".predictions"


@dataclass(frozen=True)
class Input:
    """What is scored: prediction files, a run or anybody's network, and the test data that it is scored on.

    Attributes:
        name: in tables.
        path: of the predictions or the run folder.
        run: the run folder, None for prediction files and other people's networks.
        config: whose ``data`` is scored on; for a run also whose ``trainer`` gives the precision.
        kind: of prediction files as declared, of a run as it was written down, of a network once it is open.
        model: anybody's network.
        options: what the user says of it.
        own_size: whether it sees images as large as their files.
    """

    name: str
    path: Path
    run: RunFolder | None
    config: DictConfig
    kind: OutputKind = OutputKind.METRIC_DEPTH
    model: ModelSource | None = None
    options: ModelOptions = field(default_factory=ModelOptions)
    own_size: bool = False

    @property
    def is_network(self) -> bool:
        """Whether it predicts, and so shows all of each image."""
        return self.run is not None or self.model is not None


@dataclass(frozen=True)
class EvaluateRequest:
    """One call of the command.

    Attributes:
        inputs: at least one.
        protocols: configurations by name.
        every: whether protocols that refuse are left out (``protocol=all``) or mistakes.
        by_family: of them those that a publication's name stands for, of which refusing ones are left out, too.
        structure: configurations of the metrics of structure by name.
        every_structure: whether those that the data can't serve are left out (``structure=all``) or mistakes.
        own_truth: whether a protocol without published numbers takes the data set's kind of truth as it is, unless it
            asks for raw truth.
        extended: whether the extended scores of pixels are taken.
        options: the flat keys of ``conf/evaluate.yaml``.
        unit: of prediction files.
        output: files for the table.
        cache: the folder where maps of other people's networks are kept; None where they are not.
    """

    inputs: list[Input]
    protocols: dict[str, dict[str, Any]]
    every: bool
    by_family: frozenset[str]
    structure: dict[str, dict[str, Any]]
    every_structure: bool
    own_truth: bool
    extended: bool
    options: dict[str, Any]
    unit: float | None
    output: list[Path] = field(default_factory=list)
    cache: Path | None = None


def names_of(group: str) -> list[str]:
    """The YAML files of a group, none of a folder in it."""
    return [name for name in group_options(group) if "/" not in name]


def read_evaluate_request(arguments: Sequence[str]) -> EvaluateRequest:
    """What the command line asks for, checked as far as that is possible without the data.

    Raises:
        UserError: for any mistake in it.
    """
    with composing():
        known = compose("evaluate")
        try:
            own, overrides = _sorted_out(renew_overrides(arguments), known)
            known = compose("evaluate", [item for item in overrides if item.startswith("data=")])
            check_kinds(known, OverridesParser.create().parse_overrides(overrides))
            options = {**{key: known[key] for key in _flat(known)}, **own}
            options |= {"covers": _covers(options["covers"]), "seed": _seed(options["seed"])}
            if options["missing"] not in ("refuse", "error"):
                raise UserError(f"missing={options['missing']} is unknown; choose refuse or error.")
            options["per_image"] = options["per_image"] and str(Path(options["per_image"]).expanduser())
            inputs = _inputs(options, overrides, own.get("kind"))
            protocols = _protocols(own.get("protocol"), overrides, inputs)
        except MISTAKES as error:
            raise UserError(explain(error, known)) from None
    outputs = _outputs(options)
    return EvaluateRequest(
        inputs,
        protocols,
        every=own.get("protocol") == "all",
        by_family=_by_family(own.get("protocol")),
        structure=_structure(options["structure"]),
        every_structure=options["structure"] == "all",
        own_truth=not any(item.lstrip("+").startswith("protocol.truth=") for item in overrides),
        extended=_extended(options["scores"]),
        options=options,
        unit=_unit(options["unit"]),
        output=outputs,
        cache=_cache(options["cache"], outputs),
    )


def _flat(known: DictConfig) -> list[str]:
    return [str(key) for key in known if key not in ("data", "protocol")]


def _sorted_out(arguments: Sequence[str], known: DictConfig) -> tuple[dict[str, str], list[str]]:
    """Our own keys, as they stand (paths may hold anything), and Hydra's overrides."""
    own, overrides = {}, []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals and not key.startswith("~"):
            raise UserError(f"{argument} can't be read as key=value.")
        if key in (*_flat(known), "protocol"):
            own[key] = value
        else:
            overrides.append(argument)
    return own, readable(overrides)


def _inputs(options: dict[str, Any], overrides: list[str], kind: str | None) -> list[Input]:
    files, folders, models = _files(options["predictions"]), _runs(options["run"]), read_sources(options["model"])
    if not files and not folders and not models:
        compose("evaluate", overrides)  # perhaps there is only a slip of the pen
        raise UserError(
            "There is nothing to score: append predictions=FOLDER and data=..., model=SOURCE and data=..., or "
            "run=RUN_FOLDER."
        )
    check_said(models, _said(options, None))
    kinds = read_kinds(kind, len(files), len(models), _unit(options["unit"]))
    found = [
        Input(path.name, path, None, _settings_of_data(overrides, "Prediction files"), one or OutputKind.METRIC_DEPTH)
        for path, one in zip(files, kinds, strict=False)
    ]
    found += [
        Input(folder.path.name, folder.path, folder, run_settings(folder, overrides), run_kind(folder.path))
        for folder in folders
    ]
    found += [
        _model_input(model, one, options, overrides) for model, one in zip(models, kinds[len(files) :], strict=True)
    ]
    if len({one.name for one in found}) < len(found):
        found = [replace(one, name=one.model.text if one.model else str(one.path)) for one in found]
    if len({one.name for one in found}) < len(found):
        raise UserError("The same predictions are given twice; name each once.")
    for one in found:
        OmegaConf.to_container(one.config.data.test, resolve=True, throw_on_missing=True)
        check_values(one.config)
        check_root(one.config)
    return found


def _model_input(model: ModelSource, kind: OutputKind | None, options: dict[str, Any], overrides: list[str]) -> Input:
    own_size = not any(item.lstrip("+").startswith("data.size=") for item in overrides)
    settings = _settings_of_data(overrides, "Networks")
    return Input(
        model.label, Path(model.place), None, settings, model=model, options=_said(options, kind), own_size=own_size
    )


def _said(options: Mapping[str, Any], kind: OutputKind | None) -> ModelOptions:
    return ModelOptions(kind, read_size(options["size"]), read_pixels(options["range"]), options["key"])


def _cache(text: str | None, outputs: Sequence[Path]) -> Path | None:
    """The folder of kept maps: as said, none, or beside what is written."""
    if text in ("none", "false"):
        return None
    if text in (None, "", "null"):
        return (outputs[0].absolute().parent if outputs else Path.cwd()) / CACHE
    path = Path(str(text)).expanduser()
    if path.exists() and not path.is_dir():
        raise UserError(f"cache={path} is a file; give a folder, or none.")
    return path


def _files(text: str | None) -> list[Path]:
    """Paths of prediction files."""
    found = [Path(part).expanduser() for part in split_paths(str(text or ""))]
    for path in found:
        if not path.exists():
            raise UserError(f"There is nothing at {path}; give existing paths, separated by commas.")
    return found


def _runs(text: str | None) -> list[RunFolder]:
    """Runs with a checkpoint; of several those without one are left out, which is told."""
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


def _protocols(chosen: str | None, overrides: list[str], inputs: list[Input]) -> dict[str, dict[str, Any]]:
    if chosen is None:
        configs = [_plain(one.config.protocol) for one in inputs]
        if any(config != configs[0] for config in configs):
            told = " and ".join(dict.fromkeys(str(config["name"]) for config in configs))
            raise UserError(
                f"The runs were not scored by the same rules ({told}); choose some for all: append protocol=..."
            )
        return {configs[0]["name"]: configs[0]}
    changes = [item for item in overrides if item.lstrip("+~").startswith("protocol.")]
    names = _every_protocol(bool(changes)) if chosen == "all" else chosen.split(",")
    changed = [config for name in dict.fromkeys(names) for config in _named_protocols(name, changes)]
    found = {config["name"]: config for config in changed}
    if len(found) < len(changed):
        raise UserError(f"protocol.name={next(iter(found))} is one name for {len(changed)} protocols; leave it out.")
    return found


def _every_protocol(changed: bool) -> list[str]:
    """Every option; of published ones none where fields are changed, which is told."""
    families = list(published(config_dir()))
    if changed:
        print(f"Left out: {', '.join(families)} are published, so their fields can't be changed.", file=sys.stderr)
    return names_of("protocol") + ([] if changed else families)


def _named_protocols(name: str, changes: list[str]) -> list[dict[str, Any]]:
    """The protocol of a name, or those of a publication or of one of its sets."""
    members = member_names(config_dir(), name)
    if not members and (changes or name not in every_member(config_dir())):
        register_published(config_dir(), [f"protocol={name}"])
        return [_plain(compose("evaluate", [f"protocol={name}", *changes]).protocol)]
    if members and changes:
        raise UserError(
            f"protocol={name} is published, so its fields can't be changed; change one of {', '.join(members[:3])} "
            "... under a name of your own (protocol.name=mine)."
        )
    return [every_member(config_dir())[one] for one in members or [name]]


def _by_family(chosen: str | None) -> frozenset[str]:
    """Protocols that were not named one by one, so that those that don't fit the data are left out."""
    names = list(published(config_dir())) if chosen == "all" else str(chosen or "").split(",")
    return frozenset(member for name in names for member in member_names(config_dir(), name))


def _extended(chosen: str) -> bool:
    if chosen not in ("standard", "extended"):
        raise UserError(f"scores={chosen} is neither standard nor extended.")
    return chosen == "extended"


def _structure(chosen: str | None) -> dict[str, dict[str, Any]]:
    known = names_of("structure")
    names = known if chosen == "all" else [] if chosen in (None, "", "null") else str(chosen).split(",")
    for name in names:
        if name not in known:
            raise UserError(f"structure={name} does not exist; {nearest(name, [*known, 'all'])}")
    files = {name: option_file("structure", name) for name in names}
    return {name: _plain(OmegaConf.load(file)) for name, file in files.items() if file is not None}


def _plain(config: DictConfig | ListConfig) -> dict[str, Any]:
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return plain


def _unit(text: str | float | None) -> float | None:
    try:
        return None if text in (None, "null", "") else float(Fraction(str(text).replace(" ", "")))
    except (ValueError, ZeroDivisionError):
        raise UserError(f"unit={text} is not a number such as 0.001 or 10/65535.") from None


def _covers(text: str | None) -> Any:
    """The name of a region, a list of its edges, or None."""
    if text in (None, "", "null"):
        return None
    if not text.startswith("["):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise UserError(f"covers={text} can't be read as a list; give [top, bottom, left, right].") from None


def _seed(text: str | int) -> int:
    if not str(text).isdecimal():
        raise UserError(f"seed={text} is no whole number from 0 on.")
    return int(text)


def _outputs(options: dict[str, Any]) -> list[Path]:
    paths = [Path(item).expanduser() for item in str(options["output"] or "").split(",") if item]
    for path in paths:
        if path.suffix not in OUTPUTS:
            raise UserError(f"output={path} has no known form; end it in {', '.join(OUTPUTS)}.")
    images = [Path(options["per_image"]).expanduser()] if options["per_image"] else []
    if images and images[0].suffix != ".csv":
        raise UserError(f"per_image={images[0]} is written as a table; end it in .csv.")
    for path in [*paths, *images]:
        if path.is_dir():
            raise UserError(f"{path} is a folder; give the name of a file in it.")
    for path in [*paths, *images]:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
    return paths

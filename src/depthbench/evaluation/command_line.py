"""The request of a command line to score: read and checked without torch, which takes seconds to import."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from depthbench.config.aliases import renew_overrides
from depthbench.config.compose import composing, readable
from depthbench.config.mistakes import MISTAKES, explain
from depthbench.config.set_names import with_bundles
from depthbench.config.values import check_kinds
from depthbench.errors import UserError
from depthbench.evaluation.inputs import Input, read_inputs, read_unit
from depthbench.evaluation.rules import asked_protocols, asked_structure, by_family

OUTPUTS = (".json", ".csv", ".md", ".yaml")
CACHE = ".predictions"


@dataclass(frozen=True)
class EvaluateRequest:
    """One call of the command.

    Attributes:
        inputs: at least one.
        protocols: configurations by name.
        every: whether protocols that refuse are left out (``protocol=all``) or mistakes.
        by_family: the protocols behind a publication's name, of which refusing ones are left out, too.
        structure: configurations of the metrics of structure by name.
        every_structure: whether metrics that the data can't serve are left out (``structure=all``) or mistakes.
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


def read_evaluate_request(arguments: Sequence[str]) -> EvaluateRequest:
    """The request of the command line, checked as far as possible without the data.

    Raises:
        UserError: for any mistake in it.
    """
    with composing():
        known = compose("evaluate")
        try:
            own, overrides = _sorted_out(renew_overrides(with_bundles(arguments)), known)
            known = compose("evaluate", [item for item in overrides if item.startswith("data=")])
            check_kinds(known, OverridesParser.create().parse_overrides(overrides))
            options = {**{key: known[key] for key in _flat(known)}, **own}
            options |= {"covers": _covers(options["covers"]), "seed": _seed(options["seed"])}
            if options["missing"] not in ("refuse", "error"):
                raise UserError(f"missing={options['missing']} is unknown; choose refuse or error.")
            if options["cameras"] and "fov" not in str(options["structure"]).split(","):
                raise UserError("cameras= is scored by structure=fov; append it, or leave cameras out.")
            options["per_image"] = options["per_image"] and str(Path(options["per_image"]).expanduser())
            inputs = read_inputs(options, overrides, own.get("kind"))
            protocols = asked_protocols(own.get("protocol"), overrides, inputs)
        except MISTAKES as error:
            raise UserError(explain(error, known)) from None
    outputs = _outputs(options)
    return EvaluateRequest(
        inputs,
        protocols,
        every=own.get("protocol") == "all",
        by_family=by_family(own.get("protocol")),
        structure=asked_structure(options["structure"]),
        every_structure=options["structure"] == "all",
        own_truth=not any(item.lstrip("+").startswith("protocol.truth=") for item in overrides),
        extended=_extended(options["scores"]),
        options=options,
        unit=read_unit(options["unit"]),
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


def _cache(text: str | None, outputs: Sequence[Path]) -> Path | None:
    """The folder of kept maps: the given one, none, or beside the output."""
    if text in ("none", "false"):
        return None
    if text in (None, "", "null"):
        return (outputs[0].absolute().parent if outputs else Path.cwd()) / CACHE
    path = Path(str(text)).expanduser()
    if path.exists() and not path.is_dir():
        raise UserError(f"cache={path} is a file; give a folder, or none.")
    return path


def _extended(chosen: str) -> bool:
    if chosen not in ("standard", "extended"):
        raise UserError(f"scores={chosen} is neither standard nor extended.")
    return chosen == "extended"


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
        raise UserError(f"seed={text} is not a whole number of 0 or more.")
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

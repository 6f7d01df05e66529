"""The request of a command line to fill a leaderboard, read without torch."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from depthbench.config.compose import names_of
from depthbench.config.compose_once import composing_once
from depthbench.config.mistakes import nearest
from depthbench.config.set_names import BUNDLE_SETS, EVERY, bundled, option_words
from depthbench.errors import UserError
from depthbench.evaluation.command_line import EvaluateRequest, read_evaluate_request
from depthbench.evaluation.model_source import read_source
from depthbench.leaderboard.launched import Launched, read_launched
from depthbench.runs.lookup import find_run, split_paths

OWN = ("models", "data", "protocol", "kind", "output", "jobs", "launcher")
SINGLE = ("model", "run", "predictions", "per_image", "cameras")  # of `evaluate` that the grid says itself
FOLDER = "leaderboard"

FORMS = (
    "run:FOLDER, files:FOLDER (prediction files, of several data sets in FOLDER/SET), python:MODULE:FUNCTION, "
    "hf:NAME_OR_FOLDER, onnx:FILE, FILE.ckpt"
)


@dataclass(frozen=True)
class AskedModel:
    """A model: how tables call it, where it comes from, and its kind where that was said."""

    label: str
    form: str
    place: str
    kind: str | None


@dataclass(frozen=True)
class AskedCells:
    """One model on one data set: the words of an ``evaluate`` command, and their meaning."""

    model: str
    data: str
    words: tuple[str, ...]
    request: EvaluateRequest


@dataclass(frozen=True)
class AskedBoard:
    """Everything that a command line asks for.

    Attributes:
        folder: of the leaderboard.
        launched: where its processes run.
        models: labels in order.
        data: names of data sets in order.
        groups: every model on every data set.
    """

    folder: Path
    launched: Launched
    models: tuple[str, ...]
    data: tuple[str, ...]
    groups: tuple[AskedCells, ...]


def is_board(arguments: Sequence[str]) -> bool:
    """Whether a command line of ``evaluate`` asks for a leaderboard.

    Raises:
        UserError: for a list of models that is not called one.
    """
    for word in arguments:
        if word.startswith("model=["):
            raise UserError(f"{word} is a list; write models=[...].")
    return any(word.startswith("models=") for word in arguments)


def read_board_request(arguments: Sequence[str]) -> AskedBoard:
    """The request of a command line. Every cell's words are read once: a mistake is reported before anything runs.

    Raises:
        UserError: for any mistake in it.
    """
    settings = [word for word in arguments if word.lstrip("+").startswith("launcher.")]
    own, others = _sorted_out([word for word in arguments if word not in settings])
    launched = read_launched(own.get("launcher"), settings, own.get("jobs"))
    models = _models(own.get("models", ""), own.get("kind"))
    sets = _sets(own.get("data", ""), others)
    folder = Path(own.get("output") or FOLDER).expanduser()
    if folder.suffix or (folder.exists() and not folder.is_dir()):
        raise UserError(f"output={folder} must be a folder, in which models=[...] is filled.")
    protocols = _listed(own.get("protocol", ""))
    common = [f"protocol={','.join(protocols)}"] if protocols else []
    common += [f"cache={folder / '.predictions'}"] if not any(word.startswith("cache=") for word in others) else []
    groups = []
    with composing_once():  # models on one set differ in no override
        for model in models:
            for name, words in sets.items():
                line = [*_words_of(model, name, len(sets)), *words, *common]
                line += [f"kind={model.kind}"] if model.kind else []
                groups.append(AskedCells(model.label, name, tuple(line), _read(line, model, name)))
    return AskedBoard(folder, launched, tuple(one.label for one in models), tuple(sets), tuple(groups))


def _read(words: Sequence[str], model: AskedModel, name: str) -> EvaluateRequest:
    try:
        return read_evaluate_request(words)
    except UserError as error:
        raise UserError(f"{model.label} on {name}: {error}") from None


def _sorted_out(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    own, others = {}, []
    for word in arguments:
        key, _, value = word.partition("=")
        if key in SINGLE:
            raise UserError(
                f"{word} is of a single evaluation; name it in models=[...] ({FORMS}), or leave models out."
            )
        if key in OWN:
            own[key] = value
        else:
            others.append(word)
    return own, others


def _listed(text: str) -> list[str]:
    """``[a,b]``, ``a,b`` or ``a``; a path that exists may hold commas."""
    inner = text.strip().removeprefix("[").removesuffix("]")
    return [part.strip().strip("'\"") for part in split_paths(inner) if part.strip()]


def _models(text: str, kinds: str | None) -> list[AskedModel]:
    parts = _listed(text)
    if not parts:
        raise UserError(f"models=[...] names nothing; give {FORMS}, each perhaps with a name: mine=run:FOLDER.")
    said = _listed(kinds or "")
    if said and len(said) not in (1, len(parts)):
        raise UserError(f"kind={kinds} names {len(said)} kinds for {len(parts)} models; give one for all, or one each.")
    each = said * len(parts) if len(said) == 1 else said or [None] * len(parts)  # type: ignore[list-item]
    # Runs know their kind: one that is meant for all is not theirs.
    each_own = len(said) == len(parts)
    found = [_model(part, kind, each_own) for part, kind in zip(parts, each, strict=True)]
    labels = [one.label for one in found]
    for one in found:
        if labels.count(one.label) > 1:
            raise UserError(f"Two models are called {one.label}; name them apart: models=[a={parts[0]},b=...].")
    return found


def _model(text: str, kind: str | None, own: bool) -> AskedModel:
    named = re.match(r"([\w .+()-]+)=(.+)$", text)
    label, source = (named[1].strip(), named[2]) if named else ("", text)
    form, colon, place = source.partition(":")
    if form == "run" or (not colon and (Path(source).expanduser() / "run.json").is_file()):
        folder = find_run(place if colon else source)
        return AskedModel(label or folder.name, "run", str(folder), kind if own else None)
    if form == "files":
        path = Path(place).expanduser()
        if not path.exists():
            raise UserError(f"models=[{text}]: there is nothing at {path}.")
        return AskedModel(label or path.name, "files", str(path), kind)
    try:
        found = read_source(source)
    except UserError as error:
        raise UserError(
            f"{str(error).replace('model=', 'models=', 1).rstrip('.')}; models=[...] takes {FORMS}."
        ) from None
    return AskedModel(label or found.label, "model", source, kind)


def _words_of(model: AskedModel, name: str, sets: int) -> list[str]:
    if model.form != "files":
        return [f"{model.form}={model.place}"]
    inner = Path(model.place) / name
    if inner.exists():
        return [f"predictions={inner}"]
    if sets > 1:
        raise UserError(f"{model.label}: there is no {inner}; put the predictions of {name} there.")
    return [f"predictions={model.place}"]


def _sets(text: str, others: Sequence[str]) -> dict[str, list[str]]:
    """The words of each data set: its choice, shared words, its bundle's (``data.moge.``) and its own."""
    names = bundled(_listed(text))
    _check_sets(text, names, {word.lstrip("+").partition("=")[0] for word in others})
    groups = {name: tuple(dict.fromkeys((name.partition("/")[0], name))) for name in names}
    prefixes = tuple(f"data.{group}." for every in groups.values() for group in every)
    shared = [word for word in others if not word.lstrip("+").startswith(prefixes)]
    return {
        name: [*option_words(name), *shared, *(word for group in every for word in _own_words(group, others))]
        for name, every in groups.items()
    }


def _own_words(group: str, others: Sequence[str]) -> list[str]:
    """The words of one set or bundle, as `evaluate` reads them."""
    prefix = f"data.{group}."
    return [word.replace(prefix, "data.", 1) for word in others if word.lstrip("+").startswith(prefix)]


def _check_sets(text: str, names: Sequence[str], keys: set[str]) -> None:
    known = names_of("data")
    if not names:
        raise UserError(f"models=[...] needs data to be scored on: append data=[...] (of {', '.join(known)}).")
    for name in names:
        sets = BUNDLE_SETS.get(name, ())
        if sets and not keys & {"data.set", f"data.{name}.set"}:
            raise UserError(
                f"data={name} is {len(sets)} sets; name some, data=[{name}/{sets[0]},...], or all of them, "
                f"data={name}/{EVERY}."
            )
        if option_words(name)[0].removeprefix("data=") not in known:
            raise UserError(f"data={name} does not exist; {nearest(name, known)}")
    if len(set(names)) < len(names):
        raise UserError(f"data={text} names a data set twice; leave one out.")

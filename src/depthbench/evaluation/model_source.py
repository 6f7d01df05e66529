"""Other people's networks on a command line: read and checked without torch, which takes seconds to import."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from depthbench.errors import UserError
from depthbench.output_kinds import OutputKind, output_kind

Form = Literal["python", "hf", "onnx", "own"]
PixelRange = Literal["0..1", "0..255", "imagenet"]
PIXELS: tuple[PixelRange, ...] = ("0..1", "0..255", "imagenet")

SOURCES = (
    "python:MODULE:FUNCTION, hf:NAME_OR_FOLDER, onnx:FILE, or a network of this bench: FILE.ckpt, a folder of "
    "save_pretrained, a name in the mirror, hub:USER/NAME"
)


@dataclass(frozen=True)
class ModelSource:
    """A network as the user named it.

    Attributes:
        form: of what it is.
        place: module and function, name or folder, or file.
        text: as typed.
    """

    form: Form
    place: str
    text: str

    @property
    def label(self) -> str:
        """The name in tables, without the folders of a path."""
        before, colon, place = self.text.rpartition(":")
        path = Path(place)
        return f"{before}{colon}{path.name}" if path.name and path.exists() else self.text


@dataclass(frozen=True)
class ModelOptions:
    """The user's settings for a network.

    Attributes:
        kind: of its output; None where the network has to say it.
        size: (height, width) that an ONNX file sees.
        pixels: how an ONNX file takes RGB: in [0, 1], in [0, 255], or in [0, 1] normalized by ImageNet's statistics.
        key: the output of an ONNX file with several.
    """

    kind: OutputKind | None = None
    size: tuple[int, int] | None = None
    pixels: PixelRange | None = None
    key: str | None = None


def read_sources(text: str | None) -> list[ModelSource]:
    """The networks of ``model=``, separated by commas.

    Raises:
        UserError: if one can't be read, or its file is not there.
    """
    return [read_source(part.strip()) for part in str(text or "").split(",") if part.strip()]


def read_source(text: str) -> ModelSource:
    """One network.

    Raises:
        UserError: if it can't be read, or its file is not there.

    Example:
        >>> read_source("python:my_module:predict")
        ModelSource(form='python', place='my_module:predict', text='python:my_module:predict')
    """
    form, colon, place = text.partition(":")
    if colon and not place:
        raise UserError(f"model={text} lacks a name after the colon; give {SOURCES}.")
    if form == "python":
        if not re.fullmatch(r".+:[A-Za-z_][\w.]*", place):
            raise UserError(
                f"model={text} names no function; write python:MODULE:FUNCTION, or python:FILE.py:FUNCTION."
            )
        return ModelSource("python", place, text)
    if form == "hf":
        return ModelSource("hf", place, text)
    if form == "onnx":
        if not Path(place).expanduser().is_file():
            raise UserError(f"model={text}: there is no file {place}.")
        return ModelSource("onnx", place, text)
    if form == "hub" or not colon or Path(text).exists():
        if text.endswith(".onnx"):
            raise UserError(f"model={text} is an ONNX file; write model=onnx:{text}.")
        return ModelSource("own", text, text)
    raise UserError(f"model={text}: there is no source {form}:; give {SOURCES}.")


def read_pixels(text: str | None) -> PixelRange | None:
    """The range of an ONNX file's input.

    Raises:
        UserError: if there is no such range.
    """
    if text in (None, "", "null"):
        return None
    for name in PIXELS:
        if text == name:
            return name
    raise UserError(f"range={text} is unknown; choose {', '.join(PIXELS)}.")


def read_size(text: str | None) -> tuple[int, int] | None:
    """``HEIGHT,WIDTH``.

    Raises:
        UserError: if the text is not two whole numbers above 0.
    """
    if text in (None, "", "null"):
        return None
    found = re.fullmatch(r"\[?\s*(\d+)\s*[,x]\s*(\d+)\s*\]?", str(text))
    if not found or 0 in map(int, found.groups()):
        raise UserError(f"size={text} is not HEIGHT,WIDTH in pixels.")
    return int(found[1]), int(found[2])


def check_said(sources: Sequence[ModelSource], said: ModelOptions) -> None:
    """Refuse a size or range where no network has a use for it.

    Raises:
        UserError: naming the superfluous ones.
    """
    if any(source.form == "onnx" for source in sources):
        return
    for key, value in (("size", said.size), ("range", said.pixels)):
        if value is not None:
            raise UserError(f"{key}= is of model=onnx:FILE; other networks know their own: leave it out.")


class SaidKinds(NamedTuple):
    """The kind of each input, as said; None leaves it to the run or the network itself."""

    files: list[OutputKind | None]
    runs: list[OutputKind | None]
    models: list[OutputKind | None]


def read_kinds(text: str | None, files: int, models: int, unit: float | None, runs: int = 0) -> SaidKinds:
    """The kind of each set of prediction files, each run and each network: one for all, or one each.

    Runs know their kinds: where a list leaves them out, or one kind is meant for files or networks beside them, they
    keep to what they know.

    Args:
        text: kinds separated by commas; None where none was given. ``auto`` is the kind that a run or network declares.
        files: sets of prediction files, which come first; metric depth where nothing was said.
        models: networks, which come last.
        unit: of prediction files.
        runs: in between.

    Raises:
        UserError: if there is no such kind, or their number is another.
    """
    silent: list[OutputKind | None] = [None] * runs
    if text is None:
        return SaidKinds([OutputKind.METRIC_DEPTH] * files, silent, [None] * models)
    kinds: list[OutputKind | None] = [None if name == "auto" else output_kind(name, unit) for name in text.split(",")]
    others = files + models
    if len(kinds) == 1:
        found = SaidKinds(kinds * files, silent if others else kinds * runs, kinds * models)
    elif len(kinds) == others + runs:
        found = SaidKinds(kinds[:files], kinds[files : files + runs], kinds[files + runs :])
    elif len(kinds) == others:
        found = SaidKinds(kinds[:files], silent, kinds[files:])
    else:
        told = {"predictions": files, "runs": runs, "models": models}
        what = " and ".join(name for name, count in told.items() if count)
        raise UserError(
            f"kind={text} names {len(kinds)} kinds for {others + runs} {what}; give one for all, or one each."
        )
    if None in found.files:
        raise UserError(f"kind={text}: prediction files don't say their kind; auto is for models and runs.")
    return found

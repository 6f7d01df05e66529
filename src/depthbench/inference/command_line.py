"""The request of a command line to predict: read and checked without torch, which takes seconds to import."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from depthbench.cli import read_options
from depthbench.errors import UserError
from depthbench.evaluation.model_source import (
    ModelOptions,
    ModelSource,
    check_said,
    read_pixels,
    read_size,
    read_source,
)
from depthbench.output_kinds import output_kind
from depthbench.palette import MOST_METRES
from depthbench.runs.folder import RunFolder
from depthbench.runs.lookup import trained_run

VIDEOS = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm")
# Pictures of a folder are named where they can't be read, and not passed over.
PHOTOS = (".jpg", ".jpeg", ".png", ".heic", ".heif", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".gif")
FRAMES = ("png", "npy", "ply")  # of a video folders of frames
KINDS = (*FRAMES, "color", "beside")  # and these videos

OPTIONS: dict[str, str] = {
    "run": "",
    "model": "",
    "kind": "",
    "range": "",
    "key": "",
    "input": "",
    "output": "",
    "save": "png,color",
    "flip_average": "false",
    "max_depth": "",
    "bar": "true",
    "intrinsics": "",
    "size": "",
    "device": "auto",
}


@dataclass(frozen=True)
class InputFile:
    """A photo or a video, and the ``name`` without suffix of its output files."""

    path: Path
    name: str

    @property
    def video(self) -> bool:
        """Whether it is taken for a video, by its suffix."""
        return self.path.suffix.lower() in VIDEOS


@dataclass(frozen=True)
class PredictRequest:
    """One call of the command.

    Attributes:
        run: whose network predicts; None where it is anybody's.
        sources: photos and videos, at least one.
        output: folder with a folder for each kind of file.
        kinds: of files to write, some of ``KINDS``.
        flip_average: whether to average with the prediction of the mirrored picture.
        max_depth: metres at the end of the colors; None for a range of each photo's own.
        most_metres: metres at the end of the colors of videos, whose frames are compared: ``max_depth`` or a default.
        bar: whether a bar below the colors shows their range.
        intrinsics: (fx, fy, cx, cy) in pixels of the upright photos, pixel centers at integers; empty if not given.
        size: (height, width) that the network of a run sees.
        device: ``auto``, ``cpu`` or ``cuda``.
        model: anybody's network; None where it is a run's.
        options: the user's settings for it.
        kinds_by_default: whether the user left open which files are written.
    """

    run: RunFolder | None
    sources: list[InputFile]
    output: Path
    kinds: tuple[str, ...]
    flip_average: bool
    max_depth: float | None
    most_metres: float
    bar: bool
    intrinsics: tuple[float, ...]
    size: tuple[int, int] | None
    device: str
    model: ModelSource | None = None
    options: ModelOptions = field(default_factory=ModelOptions)
    kinds_by_default: bool = False

    def missing(self, source: InputFile) -> dict[str, Path]:
        """The files that are still to be written, by kind; for ``png``, ``npy`` and ``ply`` of a video, the folders."""
        paths = {kind: self.output / kind / _file_name(source, kind) for kind in self.kinds}
        return {kind: path for kind, path in paths.items() if not path.exists()}


def _file_name(source: InputFile, kind: str) -> str:
    if source.video:
        return f"{source.name}.frames" if kind in FRAMES else f"{source.name}.mp4"
    return f"{source.name}.{kind if kind in ('npy', 'ply') else 'png'}"


def read_predict_request(arguments: Sequence[str]) -> PredictRequest:
    """The request of the command line.

    Raises:
        UserError: for any mistake in it.
    """
    options = read_options(arguments, OPTIONS, needed=("input", "output"))
    run, model, said = _network(options)
    output = _path(options["output"])
    if output.exists() and not output.is_dir():
        raise UserError(f"output={output} is a file; give a folder.")
    kinds = _kinds(options["save"])
    return PredictRequest(
        run,
        find_sources(_path(options["input"]), output),
        output,
        kinds,
        _flag("flip_average", options["flip_average"]),
        _far(options["max_depth"]),
        _far(options["max_depth"]) or _limit(run),
        _flag("bar", options["bar"]),
        _intrinsics(options["intrinsics"], "ply" in kinds),
        network_size(options["size"], run.config) if run else None,
        options["device"],
        model,
        said,
        kinds_by_default=not any(argument.startswith("save=") for argument in arguments),
    )


def _network(options: Mapping[str, str]) -> tuple[RunFolder | None, ModelSource | None, ModelOptions]:
    """The run or the other network, and sentences about it."""
    if bool(options["run"]) == bool(options["model"]):
        raise UserError("Give one of run=RUN_FOLDER and model=SOURCE (docs/foreign_models.md).")
    if options["model"]:
        model = read_source(options["model"])
        kind = output_kind(options["kind"]) if options["kind"] else None
        said = ModelOptions(kind, read_size(options["size"]), read_pixels(options["range"]), options["key"] or None)
        check_said([model], said)
        return None, model, said
    for key in ("kind", "range", "key"):
        if options[key]:
            raise UserError(f"{key}={options[key]} is of model=..., not of a run; leave it out.")
    return trained_run(options["run"]), None, ModelOptions()


def _path(text: str) -> Path:
    return Path(text).expanduser()


def find_sources(path: Path, output: Path) -> list[InputFile]:
    """A photo or video, or all in a folder and below it, except hidden files and written results.

    Raises:
        UserError: if there is none.
    """
    if path.is_file():
        return [InputFile(path, path.stem)]
    if not path.is_dir():
        raise UserError(f"There is nothing at input={path}; give a photo, a video or a folder of them.")
    written = [(output / kind).resolve() for kind in KINDS]
    files = [
        file.relative_to(path)
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in PHOTOS + VIDEOS
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and not any(file.resolve().is_relative_to(folder) for folder in written)
    ]
    if not files:
        raise UserError(f"input={path} holds no photo ({', '.join(PHOTOS[:3])}) and no video ({', '.join(VIDEOS)}).")
    alike = Counter(file.with_suffix("") for file in files)
    return [
        InputFile(path / file, str(file if alike[file.with_suffix("")] > 1 else file.with_suffix(""))) for file in files
    ]


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(text.split(",")))
    for kind in kinds:
        if kind not in KINDS:
            raise UserError(f"save={kind} does not exist; choose some of {','.join(KINDS)}.")
    return kinds


def _flag(key: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise UserError(f"{key}={text} is neither true nor false.")
    return text.lower() == "true"


def _far(text: str) -> float | None:
    if not text:
        return None
    try:
        far = float(text)
        if 0 < far < float("inf"):
            return far
    except ValueError:
        pass
    raise UserError(f"max_depth={text} is not a positive number of metres.")


def _limit(run: RunFolder | None) -> float:
    """The largest depth of the run's protocol, where there is one."""
    return float((run.config.protocol.get("max_depth") if run else None) or MOST_METRES)


def _intrinsics(text: str, needed: bool) -> tuple[float, ...]:
    if not text and not needed:
        return ()
    if text.lower().endswith((".txt", ".json")):
        return _camera_file(Path(text).expanduser())
    problem = f"intrinsics={text} is not " if text else "save=ply needs intrinsics="
    try:
        fx, fy, cx, cy = (float(number) for number in text.split(","))
        if min(fx, fy) > 0 and all(map(isfinite, (fx, fy, cx, cy))):
            return fx, fy, cx, cy
    except ValueError:
        pass
    raise UserError(f"{problem}FX,FY,CX,CY in pixels of the upright photos.")


def _camera_file(path: Path) -> tuple[float, ...]:
    from depthbench.data.formats.cameras import read_camera  # here: with it comes torch

    matrix = read_camera(path)
    return tuple(float(matrix[place]) for place in ((0, 0), (1, 1), (0, 2), (1, 2)))


def network_size(text: str, config: DictConfig) -> tuple[int, int]:
    """Height and width of the network's input: ``H,W``, or the size in training.

    Raises:
        UserError: if neither is known, or the text is not two whole numbers above 0.
    """
    found: Any = text.split(",") if text else OmegaConf.select(config, "data.size")
    if found is None:
        raise UserError("The run's data.size is null; append size=HEIGHT,WIDTH, the size of its training pictures.")
    try:
        height, width = (int(side) for side in found)
        if min(height, width) > 0:
            return height, width
    except ValueError:
        pass
    raise UserError(f"size={text} is not HEIGHT,WIDTH in pixels.")

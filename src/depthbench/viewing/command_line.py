"""The request of a command line to look at something, read and checked without torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from depthbench.config.mistakes import nearest
from depthbench.errors import UserError
from depthbench.inference.command_line import PHOTOS, VIDEOS, PredictRequest, read_predict_request
from depthbench.runs.folder import RunFolder
from depthbench.runs.lookup import find_run, run_folders
from depthbench.runs.panels import PANELS

MOST_PHOTOS = 40
FLAGS = ("--port", "--no-browser", "--help")
_TAKEN = ("run", "model", "kind", "range", "key", "flip_average", "intrinsics", "size", "device")  # as of `predict`


@dataclass(frozen=True)
class ViewRequest:
    """Runs or photos to show, and the settings of the page.

    Attributes:
        runs: one run folder, or two to compare; empty where photos are shown.
        photos: the photos and their network.
        port: of the page; 0 for any that is free.
        browser: whether a browser is opened.
    """

    runs: tuple[Path, ...] = ()
    photos: PredictRequest | None = None
    port: int = 0
    browser: bool = True


def read_view_request(arguments: Sequence[str]) -> ViewRequest:
    """Read the request of a command line.

    Args:
        arguments: a run, or two; or a photo or a folder of photos, then a network or ``model=``, ``run=`` and their
            options; ``--port N`` and ``--no-browser`` anywhere.

    Raises:
        UserError: if they name nothing, too much, or no network for photos.
    """
    words, port, browser = _flags(arguments)
    places = [word for word in words if _is_place(word)]
    options = [word for word in words if not _is_place(word)]
    for option in options:
        key = option.partition("=")[0]
        if key not in _TAKEN:
            raise UserError(f"view has no option {key}; {nearest(key, _TAKEN)}")
    if not places or len(places) > 2:
        raise UserError("Give a run, two runs, or a photo or a folder of photos and the network that shall see it.")
    first, *second = places
    if not _is_photos(first):
        if options:
            raise UserError(f"{options[0]} is of photos; a run is shown as its own test left it: leave it out.")
        return ViewRequest(tuple(_run_with_panels(text) for text in places), None, port, browser)
    if second:
        options.append(f"{'run' if _is_run(second[0]) else 'model'}={second[0]}")
    if not any(option.startswith(("run=", "model=")) for option in options):
        raise UserError(f"Which network shall see {first}? Append a run (such as latest) or model=SOURCE.")
    return ViewRequest((), _photos(first, options), port, browser)


def _flags(arguments: Sequence[str]) -> tuple[list[str], int, bool]:
    """The words without flags, the port, and whether a browser is opened."""
    words, port, browser = list[str](), "0", True
    waiting = iter(arguments)
    for word in waiting:
        name, equals, value = word.partition("=")
        if name == "--port":
            port = value if equals else next(waiting, "")
        elif word == "--no-browser":
            browser = False
        elif word.startswith("--"):
            raise UserError(f"There is no option {name}; {nearest(name, FLAGS)}")
        else:
            words.append(word)
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise UserError(f"--port {port} is not a port; give a number between 1024 and 65535, or leave it out.")
    return words, int(port), browser


def _is_place(word: str) -> bool:
    """Names of run folders may hold ``=``, so a path that exists, or lies in a folder, is a place."""
    key, equals, _ = word.partition("=")
    return not equals or "/" in key or Path(word).expanduser().exists()


def _is_run(text: str) -> bool:
    path = Path(text).expanduser()
    return (path / "config.yaml").is_file() or (not path.exists() and ":" not in text and not _is_released(text))


def _is_released(text: str) -> bool:
    from depthbench.inference.hub import released  # here: with it comes the client of the hub

    return released(text) is not None


def _is_photos(text: str) -> bool:
    path = Path(text).expanduser()
    if path.is_dir():
        return next(run_folders(path), None) is None
    return path.is_file() or path.suffix.lower() in PHOTOS + VIDEOS


def _run_with_panels(text: str) -> Path:
    folder = RunFolder(find_run(text)).path
    if not (folder / PANELS).is_file():
        raise UserError(
            f"{folder} has no {PANELS}, the test frames that a finished run keeps; finish its training, or show "
            f"a photo: depthbench view PHOTO {text}."
        )
    return folder


def _photos(text: str, options: Sequence[str]) -> PredictRequest:
    """The request of `predict` for the same photos, of which nothing is written."""
    request = read_predict_request([f"input={text}", "output=.", "save=npy", *options])
    photos = [source for source in request.sources if not source.video]
    if not photos:
        raise UserError(f"{text} is a video; depthbench predict makes a colored video of it.")
    if len(photos) > MOST_PHOTOS:
        raise UserError(f"{text} holds {len(photos)} photos; view shows {MOST_PHOTOS} at once: give a smaller folder.")
    return replace(request, sources=photos)

"""Frames as a page shows them: of one run or two, or of photos that a network has seen."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depthbench.errors import UserError
from depthbench.images import Picture, resize_rgb
from depthbench.inference.command_line import PredictRequest
from depthbench.output_kinds import OutputKind
from depthbench.pinhole import assumed_camera
from depthbench.runs.panels import PANELS, read_panels

SeenMap = NDArray[np.float32]

LONGEST = 640  # pixels of a side on the page: as many points as a graphics card turns smoothly


@dataclass(frozen=True)
class ShownFrame:
    """A picture and its maps, all ``(h, w)`` of one size.

    Attributes:
        name: of the frame.
        picture: ``(h, w, 3)``.
        maps: of each column, in the quantity of the scene's kind.
        truth: metres, 0 where it is missing; None of a photo.
        camera: intrinsics ``(3, 3)`` in pixels of the picture.
        camera_known: whether the camera was given; else it is one with a field of view of 60 degrees.
    """

    name: str
    picture: Picture
    maps: tuple[SeenMap, ...]
    truth: SeenMap | None
    camera: NDArray[np.float64]
    camera_known: bool


@dataclass(frozen=True)
class Scene:
    """All that a page shows.

    Attributes:
        columns: a name for each map of a frame: one network, or two to compare.
        frames: at least one.
        kind: of the maps.
    """

    columns: tuple[str, ...]
    frames: tuple[ShownFrame, ...]
    kind: OutputKind = OutputKind.METRIC_DEPTH


def scene_of_runs(folders: Sequence[Path]) -> Scene:
    """The test frames that runs keep; of two runs the frames that both have.

    Raises:
        UserError: if a run keeps none, or two have none in common.
    """
    kept = [found for folder in folders if (found := read_panels(folder / PANELS))]
    first = kept[0]
    names = [name for name in first.name if all(name in panels.name for panels in kept)]
    if not names:
        raise UserError(f"{folders[0]} and {folders[-1]} keep no test frame in common; compare runs on the same data.")
    frames = []
    for name in names:
        places = [panels.name.index(name) for panels in kept]
        maps = [panels.prediction[place] for panels, place in zip(kept, places, strict=True)]
        if len({one.shape for one in maps}) > 1:
            raise UserError(
                f"{folders[0]} and {folders[-1]} keep frames of other sizes; compare runs of one data.size."
            )
        place = places[0]
        camera = None if first.intrinsics is None else first.intrinsics[place]
        frames.append(_frame(name, first.image[place], maps, first.truth[place], camera))
    return Scene(tuple(folder.resolve().name for folder in folders), tuple(frames))


def scene_of_photos(request: PredictRequest) -> Scene:
    """Photos, and the depth that a network sees in them; one line is printed for each.

    Raises:
        UserError: if the network can't be opened or gives no map, or a photo can't be read.
    """
    # Here and not above: torch takes seconds to import, and a run needs none.
    from depthbench.inference.photos import read_photo
    from depthbench.inference.pictures import open_network
    from depthbench.pinhole import camera_matrix
    from depthbench.training.devices import choose_device

    network = open_network(request, choose_device(request.device))
    camera = camera_matrix(request.intrinsics) if request.intrinsics else None
    name = request.run.path.resolve().name if request.run else request.model.label if request.model else ""

    def seen() -> Iterator[ShownFrame]:
        for source in request.sources:
            rgb = read_photo(source.path)
            yield _frame(source.name, rgb, [network(rgb)], None, camera)
            print(f"{source.path}: seen", flush=True)

    scene = Scene((name,), tuple(seen()), network.kind)
    for note in network.notes():
        print(note)
    return scene


def _frame(
    name: str,
    picture: Picture,
    maps: Sequence[SeenMap],
    truth: SeenMap | None,
    camera: NDArray[np.float64] | None,
) -> ShownFrame:
    """A frame of at most ``LONGEST`` pixels: of maps every n-th pixel, which stays an exact point of its camera."""
    height, width = picture.shape[:2]
    step = math.ceil(max(height, width) / LONGEST)
    known = camera is not None and bool(np.isfinite(camera).all())
    full = np.asarray(camera if known else assumed_camera(height, width), np.float64)
    fewer = [one[::step, ::step] for one in maps]
    return ShownFrame(
        name,
        resize_rgb(picture, (fewer[0].shape[0], fewer[0].shape[1])),
        tuple(fewer),
        None if truth is None else truth[::step, ::step],
        full / [[step], [step], [1]],
        known,
    )

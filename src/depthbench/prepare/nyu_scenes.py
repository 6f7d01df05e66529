"""The raw part of NYUv2 as downloaded: which frames there are, which belong together, which are for training."""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depthbench.data.formats.hdf5 import find_array, open_hdf5
from depthbench.data.formats.lists import parse_lines
from depthbench.data.formats.store import Store
from depthbench.data.readers.nyu_labeled import FILE, read_splits
from depthbench.errors import UserError
from depthbench.input_files import read_bytes
from depthbench.input_files.limits import MAX_LINES, MAX_TEXT
from depthbench.prepare.nyu_camera import HEIGHT, NO_READING, WIDTH

_RAW = re.compile(r"(?:.*/)?(?P<scene>[^/]+)/(?P<kind>[rd])-(?P<time>\d+\.\d+)-\d+\.p[pg]m")
_HEADER = re.compile(rb"P([56])\s+(?:#[^\n]*\n\s*)*(\d+)\s+(\d+)\s+(\d+)\s")
_LONGEST = 1000  # letters of a scene's name
# Left out by BTS's script, too: "faulty image".
FAULTY = "d-1315166703.129542-2466101449.pgm"


class RawFrame(NamedTuple):
    """A depth image and the picture nearest in time.

    Attributes:
        name: ``scene/00045``, the number being that of the depth image in its scene.
        source: folder or zip that holds both.
        color: file name in it; empty if its scene has no pictures.
        depth: file name in it.
        gap: seconds between the two.
    """

    name: str
    source: Path
    color: str
    depth: str
    gap: float

    @property
    def scene(self) -> str:
        """The folder that its files lay in."""
        return self.name.rpartition("/")[0]


def find_frames(raw: Path, wanted: set[str] | None = None) -> list[RawFrame]:
    """Frames of the scene folders and zips below ``raw`` (or of one zip), sorted by name.

    Every depth image is kept and gets the picture nearest in time, as ``get_synched_frames.m`` does; so a picture may
    serve twice. Accelerometer dumps (``a-*.dump``) are not needed.

    Args:
        raw: as downloaded.
        wanted: places (:func:`place`) whose scenes are taken; None for all.

    Raises:
        UserError: if there are no frames, a zip is damaged, or a scene is found twice.
    """
    sources = [raw, *sorted(raw.rglob("*.zip"))] if raw.is_dir() else [raw]
    frames: dict[str, list[RawFrame]] = {}
    origin: dict[str, Path] = {}
    for source in sources:
        scenes: dict[str, dict[str, list[tuple[float, str]]]] = {}
        for name in Store(source).names():
            match = _RAW.fullmatch(name)
            if match and (wanted is None or place(match["scene"]) in wanted) and not name.endswith(FAULTY):
                files = scenes.setdefault(match["scene"], {"r": [], "d": []})
                files[match["kind"]].append((float(match["time"]), name))
        for scene, files in scenes.items():
            if scene in origin:
                raise UserError(f"The scene {scene} is in {origin[scene]} and in {source}; remove one of the two.")
            origin[scene] = source
            frames[scene] = _paired(scene, source, sorted(files["r"]), sorted(files["d"]))
    found = [frame for scene in sorted(frames) for frame in frames[scene]]
    if not found:
        these = "" if wanted is None else " of the scenes that are asked for"
        raise UserError(f"There are no r-*.ppm with d-*.pgm{these} in folders or zips below {raw}; is raw right?")
    return found


def _paired(scene: str, source: Path, color: list[tuple[float, str]], depth: list[tuple[float, str]]) -> list[RawFrame]:
    if not color:
        return [RawFrame(f"{scene}/{index:05d}", source, "", name, np.inf) for index, (_, name) in enumerate(depth)]
    times = [np.array([time for time, _ in files]) for files in (depth, color)]
    nearest = synchronize(*times)
    gaps = np.abs(times[0] - times[1][nearest])
    return [
        RawFrame(f"{scene}/{index:05d}", source, color[nearest[index]][1], name, float(gaps[index]))
        for index, (_, name) in enumerate(depth)
    ]


def synchronize(times: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.intp]:
    """For each of ``times`` the index of the nearest of ``among``, the last of equally near ones; both sorted."""
    after = np.searchsorted(among, times, side="right").clip(max=len(among) - 1)
    before = (after - 1).clip(min=0)
    nearest = np.where(among[after] - times <= times - among[before], among[after], among[before])
    return np.asarray(np.searchsorted(among, nearest, side="right") - 1)


def place(scene: str) -> str:
    """The scene without the letter of its take: ``kitchen_0028b`` shows ``kitchen_0028``. 284 takes show 249 places."""
    return re.sub(r"(?<=\d)[a-z]$", "", scene)


def training_places(scenes: str) -> set[str] | None:
    """The scenes to train on, from one of several sources.

    Args:
        scenes: the folder of ``nyu_depth_v2_labeled.mat`` and ``splits.mat``; a text of scene names or of files in
            scene folders, such as BTS's list; or ``all``.

    Returns:
        Names as :func:`place` gives them; None for all.

    Raises:
        UserError: if it is none of these.
    """
    if scenes == "all":
        return None
    path = Path(scenes).expanduser()
    if path.is_dir():
        return {place(scene) for scene in _labeled_scenes(path)}
    if not path.is_file():
        raise UserError(f"scenes={scenes} does not exist; give the folder of {FILE}, a list of scenes, or all.")
    if path.suffix == ".mat":
        return training_places(str(path.parent))
    entries = [line.split()[0] for line in parse_lines(read_bytes(path, MAX_TEXT), path) if line.strip()]
    if not entries:
        raise UserError(f"{path} is empty; it should list the scenes for training.")
    return {place(_scene(entry)) for entry in entries}


def _scene(entry: str) -> str:
    """``kitchen_0028b`` of ``/kitchen_0028b/rgb_00045.jpg``, ``kitchen_0028b/`` or ``kitchen_0028b``."""
    parts = [part for part in entry.split(",")[0].split("/") if part]
    return parts[-2] if len(parts) > 1 and "." in parts[-1] else parts[-1]


def _labeled_scenes(root: Path) -> Iterable[str]:
    """Scenes of the 795 training images."""
    path, train = root / FILE, read_splits(root)["train"]
    try:
        with open_hdf5(path) as file:
            scenes = find_array(file, "scenes", path)
            if scenes is None or scenes.size > MAX_LINES:
                raise ValueError("no list of scenes")
            references = np.asarray(scenes).reshape(-1)
            return [_scene_name(file[references[index]]) for index in train]
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise UserError(f"The scenes in {path} can't be read ({error}); download it again (2.8 GB).") from error


def _scene_name(array: Any) -> str:
    """MATLAB's text: a number for each letter."""
    if array.size > _LONGEST:
        raise ValueError(f"a name of {array.size} letters")
    return "".join(map(chr, np.asarray(array).flat))


@lru_cache(maxsize=64)
def open_source(path: Path) -> Store:
    """A folder or zip, opened once per process."""
    return Store(path)


def read_color(data: bytes, where: str) -> NDArray[np.uint8]:
    """A ``.ppm`` as ``(480, 640, 3)`` RGB.

    Raises:
        UserError: if it is truncated or not a file of the Kinect.
    """
    return np.frombuffer(_payload(data, where, b"6", 255, 3), np.uint8).reshape(HEIGHT, WIDTH, 3)


def read_disparity(data: bytes, where: str) -> NDArray[np.uint16]:
    """A ``.pgm`` as ``(480, 640)``, at most 2047.

    The files have their low byte first, against the standard. Where a file was written again by a program that keeps to
    the standard, 11 bits tell: read in the wrong order, some value exceeds them.

    Raises:
        UserError: if it is truncated or not a file of the Kinect.
    """
    payload = _payload(data, where, b"5", 65535, 2)
    for order in ("<u2", ">u2"):
        raw = np.frombuffer(payload, order)
        if raw.max() <= NO_READING:
            return raw.astype(np.uint16).reshape(HEIGHT, WIDTH)
    raise UserError(f"{where} has disparities of more than 11 bits; it is damaged, or not from NYUv2's Kinect.")


def _payload(data: bytes, where: str, kind: bytes, largest: int, size: int) -> bytes:
    header = _HEADER.match(data)
    want = (kind, b"%d" % WIDTH, b"%d" % HEIGHT, b"%d" % largest)
    if header is None or header.groups() != want:
        claims = data[:16].split(b"\n")[0].decode("ascii", "replace") if data else "nothing"
        raise UserError(f"{where} begins with {claims!r}, not with P{kind.decode()} 640 480 {largest}; it is damaged.")
    payload = data[header.end() :]
    if len(payload) != size * WIDTH * HEIGHT:
        raise UserError(f"{where} has {len(payload)} bytes of pixels, not {size * WIDTH * HEIGHT}; it is damaged.")
    return payload

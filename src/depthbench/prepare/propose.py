"""``depthbench prepare check FOLDER``: the contents of the folder, and the command line that would read it.

Nothing is decided for the user: a unit is a guess and is called one; where two readings are possible, the sentence says
what to append, and the same command goes on from there.
"""

from collections.abc import Callable, Iterator, Sequence
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from numpy.typing import NDArray

from depthbench.data.formats.cameras import CAMERA_SUFFIXES, read_camera
from depthbench.data.formats.depth_files import read_depth
from depthbench.data.formats.pair_lists import read_pair_list
from depthbench.data.readers.file_listing import Listing, list_files
from depthbench.data.readers.layouts import Pair, find_pairs
from depthbench.data.readers.listed_pairs import listed_pairs
from depthbench.data.readers.nyu_labeled import FILE
from depthbench.data.readers.pairs import Pairs
from depthbench.data.readers.parts import FOLDERS as PARTS
from depthbench.data.readers.parts import by_part, part_folders
from depthbench.data.readers.reader import INDOOR, Reader
from depthbench.data.readers.tum import TUM
from depthbench.data.readers.wanted_names import Wanted
from depthbench.data.units import Unit, plausible_units
from depthbench.errors import UserError
from depthbench.images import decode_rgb
from depthbench.input_files import read_bytes

OUTDOOR = (1.0, 80.0)
_PROBES = 5
_CAMERA_NAMES = ("intrinsics", "intrinsic", "camera", "cameras", "cams", "calib", "k")


class Proposal(NamedTuple):
    """Settings as one types them, sentences about the data, and the readers that were opened with the settings."""

    overrides: list[str]
    told: list[str]
    opened: dict[str, Reader]


def propose(root: Path, given: dict[str, Any]) -> Proposal:
    """The settings that read a folder.

    Args:
        root: the folder.
        given: settings of ``data`` that the user has chosen already, by key.

    Raises:
        UserError: if nothing fits, or the user has to choose first; says what to append.
    """
    listing = list_files(root)
    if (root / FILE).is_file():
        return Proposal(["data=nyu_labeled"], [f"{root} holds {FILE}, the labeled part of NYUv2."], {})
    if any({"rgb.txt", "depth.txt"} <= set(files) for files in listing.folders.values()):
        return _tum(root, given)
    return _pairs(root, listing, given)


def _tum(root: Path, given: dict[str, Any]) -> Proposal:
    _check_keys(TUM, given)
    everything = TUM(root, **given)
    told = [f"{len(everything)} frames of sequences in the form of TUM RGB-D, depth in 1/5000 m."]
    settings = given | _parts(everything.pairs, root, given)
    return Proposal(["data=tum", *_typed(settings, given)], told, _opened(TUM, root, settings))


def _pairs(root: Path, listing: Listing, given: dict[str, Any]) -> Proposal:
    _check_keys(Pairs, given)
    settings = dict(given)
    pairs, where = _found(root, listing, settings)
    first = [path.relative_to(root) for path in (pairs[0].rgb, pairs[0].depth)]
    told = [f"{len(pairs):,} pairs{where}; the first is {first[0]} with {first[1]}."]
    told += _bits(pairs, settings)
    told += _sizes(pairs, settings)
    told += _unit(pairs, settings)
    if "intrinsics" not in settings and (camera := _camera(root, listing)):
        settings["intrinsics"] = camera
        told.append(f"{camera} holds intrinsics; they are taken to be in pixels of the pictures.")
    if "test_files" not in settings:
        settings |= _parts(pairs, root, settings)
    return Proposal(["data=folder", *_typed(settings, given)], told, _opened(Pairs, root, settings))


def _found(root: Path, listing: Listing, settings: dict[str, Any]) -> tuple[list[Pair], str]:
    """All pairs; by lists where the names of the files tell nothing."""
    wanted = Wanted(*(settings.get(key) for key in ("pictures", "depths", "masks")))
    if "files" not in settings and (alone := [key for key in ("val_files", "test_files") if key in settings]):
        raise UserError(f"data.{alone[0]} needs the list of the training pairs, too: append data.files=LIST.")
    listed: dict[str, Path] = {key: Path(settings[key]) for key in ("files", "test_files") if key in settings}
    if not listed:
        try:
            return find_pairs(root, wanted), ""
        except UserError:
            listed = dict(_lists(root, listing))
            if "files" not in listed:
                raise
    settings |= {key: str(path) for key, path in listed.items()}
    return listed_pairs(listed["files"], root), f" in {listed['files'].name}"


def _lists(root: Path, listing: Listing) -> Iterator[tuple[str, Path]]:
    """Lists of pairs in the folder itself, by the key that takes them."""
    lists = [name for name in listing.folders[()] if name.lower().endswith((".txt", ".csv"))]
    for key, words in (("files", PARTS["train"]), ("val_files", PARTS["val"]), ("test_files", PARTS["test"])):
        named = [name for name in lists if any(word in name.lower() for word in words)]
        if key == "files" and not named and len(lists) == 1:
            named = lists
        if len(named) == 1 and _is_list(root / named[0], root):
            yield key, root / named[0]


def _is_list(path: Path, root: Path) -> bool:
    try:
        read_pair_list(path)
        listed_pairs(path, root)
    except UserError:
        return False
    return True


def _probes(pairs: Sequence[Pair]) -> list[Pair]:
    return [pairs[place] for place in sorted({index * len(pairs) // _PROBES for index in range(_PROBES)})]


def _bits(pairs: Sequence[Pair], settings: dict[str, Any]) -> Iterator[str]:
    try:
        stored = read_depth(pairs[0].depth, settings.get("bits", 16))
    except UserError as error:
        if "data.bits=8" not in str(error):
            raise
        settings["bits"] = 8
        yield f"{error} It is proposed as depth; look at the sheet of `prepare check` before you believe it."
        return
    kind = "floats" if stored.dtype.kind == "f" else f"integers of {8 * stored.dtype.itemsize} bits"
    yield f"Depth files hold {kind}."


def _sizes(pairs: Sequence[Pair], settings: dict[str, Any]) -> Iterator[str]:
    first = pairs[0]
    height, width = decode_rgb(read_bytes(first.rgb), first.rgb).shape[:2]
    depth = read_depth(first.depth, settings.get("bits", 16)).shape
    if (height, width) == depth:
        yield f"The first is {width}x{height}."
    elif "resize_to" not in settings:
        settings["resize_to"] = "depth"
        yield (
            f"The first picture is {width}x{height}, its depth {depth[1]}x{depth[0]}: data.resize_to=depth resizes the "
            "pictures, data.resize_to=picture the depth."
        )


def _unit(pairs: Sequence[Pair], settings: dict[str, Any]) -> Iterator[str]:
    if settings.get("scale") is not None:
        return
    stored = np.concatenate([_known(read_depth(one.depth, settings.get("bits", 16))) for one in _probes(pairs)])
    if not stored.size:
        raise UserError(f"The first depth files, such as {pairs[0].depth}, have no depth at all.")
    median, floats = float(np.median(stored)), stored.dtype.kind == "f"
    for plausible in (settings.get("plausible", INDOOR), OUTDOOR):
        units = plausible_units(median, *plausible)
        if units:
            break
    else:
        raise UserError(
            f"The median of a few depth files is {median:.4g}, which no common unit makes plausible; append "
            "data.scale=METRES_PER_UNIT and data.plausible=[LEAST,MOST]."
        )
    usual = [item for item in units if item[0].name == ("metres" if floats else "millimetres")]
    best, depth = (usual or units)[0]
    settings["scale"] = _scale(best)
    if plausible == OUTDOOR:
        settings["plausible"] = [int(OUTDOOR[0]), int(OUTDOOR[1])]
    units += [item for item in plausible_units(median, *OUTDOOR) if item not in units]
    others = ", ".join(f"{_scale(unit):.9g} ({unit.name}: {metres:.3g} m)" for unit, metres in units if unit != best)
    yield (
        f"The unit is a guess: the median of a few frames is {median:.4g}, with {best.name} {depth:.3g} m"
        f"{f'; data.scale could also be {others}' if others else ''}. Only you can know."
    )


def _known(values: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(values[np.isfinite(values) & (values > 0)])


def _scale(unit: Unit) -> float:
    return float(f"{1 / unit.per_metre:.9g}")


def _camera(root: Path, listing: Listing) -> str | None:
    """A file of intrinsics in the folder itself."""
    for name in listing.folders[()]:
        path = Path(name)
        if path.suffix.lower() in CAMERA_SUFFIXES and path.stem.lower() in _CAMERA_NAMES:
            try:
                read_camera(root / name)
            except UserError:
                continue
            return name
    return None


def _parts(pairs: Sequence[Pair], root: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Propose the parts. Without a test part by name, a tenth of the folders, or of a single folder, is held out."""
    parts = by_part(pairs, root)
    folders = part_folders(sorted(path.name for path in root.iterdir() if path.is_dir()), root)
    if "test" in {**folders, **parts} or settings.get("test_fraction") is not None:
        return {}
    names = [pair.name for pair in parts.get("train", pairs)]
    scenes = {name.rpartition("/")[0] for name in names}
    by = {} if len(scenes) > 1 or "split_by" in settings else {"split_by": "frame"}
    return {"test_fraction": 0.1, **by}


def _opened(reader: Callable[..., Reader], root: Path, settings: dict[str, Any]) -> dict[str, Reader]:
    return {part: reader(root, **settings, part=part) for part in ("train", "test")}


def _typed(settings: dict[str, Any], given: dict[str, Any]) -> list[str]:
    """Settings as Hydra reads them; the user's own stand on the command line already."""
    return [f"data.{key}={_value(value)}" for key, value in settings.items() if key not in given]


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return str(list(value)).replace(" ", "")
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def read_given(overrides: Sequence[str]) -> dict[str, Any]:
    """``data.KEY=VALUE`` as settings.

    Raises:
        UserError: for anything else.
    """
    parser, found = OverridesParser.create(), {}
    for item in overrides:
        key, equals, value = item.partition("=")
        if not equals or not key.startswith("data.") or key == "data.root":
            raise UserError(f"{item} is not a setting of data=folder; append data.KEY=VALUE, such as data.scale=0.001.")
        try:
            found[key.removeprefix("data.")] = parser.parse_override(item).value()
        except HydraException:
            found[key.removeprefix("data.")] = value
    return found


def _check_keys(reader: type[Reader], given: dict[str, Any]) -> None:
    """Raise :class:`UserError` for a setting that the reader does not have."""
    known = sorted({*signature(reader).parameters} - {"root", "part"})
    if unknown := [key for key in given if key not in known]:
        raise UserError(
            f"data.{unknown[0]} is no setting by which this folder is read; choose one of {', '.join(known)}."
        )

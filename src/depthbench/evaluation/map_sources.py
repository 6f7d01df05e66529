"""Sources of prediction files: a folder, a zip or tar of one, a list of files, or one stack."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from depthbench.errors import UserError
from depthbench.evaluation.camera_files import CAMERA_FILES
from depthbench.evaluation.file_names import below_one_folder, matched, stem_of, without_ending
from depthbench.evaluation.map_archives import ARCHIVES, ArchiveMaps, open_archive
from depthbench.evaluation.map_files import MAP_SUFFIXES, Map, read_camera_beside, read_map
from depthbench.evaluation.map_lists import LISTS, read_map_list
from depthbench.evaluation.map_stacks import ORDERS, STACKS, StackMaps, rows_in_order


class MapSource(Protocol):
    """The map of each frame, as stored."""

    def read(self, place: int) -> Map:
        """The map of a frame; raises :class:`UserError` if it can't be read."""
        ...

    def camera(self, place: int) -> Map | None:
        """The intrinsics beside the map, as stored; None where there are none."""
        ...


def open_maps(
    path: Path, names: Sequence[str], key: str | None = None, order: str | None = None, pictures: Sequence[str] = ()
) -> MapSource:
    """The maps of a path.

    Args:
        path: a folder, a zip, a tar, a list or a stack.
        names: of the frames, as the data set lists them.
        key: of the array in files with several.
        order: of maps without names, one of :data:`~depthbench.evaluation.map_stacks.ORDERS`, or None.
        pictures: of the frames, where predictions may be named like these.

    Raises:
        UserError: if there is nothing, it can't be read, or it does not fit the frames.
    """
    if not path.exists():
        raise UserError(f"There is nothing at {path}; give a folder of predictions, a zip, a tar, a list or one stack.")
    if order not in (None, *ORDERS):
        raise UserError(f"Maps without names are in the order of {', '.join(ORDERS)}, not '{order}'.")
    suffix = path.suffix.lower()
    if path.is_dir():
        return FileMaps(_of_folder(path, names, pictures), key)
    if suffix in LISTS:
        return FileMaps(_of_list(path, names, order, pictures), key)
    if path.name.lower().endswith(ARCHIVES):
        return ArchiveMaps(open_archive(path), path, names, key, pictures)
    if suffix in STACKS:
        return StackMaps(path, names, key, order, pictures)
    raise UserError(
        f"{path} can't be read as predictions; give a folder, one packed ({', '.join(ARCHIVES)}), a list "
        f"({', '.join(LISTS)}), or one stack ({', '.join(STACKS)})."
    )


def files_of(path: Path) -> list[Path]:
    """Every file that predictions at a path may be read from, for their hash."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return [path, *read_map_list(path).files] if path.suffix.lower() in LISTS else [path]


class FileMaps:
    """A file for each frame."""

    def __init__(self, files: Sequence[Path], key: str | None) -> None:
        self.files, self.key = list(files), key

    def read(self, place: int) -> Map:
        """The map of a frame."""
        return read_map(self.files[place], self.key)

    def camera(self, place: int) -> Map | None:
        """See :class:`MapSource`."""
        return read_camera_beside(self.files[place])


def camera_files(path: Path, names: Sequence[str], pictures: Sequence[str] = ()) -> list[Path]:
    """Files of predicted cameras in a folder, named as maps are.

    Args:
        path: of the folder.
        names: of the frames.
        pictures: of the frames, where files may be named like these.

    Raises:
        UserError: if it is no folder, or does not fit the frames.
    """
    if not path.is_dir():
        raise UserError(f"cameras={path} is not a folder; give the folder of a file for each frame.")
    return _of_folder(path, names, pictures, CAMERA_FILES, "cameras")


def _of_folder(
    path: Path,
    names: Sequence[str],
    pictures: Sequence[str],
    suffixes: Sequence[str] = MAP_SUFFIXES,
    what: str = "predictions",
) -> list[Path]:
    every = sorted(path.rglob("*"))
    files = [file for file in every if file.suffix.lower() in suffixes]
    if not files and any(file.suffix for file in every):
        other = next(file.name for file in every if file.suffix)
        raise UserError(f"{path} holds {other}; convert the {what} to one of {', '.join(suffixes)}.")
    listed = [stem_of(file.relative_to(path).as_posix()) for file in files]
    return [files[place] for place in matched(names, listed, str(path), pictures)]


def _of_list(path: Path, names: Sequence[str], order: str | None, pictures: Sequence[str]) -> list[Path]:
    """Files by the names in the list, by their own names, or in the order that the user says: never by a guess."""
    files, called = read_map_list(path)
    if called is not None:
        if not set(called) & set(names):
            called = [without_ending(name) for name in called]
        return [files[place] for place in matched(names, called, str(path), pictures)]
    if len(files) != len(names):
        raise UserError(f"{path} lists {len(files)} predictions, but the data set has {len(names)} frames.")
    own = [stem_of(file.relative_to(path.parent).as_posix()) for file in files]
    try:
        by_name = below_one_folder(names, own, str(path), pictures)
    except UserError as error:
        if order is None:
            reason = str(error).removeprefix(f"{path} ").rstrip(".")
            raise UserError(
                f"{path} lists files that are not named like the frames ({reason}): "
                "append order=frames if its lines are in the order of the data set (or order=names, numbers), or add a "
                "column with the names of the frames (header: name,path)."
            ) from None
        return [files[row] for row in rows_in_order(names, order)]
    if order is not None and rows_in_order(names, order) != by_name:
        raise UserError(f"order={order} contradicts {path}, whose files are named like other frames; leave order out.")
    return [files[place] for place in by_name]

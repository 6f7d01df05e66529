"""NYUv2 as `python -m depthbench.prepare nyu-raw` prepared it from the raw scenes."""

import os
from collections.abc import Sequence
from pathlib import Path

from depthbench.data.manifest import names_hash
from depthbench.data.readers.nyu_sync import NYUSync
from depthbench.data.readers.reader import existing_folder
from depthbench.data.sample import DepthSize
from depthbench.errors import UserError
from depthbench.input_files import parse_json, read_bytes
from depthbench.input_files.limits import MAX_JSON

MANIFEST = "manifest.json"  # as `prepare nyu-raw` writes it


class NYURaw(NYUSync):
    """Every pair of a prepared folder, or some, evenly spaced.

    Args:
        root: the folder that was given as ``output``.
        split: how many frames, evenly spaced; None for all.
        size: (height, width) of the image delivered; None for the files' own.
        depth_size: ``image`` or ``native``, see :class:`Reader`.
        max_depth: metres beyond which depth is missing; None for no limit. 0 alone is "no depth" in prepared files.

    Raises:
        UserError: when opened, if the preparation is not complete, or its list is not the one it wrote.
    """

    def __init__(
        self,
        root: str | Path,
        split: str | int | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
        max_depth: float | None = None,
    ) -> None:
        path = raw_manifest(existing_folder(root, "the output of `python -m depthbench.prepare nyu-raw`"))
        try:
            manifest = parse_json(read_bytes(path, MAX_JSON))
            intrinsics, every = [float(number) for number in manifest["intrinsics"]], manifest["splits"]["all"]
            if len(intrinsics) != 4:
                raise ValueError(f"{len(intrinsics)} intrinsics")
            files, digest = path.parent / every["list"], every["names_sha256"]
            self.truth = "raw" if manifest["form"]["fill"] == "none" else "filled"
        except UserError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is damaged ({error}); start depthbench.prepare nyu-raw again.") from error
        super().__init__(path.parent, files, split, 0.001, size, depth_size, intrinsics, "none", max_depth)
        if names_hash(self.listed) != digest:
            raise UserError(f"{files} is not the list that {path} describes; run `depthbench prepare nyu-raw` again.")


def raw_manifest(root: Path) -> Path:
    """The manifest of prepared raw pairs.

    Raises:
        UserError: if it is missing.
    """
    path = root / MANIFEST
    if not os.path.lexists(path):
        raise UserError(f"{path} is missing; prepare the folder to its end: depthbench.prepare nyu-raw.")
    return path

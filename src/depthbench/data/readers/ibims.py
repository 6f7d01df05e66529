"""iBims-1 (Koch et al., ECCV workshops 2018): 100 rooms with annotated edges and planes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from depthbench.data.formats.cameras import read_camera
from depthbench.data.formats.depth_files import read_depth, read_mask
from depthbench.data.formats.mat import load_struct
from depthbench.data.readers.layouts import Pair
from depthbench.data.readers.reader import same_size
from depthbench.data.readers.scene_files import FrameFiles, SceneFiles, Truth, edges_only
from depthbench.data.sample import DepthSize, Sample
from depthbench.errors import UserError
from depthbench.images import Size
from depthbench.pinhole import Matrix, camera_matrix

_PLANES = ("wall", "table", "floor")
_MASKS = tuple(f"mask_{plane}" for plane in _PLANES)
_FIELDS = ("rgb", "depth", "edges", "calib", "mask_invalid", "mask_transp", *_MASKS, *(f"{m}_paras" for m in _MASKS))
_FROM_ONE = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 0]])  # the center of the first pixel is at (1, 1) there
_NORMAL = slice(4, 7)  # columns of a plane's parameters: its normal to the right, forward, up


_RAW_UNIT = 50 / 65535  # metres per step of the PNGs
_FORMS = {
    "mat": FrameFiles(r"(?P<frame>[^/]+)\.mat", "{frame}.mat", "gt_mat/NAME.mat", name="{frame}"),
    "raw": FrameFiles(
        r"rgb/(?P<frame>[^/]+)\.png",
        "depth/{frame}.png",
        "rgb/NAME.png beside depth, mask_invalid, mask_transp and calib",
        mask="mask_invalid/{frame}.png",
        camera="calib/{frame}.txt",
        name="{frame}",
    ),
}


class IBims1(SceneFiles):
    """100 pictures, 480x640, in the two forms that are published.

    ``ibims1_core_mat`` has ``gt_mat/NAME.mat``, one struct ``data`` for each picture. Depth is in metres and counts
    where ``mask_invalid`` and ``mask_transp`` are 1. Each frame has its annotated edges, the planes of walls, tables
    and floors, and their normals, for DBE and PE. ``ibims1_core_raw`` has folders ``rgb``, ``depth`` (16-bit PNG in
    steps of 50 / 65535 m), the two masks, ``calib`` (fx, fy, cx, cy) and ``edges``; no planes are read of it. The
    camera counts pixels from 1 there and from 0 here.

    Args:
        root: the folder of the pictures, or one above it.
        form: ``mat`` or ``raw``; None for the one that is there.
        files: see :class:`~depthbench.data.readers.scene_files.SceneFiles`; the next arguments, too.
        split: how many of the frames, evenly spaced; None for all.
        max_depth: metres beyond which depth is missing; None for no limit.
        size: (height, width) of the image delivered; None keeps each file's own.
        depth_size: ``image`` or ``native``.

    Raises:
        UserError: as :class:`~depthbench.data.readers.scene_files.SceneFiles`; also if both forms are there and none is
            chosen.

    Example:
        >>> import tempfile, numpy as np, scipy.io
        >>> from depthbench.data import IBims1
        >>> one, folder = np.ones((6, 8)), tempfile.mkdtemp()
        >>> fields = dict(rgb=np.zeros((6, 8, 3), np.uint8), depth=2 * one, edges=one, calib=9 * np.eye(3))
        >>> fields |= dict.fromkeys(["mask_invalid", "mask_transp"], one)
        >>> for plane in ("wall", "table", "floor"):
        ...     fields |= {f"mask_{plane}": 0 * one, f"mask_{plane}_paras": np.zeros((0, 0))}
        >>> scipy.io.savemat(f"{folder}/room.mat", {"data": fields})
        >>> frame = IBims1(folder)[0]
        >>> frame.annotations.present, float(frame.depth.mean())
        (('edges', 'planes', 'plane_normals'), 2.0)
    """

    known_as = "iBims-1"
    plausible = (0.3, 50.0)

    def __init__(
        self,
        root: str | Path,
        form: Literal["mat", "raw"] | None = None,
        files: str | Path | None = None,
        split: str | int | None = None,
        max_depth: float | None = None,
        size: Sequence[int] | None = None,
        depth_size: DepthSize = "image",
    ) -> None:
        if form not in (None, *_FORMS):
            raise UserError(f"data.form={form} is unknown; choose mat or raw.")
        self.layouts = tuple(_FORMS.values()) if form is None else (_FORMS[form],)
        super().__init__(root, files, split, max_depth, size, depth_size)
        if len({_is_mat(pair) for pair in self.pairs}) > 1:
            raise UserError(f"{root} holds the set in both forms; choose data.form=mat, which has planes, or raw.")

    def scene(self, index: int) -> str | None:
        """Each picture shows a room of its own."""
        return self.names[index]

    def read(self, index: int) -> Sample:
        """See :meth:`Reader.read`."""
        pair = self.pairs[index]
        if not _is_mat(pair):
            return super().read(index)
        data = load_struct(pair.depth, "data", _FIELDS)
        rgb, truth = _picture(data["rgb"], pair.depth), self._truth(data, pair.depth)
        depth = self.missing.metres(truth.depth, 1.0)
        same_size(rgb, depth, f"rgb of {pair.depth}", "its depth")
        return Sample(rgb, depth, truth.intrinsics, pair.name, truth.annotations)

    def read_truth(self, pair: Pair, size: Size) -> Truth:
        """See :class:`SceneFiles`."""
        if not _is_mat(pair):
            return _raw_truth(pair)
        return self._truth(load_struct(pair.depth, "data", _FIELDS), pair.depth)

    def _truth(self, data: dict[str, NDArray[Any]], path: Path) -> Truth:
        maps = ("edges", "mask_invalid", "mask_transp", *_MASKS)
        other = next((name for name in maps if data[name].shape != data["depth"].shape), None)
        if other is not None:
            raise UserError(f"{path}: {other} is {data[other].shape}, but depth {data['depth'].shape}; get it again.")
        valid = (data["mask_invalid"] != 0) & (data["mask_transp"] != 0)
        depth = np.where(valid, data["depth"], 0).astype(np.float64)
        planes, normals = _planes(data, path)
        import torch

        from depthbench.annotations import Annotations

        notes = Annotations(
            edges=torch.from_numpy(data["edges"] != 0)[None],
            planes=torch.from_numpy(planes)[None],
            plane_normals=torch.from_numpy(normals),
        )
        return Truth(depth, _camera(data["calib"], path), notes)


def _is_mat(pair: Pair) -> bool:
    return pair.rgb.suffix == ".mat"


def _raw_truth(pair: Pair) -> Truth:
    """The truth in files of its own; edges may be left out."""
    above, name = pair.depth.parents[1], pair.depth.name
    depth = read_depth(pair.depth) * _RAW_UNIT
    masks = {kind: read_mask(above / kind / name) for kind in ("mask_invalid", "mask_transp")}
    if (above / "edges" / name).is_file():
        masks["edges"] = read_mask(above / "edges" / name)
    other = next((kind for kind, mask in masks.items() if mask.shape != depth.shape), None)
    if other is not None:
        raise UserError(
            f"{above / other / name} is {masks[other].shape}, but {pair.depth} {depth.shape}; get it again."
        )
    edges = masks.pop("edges", None)
    notes = None if edges is None else edges_only(edges)
    camera = read_camera(above / "calib" / f"{pair.depth.stem}.txt") - _FROM_ONE
    return Truth(np.where(np.logical_and.reduce([*masks.values()]), depth, 0), camera, notes)


def _picture(rgb: NDArray[Any], path: Path) -> NDArray[np.uint8]:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise UserError(f"{path}: rgb is {rgb.dtype} of the shape {rgb.shape}, not uint8 (height, width, 3).")
    return np.ascontiguousarray(rgb)


def _camera(calib: NDArray[Any], path: Path) -> Matrix:
    """Stored transposed."""
    if calib.shape != (3, 3) or not np.isfinite(calib).all() or min(calib[0, 0], calib[1, 1]) <= 0:
        raise UserError(f"{path}: calib is not a camera: {calib.tolist()}.")
    return np.asarray(camera_matrix([calib[0, 0], calib[1, 1], calib[2, 0], calib[2, 1]]) - _FROM_ONE)


def _planes(data: dict[str, NDArray[Any]], path: Path) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Labels ``(H, W)`` from 1 on over walls, tables and floors, and the normals ``(P, 3)``: right, down, forward."""
    labels = np.zeros(data["depth"].shape, np.int64)
    normals: list[tuple[float, float, float]] = []
    for mask in _MASKS:
        own, paras = data[mask].astype(np.int64), data[f"{mask}_paras"]
        count = int(own.max(initial=0))
        if count and (paras.ndim != 2 or len(paras) < count or paras.shape[1] < _NORMAL.stop):
            raise UserError(f"{path}: {mask} labels {count} planes, but {mask}_paras has the shape {paras.shape}.")
        labels = np.where(own > 0, own + len(normals), labels)
        normals += [(row[0], -row[2], row[1]) for row in paras[:count, _NORMAL]] if count else []
    return labels, np.array(normals, np.float32).reshape(-1, 3)

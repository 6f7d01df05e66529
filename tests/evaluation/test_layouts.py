"""Predictions as people keep them: each layout is scored by one command, to the same number."""

import tarfile
import zipfile
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import scipy.io
from PIL import Image

from depthbench import read_results
from depthbench.evaluate import main
from depthbench.evaluation.map_files import MAP_SUFFIXES

pytestmark = pytest.mark.usefixtures("compositions_kept")

NAMES = ("attic/a", "attic/b", "cellar/a")
FACTOR = 1.02


def truths() -> dict[str, np.ndarray]:
    rows, columns = np.mgrid[:14, :18]
    return {name: 1.5 + rows / 10 + 0.3 * np.sin(columns / 3 + place) for place, name in enumerate(NAMES)}


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> Path:
    """A folder per scene, with depth in millimetres."""
    root = tmp_path_factory.mktemp("frames")
    for name, depth in truths().items():
        scene, frame = name.split("/")
        for part, values in (("rgb", np.full((14, 18, 3), 90, np.uint8)), ("depth", np.rint(1000 * depth))):
            path = root / scene / part / f"{frame}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), values if part == "rgb" else values.astype(np.uint16))
    return root


def each(write, suffix: str, form: str = "{}"):
    """A layout with a file for each frame."""

    def make(folder: Path) -> Path:
        for name, depth in truths().items():
            scene, frame = name.split("/")
            path = folder / f"{form.format(name, scene=scene, frame=frame)}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, (FACTOR * depth).astype(np.float32))
        return folder

    return make


def stack(write, suffix: str, order=NAMES):
    """A layout with one file for all frames."""

    def make(folder: Path) -> Path:
        folder.mkdir()
        known = truths()
        write(
            folder / f"all{suffix}",
            (FACTOR * np.stack([known[name] for name in order])).astype(np.float32),
            list(order),
        )
        return folder / f"all{suffix}"

    return make


def exr(path: Path, depth: np.ndarray) -> None:
    pytest.importorskip("OpenEXR").File(
        {"compression": pytest.importorskip("OpenEXR").ZIP_COMPRESSION}, {"Z": depth}
    ).write(str(path))


def h5(path: Path, values: np.ndarray, names: list[str] | None = None, key: str = "depth") -> None:
    with h5py.File(path, "w") as file:
        file[key] = values
        if names:
            file["names"] = names


def pfm(path: Path, depth: np.ndarray) -> None:
    path.write_bytes(b"Pf\n18 14\n-1.0\n" + np.flipud(depth).astype("<f4").tobytes())


def dpt(path: Path, depth: np.ndarray) -> None:
    path.write_bytes(b"PIEH" + np.array([18, 14], "<i4").tobytes() + depth.astype("<f4").tobytes())


def zipped(make, above: str = ""):
    """A layout of a folder as a zip, with what macOS adds to it."""

    def make_zip(folder: Path) -> Path:
        path = folder.with_suffix(".zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for one in sorted(make(folder).rglob("*.*")):
                file.write(one, f"{above}{one.relative_to(folder).as_posix()}")
            file.writestr(f"__MACOSX/{above}._a.npy", b"nothing")
        return path

    return make_zip


def tarred(make, mode: str, suffix: str, above: str = "", form: int = tarfile.PAX_FORMAT):
    """A layout of a folder as a tar, with what macOS adds to it."""

    def make_tar(folder: Path) -> Path:
        path = folder.with_name(f"{folder.name}{suffix}")
        with tarfile.open(path, mode, format=form) as file:
            for one in sorted(make(folder).rglob("*.*")):
                extra = tarfile.TarInfo(f"{above}._{one.name}")
                file.addfile(extra)
                file.add(one, f"{above}{one.relative_to(folder).as_posix()}")
        return path

    return make_tar


def listed(make, line: str, header: str = "", form: str = ".csv", order=NAMES[::-1]):
    """A layout of a folder named by a list beside it."""

    def make_list(folder: Path) -> Path:
        files = {one.stem: one.relative_to(folder.parent).as_posix() for one in make(folder).rglob("*.npy")}
        path = folder.with_suffix(form)
        lines = [line.format(name=name, path=files[name.replace("/", "-")]) for name in order]
        path.write_text("\n".join([*([header] if header else []), *lines, ""]))
        return path

    return make_list


def numbered(folder: Path) -> Path:
    """Files that are called by numbers, in a list without names."""
    lines = []
    for place, depth in enumerate(truths().values()):
        path = folder / f"{place}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, (FACTOR * depth).astype(np.float32))
        lines.append(f"{folder.name}/{path.name}")
    folder.with_suffix(".txt").write_text("# predictions\n" + "\n".join(lines))
    return folder.with_suffix(".txt")


FLAT = each(np.save, ".npy", "{scene}-{frame}")

LAYOUTS = {
    "npy in a folder per scene": (each(np.save, ".npy"), []),
    "npz of one array": (each(lambda path, depth: np.savez(path, depth=depth), ".npz"), []),
    "npz of several arrays": (each(lambda path, depth: np.savez(path, d=depth, sure=depth > 1), ".npz"), ["key=d"]),
    "png of 16 bits in millimetres": (
        each(lambda path, depth: cv2.imwrite(str(path), np.rint(1000 * depth).astype(np.uint16)), ".png"),
        ["unit=0.001"],
    ),
    "png of 16 bits as KITTI's": (
        each(lambda path, depth: cv2.imwrite(str(path), np.rint(256 * depth).astype(np.uint16)), ".png"),
        ["unit=1/256"],
    ),
    "pfm": (each(pfm, ".pfm"), []),
    "exr": (each(exr, ".exr"), []),
    "tiff of floats": (each(lambda path, depth: Image.fromarray(depth).save(path), ".tiff"), []),
    "Sintel's dpt": (each(dpt, ".dpt"), []),
    "h5 per frame": (each(h5, ".h5"), []),
    "mat of MATLAB 5": (each(lambda path, depth: scipy.io.savemat(path, {"pred": depth}), ".mat"), ["key=pred"]),
    "mat of MATLAB 7.3": (each(lambda path, depth: h5(path, depth.T, key="pred"), ".mat"), ["key=pred"]),
    "flat names with prefix and suffix": (each(np.save, ".npy", "pred_{scene}_{frame}_depth"), []),
    "below a folder of their own": (each(np.save, ".npy", "{scene}/pred/{frame}"), []),
    "disparity up to scale and shift": (
        each(lambda path, depth: np.save(path, 7 / depth + 0.4), ".npy"),
        ["kind=affine_disparity", "protocol.alignment=disparity"],
    ),
    "a zip": (zipped(each(np.save, ".npy")), []),
    "a zip of a folder": (zipped(each(np.save, ".npy"), "maps/"), []),
    "a zip of h5": (zipped(each(h5, ".h5")), []),
    "a tar": (tarred(each(np.save, ".npy"), "w", ".tar"), []),
    "a gzipped tar of a folder": (tarred(each(np.save, ".npy"), "w:gz", ".tar.gz", "./maps/"), []),
    "a tgz of long names": (
        tarred(each(np.save, ".npy", "p" * 120 + "-{scene}-{frame}"), "w:gz", ".tgz", "", tarfile.GNU_FORMAT),
        [],
    ),
    "a list with names": (listed(FLAT, "{name},{path}"), []),
    "a list with a header": (listed(FLAT, "{path}\t{name}.jpg", "Prediction\tImage", ".txt"), []),
    "a list of files named like the frames": (listed(FLAT, "{path}", form=".txt"), []),
    "a list in the order of the frames": (numbered, ["order=frames"]),
    "points": (each(lambda path, depth: np.save(path, np.dstack([depth] * 3)), ".npy"), ["kind=metric_points"]),
    "a stack in h5 with names": (stack(h5, ".h5", NAMES[::-1]), []),
    "a stack in npz with names": (
        stack(lambda path, values, names: np.savez(path, depth=values, names=names), ".npz", NAMES[::-1]),
        [],
    ),
    "a stack in npy": (stack(lambda path, values, names: np.save(path, values), ".npy"), ["order=names"]),
}
ROUNDED = {"png of 16 bits in millimetres": 3e-4, "png of 16 bits as KITTI's": 2e-3}


def test_every_format_that_is_read_has_a_layout():
    assert {".npy", ".npz", ".png", ".pfm", ".exr", ".tif", ".tiff", ".dpt", ".h5", ".hdf5", ".mat"} == set(
        MAP_SUFFIXES
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_scored_by_one_command(layout, frames, tmp_path, capsys):
    make, words = LAYOUTS[layout]
    place = make(tmp_path / "maps")
    data = ["data=folder", f"data.root={frames}", "data.scale=0.001", "data.test_fraction=1", "protocol=full"]
    output = tmp_path / "result.json"
    code = main([*data, f"predictions={place}", f"output={output}", "device=cpu", *words])
    assert code == 0, capsys.readouterr().err
    (result,) = read_results(output)
    # What is 2 % too far everywhere has an AbsRel of 0.02; an alignment finds the factor.
    expected = 0.0 if "protocol.alignment=disparity" in words else FACTOR - 1
    assert result.scores["AbsRel"] == pytest.approx(expected, abs=ROUNDED.get(layout, 2e-4))
    assert result.names == NAMES

"""The error of predicted cameras by the command: arrays beside maps, points, networks that return a dict."""

import json
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from depthbench import read_results
from depthbench.errors import UserError
from depthbench.evaluate import main
from depthbench.evaluation.camera_files import read_predicted_camera
from depthbench.evaluation.predicted_cameras import camera_of_points, normalized_camera

pytestmark = pytest.mark.usefixtures("compositions_kept")

SIZE, CENTER = (18, 24), (10.7, 8.9)
TRUE = (21.0, 22.0, *CENTER)
FOCALS = {"a": 20.0, "b": 25.0, "c": 21.0, "d": 30.0}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    for place, name in enumerate(FOCALS):
        for kind in ("rgb", "depth"):
            (folder / kind).mkdir(exist_ok=True)
        cv2.imwrite(f"{folder}/rgb/{name}.png", np.full((*SIZE, 3), 50 * place, np.uint8))
        cv2.imwrite(f"{folder}/depth/{name}.png", np.rint(1000 * depth(place)).astype(np.uint16))
    return folder


def depth(place: int) -> np.ndarray:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    return 2 + rows / 20 + 0.3 * np.cos(columns / 5 + place)


def matrix(focal: float) -> np.ndarray:
    return np.array([[focal, 0, CENTER[0]], [0, focal + 1, CENTER[1]], [0, 0, 1]])


def points(place: int, focal: float) -> np.ndarray:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    z = depth(place)
    return np.stack([(columns - CENTER[0]) / focal * z, (rows - CENTER[1]) / (focal + 1) * z, z], -1)


def errors() -> np.ndarray:
    angles = [2 * np.degrees(np.arctan(SIZE[1] / (2 * focal))) for focal in (*FOCALS.values(), TRUE[0])]
    return np.array(angles[:-1]) - angles[-1]


def evaluate(root: Path, *words) -> int:
    given = ["data=folder", f"data.root={root}", "data.scale=0.001", "data.test_fraction=1"]
    camera = f"data.intrinsics=[{','.join(map(str, TRUE))}]"
    return main([*given, camera, "protocol=full", "structure=fov", "cache=none", *map(str, words)])


def in_pixels(path: Path, place: int, focal: float) -> None:
    np.savez(path.with_suffix(".npz"), depth=depth(place), intrinsics=matrix(focal))


def in_pixels_of_a_smaller_map(path: Path, place: int, focal: float) -> None:
    half = np.array([focal / 2, (focal + 1) / 2, *((np.array(CENTER) + 0.5) / 2 - 0.5)])
    np.savez(path.with_suffix(".npz"), depth=cv2.resize(depth(place), SIZE[::-1])[::2, ::2], intr=half)


def in_widths(path: Path, place: int, focal: float) -> None:
    normalized = matrix(focal) / np.array([[SIZE[1]], [SIZE[0]], [1]])
    np.savez(path.with_suffix(".npz"), depth=depth(place), intrinsics=normalized)


def as_points(path: Path, place: int, focal: float) -> None:
    np.save(path.with_suffix(".npy"), points(place, focal).astype(np.float32))


@pytest.mark.parametrize(
    ("write", "zipped"),
    [(in_pixels, True), (in_pixels_of_a_smaller_map, False), (in_widths, False), (as_points, False)],
)
def test_files_in_every_form_have_the_same_error(write, zipped, root, tmp_path):
    folder = tmp_path / "maps"
    folder.mkdir()
    for place, (name, focal) in enumerate(FOCALS.items()):
        write(folder / name, place, focal)
    path = folder
    if zipped:
        path = tmp_path / "maps.zip"
        with zipfile.ZipFile(path, "w") as file:
            for one in folder.iterdir():
                file.write(one, one.name)
    kind = "metric_points" if write is as_points else "metric_depth"
    assert evaluate(root, f"predictions={path}", f"kind={kind}", f"output={tmp_path / 'x.json'}") == 0
    (result,) = read_results(tmp_path / "x.json")
    assert result.scores["fov_error"] == pytest.approx(np.abs(errors()).mean(), rel=1e-5)
    assert result.scores["fov_bias"] == pytest.approx(errors().mean(), rel=1e-5)
    np.testing.assert_allclose(result.per_image["fov_bias"], errors(), rtol=1e-5, atol=1e-5)
    low, high = result.limits["fov_error"]
    assert low < result.scores["fov_error"] < high


CAMERA_FILES = {
    "txt": lambda focal: " ".join(map(str, matrix(focal).ravel())),
    "four.txt": lambda focal: f"{focal}, {focal + 1}, {CENTER[0]}, {CENTER[1]}",
    "json": lambda focal: json.dumps({"K": matrix(focal).tolist()}),
    "named.json": lambda focal: json.dumps({"fx": focal, "fy": focal, "cx": CENTER[0], "cy": CENTER[1]}),
    "angle.json": lambda focal: json.dumps({"fov_x": 2 * np.degrees(np.arctan(SIZE[1] / (2 * focal)))}),
    "list.json": lambda focal: json.dumps([0.9 * focal / (0.9 * SIZE[1]), 1, 0.5, 0.5]),
}


@pytest.mark.parametrize("form", CAMERA_FILES)
def test_every_form_of_a_file_is_the_same_camera(form, tmp_path):
    path = tmp_path / f"a.{form.rpartition('.')[2]}"
    path.write_text(CAMERA_FILES[form](21.0))
    found = normalized_camera(read_predicted_camera(path), SIZE, str(path))
    assert found[0, 0] == pytest.approx(21.0 / SIZE[1], rel=1e-12)


def test_cameras_in_files_of_their_own(root, tmp_path):
    for kind in ("maps", "cameras"):
        (tmp_path / kind).mkdir()
    for place, (name, focal) in enumerate(FOCALS.items()):
        np.save(tmp_path / f"maps/{name}.npy", depth(place))
        np.save(tmp_path / f"cameras/{name}.npy", matrix(focal))
    words = [f"predictions={tmp_path / 'maps'}", f"cameras={tmp_path / 'cameras'}", f"output={tmp_path / 'x.json'}"]
    assert evaluate(root, *words) == 0
    (result,) = read_results(tmp_path / "x.json")
    np.testing.assert_allclose(result.per_image["fov_bias"], errors(), rtol=1e-6, atol=1e-9)
    np.save(tmp_path / "cameras/a.npy", matrix(99.0))
    assert evaluate(root, *words) == 0
    assert read_results(tmp_path / "x.json")[0].model.sha256 != result.model.sha256


@pytest.mark.parametrize(
    ("cameras", "sentence"),
    [
        ("nowhere", "There is nothing at"),
        ("one.txt", "is not a folder; give the folder of a file for each frame"),
        ("empty", "lacks predictions of a, b, c"),
        ("pictures", "convert the cameras to one of .txt, .json, .npy"),
        ("words", "holds no camera that is read; write (3, 3) numbers"),
        ("maps,maps", "names 2 folders for 1 predictions; give one each"),
    ],
)
def test_cameras_that_are_none_are_told(cameras, sentence, root, tmp_path, capsys):
    for kind in ("maps", "empty", "pictures", "words"):
        (tmp_path / kind).mkdir()
    (tmp_path / "one.txt").write_text("1 1 1 1")
    (tmp_path / "pictures/a.png").write_text("")
    for place, name in enumerate(FOCALS):
        np.save(tmp_path / f"maps/{name}.npy", depth(place))
        (tmp_path / f"words/{name}.txt").write_text("a camera")
    given = ",".join(str(tmp_path / one) for one in cameras.split(","))
    assert evaluate(root, f"predictions={tmp_path / 'maps'}", f"cameras={given}") == 2
    assert sentence in capsys.readouterr().err


def test_a_stack_has_a_camera_for_each_map(root, tmp_path):
    maps = np.stack([depth(place) for place in range(len(FOCALS))])[::-1]
    cameras = np.stack([matrix(focal) for focal in FOCALS.values()])[::-1]
    np.savez(tmp_path / "all.npz", depth=maps, intrinsics=cameras, names=np.array(list(FOCALS))[::-1])
    assert evaluate(root, f"predictions={tmp_path / 'all.npz'}", f"output={tmp_path / 'x.json'}") == 0
    (result,) = read_results(tmp_path / "x.json")
    np.testing.assert_allclose(result.per_image["fov_bias"], errors(), rtol=1e-6, atol=1e-9)


NETWORK = f"""
import numpy as np

CALLS = []

def camera(rgb):
    CALLS.append(1)
    place = int(round(255 * float(rgb[0, 0, 0]) / 50))
    focal = {list(FOCALS.values())}[place]
    depth = np.full(rgb.shape[:2], 2.5)
    return {{"depth": depth, "intrinsics": [[focal, 0, 9.0], [0, focal, 9.0], [0, 0, 1]]}}

def points(rgb):
    rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    focal = camera(rgb)["intrinsics"][0][0]
    z = 7 + 0.3 * rows
    return np.stack([(columns - 11) / focal * z, (rows - 8) / focal * z, z], -1)

camera.kind, points.kind = "metric_depth", "scale_points"
camera.version = points.version = 1
"""


@pytest.mark.parametrize("function", ["camera", "points"])
def test_a_network_gives_its_camera_once(function, root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seeing.py").write_text(NETWORK)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    words = [f"model=python:seeing:{function}", "output=x.json", "cache=kept"]
    words += ["protocol.alignment=median"] if function == "points" else []
    assert evaluate(root, *words) == 0
    (result,) = read_results("x.json")
    np.testing.assert_allclose(result.per_image["fov_bias"], errors(), rtol=1e-4, atol=1e-4)
    calls = len(sys.modules["seeing"].CALLS)
    assert calls <= 2 * len(FOCALS) + 4  # some are looked at before
    assert evaluate(root, *words) == 0
    assert len(sys.modules["seeing"].CALLS) == calls  # maps and cameras are kept
    sys.modules.pop("seeing")


def test_predictions_without_cameras_say_so(root, tmp_path, capsys):
    for place, name in enumerate(FOCALS):
        np.save(tmp_path / f"{name}.npy", depth(place))
    assert evaluate(root, f"predictions={tmp_path}") == 2
    assert "structure=fov needs predicted cameras, and the prediction of 'a' in" in capsys.readouterr().err
    assert main(["data=rooms", "data.test_frames=1", f"predictions={tmp_path}", "structure=fov"]) == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize("values", [np.eye(4), [1, 2, 3], [[0, 0, 1]] * 3, np.full((3, 3), np.nan), ["a"] * 4])
def test_what_is_no_camera_is_refused(values):
    with pytest.raises(UserError, match=r"intrinsics of a\.npz are not a camera"):
        normalized_camera(values, SIZE, "a.npz")


def test_points_of_no_camera_are_refused():
    found = camera_of_points(np.moveaxis(points(0, 20.0), -1, 0), "a.npy")
    assert found[0] == pytest.approx([20 / SIZE[1], 0, (CENTER[0] + 0.5) / SIZE[1]])
    assert found[1] == pytest.approx([0, 21 / SIZE[0], (CENTER[1] + 0.5) / SIZE[0]])
    for wrong in (np.ones((*SIZE, 3)), points(0, 20.0) * [-1, 1, 1], np.full((*SIZE, 3), np.nan)):
        with pytest.raises(UserError, match=r"points of a\.npy fit no camera"):
            camera_of_points(wrong, "a.npy")


@pytest.mark.parametrize("angle", [0, -60, 180])
def test_a_field_of_view_that_no_camera_has(angle, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"fov_x": angle}))
    with pytest.raises(UserError, match=r"a\.json holds no camera"):
        read_predicted_camera(tmp_path / "a.json")

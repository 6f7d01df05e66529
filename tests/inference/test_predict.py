"""The command `predict`: depth for anybody's photos and videos."""

import importlib
import io
import json
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image, ImageOps

from depthbench.config.compose import config_dir
from depthbench.data import to_frame
from depthbench.data.sample import Sample
from depthbench.errors import UserError
from depthbench.images import orientation
from depthbench.inference import read_predict_request
from depthbench.inference.outputs import OutputForm, cloud, colored_picture, millimetres, replacing
from depthbench.inference.photos import Video, read_photo
from depthbench.maps import resize_bilinear
from depthbench.palette import ColorRange, color_bar
from depthbench.predict import main
from depthbench.runs.folder import RunFolder
from depthbench.tasks import DepthTask
from depthbench.training.loading import load_task
from depthbench.training.trainer import build_task
from tests.commands import TINY

SIZE = (64, 64)
rng = np.random.default_rng(0)


def noise(height: int = 37, width: int = 53, channels: tuple[int, ...] = (3,), dtype: type = np.uint8) -> np.ndarray:
    return rng.integers(0, np.iinfo(dtype).max, (height, width, *channels), dtype=dtype)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunFolder:
    """A run with the checkpoint of an untrained network: what it predicts does not matter here."""
    output = tmp_path_factory.mktemp("runs")
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("config", [*TINY, "data.root=none", f"output={output}"])
    folder = RunFolder.create(config, TINY, {})
    task = build_task(folder.config)
    folder.checkpoint.parent.mkdir()
    torch.save({"state_dict": task.state_dict()}, folder.checkpoint)
    return folder


@pytest.fixture
def photos(tmp_path) -> Path:
    """Photos of every kind, and files that are none."""
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    for name, pixels in {
        "color.png": noise(),
        "gray.png": noise(channels=()),
        "alpha.png": noise(channels=(4,)),
        "deep.png": noise(dtype=np.uint16),
        "trip/point.png": noise(1, 1),
        "trip/wide.JPG": noise(20, 300),
    }.items():
        assert cv2.imwrite(str(folder / name), pixels)
    (folder / "notes.txt").write_text("no photo")
    (folder / ".hidden.png").write_text("no photo")
    return folder


@pytest.fixture
def video(tmp_path) -> Path:
    """Five gray frames of growing brightness, 48 by 36."""
    return film(tmp_path / "film.mp4", 5)


def film(path: Path, count: int, form: str = "mp4v") -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*form), 10, (48, 36))
    for index in range(count):
        writer.write(np.full((36, 48, 3), min(50 * index, 255), np.uint8))
    writer.release()
    return path


def predict(capsys, *arguments) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    told = capsys.readouterr()
    return code, told.out, told.err


def given(run: RunFolder, source: Path, output: Path, *more: str) -> list[str]:
    return [f"run={run.path}", f"input={source}", f"output={output}", "device=cpu", *more]


@pytest.fixture(scope="module")
def task(run):
    return load_task(run).eval()


def expected(task: DepthTask, rgb: np.ndarray, flip: bool = False) -> np.ndarray:
    """The prediction of the run's own test, at the photo's size."""
    image = to_frame(Sample(rgb, np.zeros(rgb.shape[:2], np.float32), None, ""), SIZE).image[None]
    with torch.no_grad():
        depth = task(image)
        if flip:
            depth = (depth + task(image.flip(-1)).flip(-1)) / 2
        return resize_bilinear(depth, rgb.shape[:2])[0, 0].numpy()


def test_a_folder_of_photos(run, task, photos, tmp_path, capsys):
    output = tmp_path / "depth"
    code, out, err = predict(capsys, *given(run, photos, output, "save=npy,png,color,beside"))
    assert (code, err) == (0, "")
    names = ["alpha", "color", "deep", "gray", "trip/point", "trip/wide"]
    for kind, suffix in {"npy": ".npy", "png": ".png", "color": ".png", "beside": ".png"}.items():
        written = sorted(path.relative_to(output / kind) for path in (output / kind).rglob("*") if path.is_file())
        assert written == [Path(name + suffix) for name in names]
    for name in names:
        (file,) = photos.glob(f"{name}.*")
        rgb = read_photo(file)
        depth = np.load(output / "npy" / f"{name}.npy")
        assert depth.dtype == np.float32
        np.testing.assert_array_equal(depth, expected(task, rgb))
        coarse = cv2.imread(str(output / "png" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        assert coarse.dtype == np.uint16
        np.testing.assert_allclose(coarse / 1000, depth.clip(0), atol=0.0005001)
        colors = cv2.imread(str(output / "color" / f"{name}.png"))[..., ::-1]
        np.testing.assert_array_equal(colors, colored_picture("color", rgb, depth, OutputForm(None)))
        beside = cv2.imread(str(output / "beside" / f"{name}.png"))[..., ::-1]
        np.testing.assert_array_equal(beside[: len(rgb), : rgb.shape[1]], rgb)
        np.testing.assert_array_equal(beside[:, rgb.shape[1] :], colors)
    assert "5 pictures were stretched to the network's 64x64, not cropped." in out  # a point is as square as 64x64


CAMERA = "intrinsics=50.5,49,26,18.25"


def read_points(data: bytes) -> tuple[list[str], list[tuple[float, ...]]]:
    """Header and points of a binary PLY, field by field."""
    end = data.index(b"end_header\n") + len(b"end_header\n")
    return data[:end].decode().splitlines(), list(struct.iter_unpack("<fffBBB", data[end:]))


def test_a_point_cloud(run, task, photos, tmp_path, capsys):
    (photos / "trip/wide.JPG").unlink()  # of another size, as is the point
    (photos / "trip/point.png").unlink()
    assert predict(capsys, *given(run, photos, tmp_path / "depth", "save=npy,ply", CAMERA))[0] == 0
    rgb, depth = read_photo(photos / "color.png"), np.load(tmp_path / "depth/npy/color.npy").astype(float)
    header, points = read_points((tmp_path / "depth/ply/color.ply").read_bytes())
    assert header == [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {37 * 53}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {color}" for color in ("red", "green", "blue")),
        "end_header",
    ]
    wanted = [
        ((u - 26) / 50.5 * depth[v, u], (v - 18.25) / 49 * depth[v, u], depth[v, u], *rgb[v, u])
        for v in range(37)
        for u in range(53)
    ]
    np.testing.assert_allclose(points, wanted, rtol=1e-6, atol=1e-6)


def test_points_without_depth_are_left_out():
    depth = np.array([[1, 0, np.nan], [np.inf, -1, 2]], np.float32)
    _, points = read_points(cloud(noise(2, 3), depth, (1, 1, 0, 0)))
    assert [point[:3] for point in points] == [(0, 0, 1), (4, 2, 2)]
    assert read_points(cloud(noise(2, 3), np.zeros_like(depth), (1, 1, 0, 0)))[1] == []


def test_point_clouds_of_a_video_and_the_wrong_camera(run, video, photos, tmp_path, capsys):
    arguments = given(run, video, tmp_path / "depth", "save=ply", CAMERA)
    assert predict(capsys, *arguments)[0] == 0
    assert [len(read_points(path.read_bytes())[1]) for path in sorted((tmp_path / "depth/ply").rglob("*.ply"))] == [
        48 * 36
    ] * 5
    assert "another intrinsics" in predict(capsys, *arguments, "intrinsics=50,50,26,18")[2]
    for source in (video, photos / "trip/point.png"):
        arguments = given(run, source, tmp_path / "other", "save=ply", "intrinsics=50,50,26,36.5")
        code, _, err = predict(capsys, *arguments)
        assert code == 1
        assert f"{source} is " in err
        assert "CX,CY lie outside" in err
        assert not list((tmp_path / "other").rglob("*.ply"))


@pytest.mark.parametrize(("camera", "noted"), [("50,50,26,18", False), ("25,25,13,9", True), ("50,50,26,30", True)])
def test_a_camera_of_a_smaller_picture_is_noted(camera, noted, run, photos, tmp_path, capsys):
    arguments = given(run, photos / "color.png", tmp_path / "depth", "save=ply", f"intrinsics={camera}")
    code, out, _ = predict(capsys, *arguments)
    assert code == 0
    assert ("CX,CY lie far from the middle of 1 files" in out) == noted


def test_point_clouds_may_come_later(run, photos, tmp_path, capsys):
    arguments = given(run, photos / "color.png", tmp_path / "depth")
    assert predict(capsys, *arguments)[0] == 0
    assert predict(capsys, *arguments, "save=png,ply", CAMERA)[0] == 0
    assert (tmp_path / "depth/ply/color.ply").exists()
    assert predict(capsys, *arguments)[:2] == (0, "1 of 1 are there already.\n")


def test_flip_average(run, task, photos, tmp_path, capsys):
    arguments = given(run, photos / "color.png", tmp_path / "depth", "save=npy", "flip_average=true")
    assert predict(capsys, *arguments)[0] == 0
    depth, rgb = np.load(tmp_path / "depth/npy/color.npy"), read_photo(photos / "color.png")
    np.testing.assert_allclose(depth, expected(task, rgb, flip=True), atol=1e-6)
    assert np.abs(depth - expected(task, rgb)).max() > 1e-4


def test_other_channels_and_depths_are_as_opencv_reads_them(photos):
    gray, alpha, deep = (
        cv2.imread(str(photos / f"{name}.png"), cv2.IMREAD_UNCHANGED) for name in ("gray", "alpha", "deep")
    )
    np.testing.assert_array_equal(read_photo(photos / "gray.png"), np.stack([gray] * 3, axis=-1))
    np.testing.assert_array_equal(read_photo(photos / "alpha.png"), alpha[..., 2::-1])
    np.testing.assert_allclose(read_photo(photos / "deep.png"), deep[..., ::-1] / 257, atol=1)


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("tag", range(1, 9))
def test_photos_are_upright(tag, form, tmp_path):
    image, exif = Image.fromarray(noise(6, 8)), Image.Exif()
    exif[0x0112] = tag
    image.save(tmp_path / "photo", form, exif=exif, **({"quality": 100, "subsampling": 0} if form == "JPEG" else {}))
    with Image.open(tmp_path / "photo") as stored:
        wanted = np.asarray(ImageOps.exif_transpose(stored)).astype(int)
    read = read_photo(tmp_path / "photo")
    assert read.shape == ((6, 8, 3) if tag < 5 else (8, 6, 3))
    np.testing.assert_allclose(read, wanted, atol=2 if form == "JPEG" else 0)


def test_a_damaged_orientation_is_none():
    buffer = io.BytesIO()
    Image.fromarray(noise()).save(buffer, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff\xff")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert orientation(buffer.getvalue()) == 1


def test_unreadable_files_are_named_and_passed_over(run, photos, video, tmp_path, capfd):
    whole = (photos / "color.png").read_bytes()
    (photos / "cut.png").write_bytes(whole[: len(whole) // 2])
    (photos / "empty.jpg").touch()
    (photos / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (photos / "cut.mp4").write_bytes(video.read_bytes()[:-200])
    code, out, err = predict(capfd, *given(run, photos, tmp_path / "depth"))
    assert code == 1
    told = dict(zip(("cut.mp4", "cut.png", "empty.jpg", "phone.heic"), err.splitlines(), strict=True))
    assert all(name in sentence for name, sentence in told.items())
    assert "can't be read as a video" in told["cut.mp4"]
    assert "truncated or damaged" in told["cut.png"]
    assert len(list((tmp_path / "depth/color").rglob("*.png"))) == 6
    assert not list((tmp_path / "depth").rglob(".*"))
    (photos / "cut.png").write_bytes(whole)
    code, out, err = predict(capfd, *given(run, photos, tmp_path / "depth"))
    assert out.startswith("6 of 10 are there already.")
    assert len(out.splitlines()) == 3  # that, the mended photo, and the note
    assert len(err.splitlines()) == 3


def test_started_again_it_does_what_is_missing(run, photos, tmp_path, capsys):
    arguments = given(run, photos, tmp_path / "depth", "save=npy")
    predict(capsys, *arguments)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "depth").rglob("*.npy")}
    lost = tmp_path / "depth/npy/gray.npy"
    depth = np.load(lost)
    lost.unlink()
    code, out, _ = predict(capsys, *arguments)
    assert code == 0
    assert "5 of 6 are there already" in out
    np.testing.assert_array_equal(np.load(lost), depth)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items() if path != lost)
    assert predict(capsys, *arguments)[1].splitlines() == ["6 of 6 are there already."]


def test_depth_of_two_networks_is_not_mixed(run, photos, tmp_path, capsys):
    arguments = given(run, photos / "color.png", tmp_path)
    predict(capsys, *arguments)
    code, _, err = predict(capsys, *arguments, "flip_average=true")
    assert code == 2
    assert "made with another flip_average; choose another folder" in err
    record = json.loads((tmp_path / "predict.json").read_text())
    (tmp_path / "predict.json").write_text(json.dumps({**record, "checkpoint": "other"}))
    assert "another checkpoint" in predict(capsys, *arguments)[2]
    (tmp_path / "predict.json").write_text("{")
    assert "not of this command" in predict(capsys, *arguments)[2]


def test_what_was_written_is_no_photo(run, photos, capsys):
    for expects in (6, 6):
        assert predict(capsys, *given(run, photos, photos))[0] == 0
        assert len(list((photos / "color").rglob("*.png"))) == expects


def test_files_with_one_name_and_two_suffixes(run, photos, tmp_path):
    (photos / "color.mov").touch()
    request = read_predict_request(given(run, photos, tmp_path / "depth", "save=color,npy"))
    missing = {source.path.name: request.missing(source) for source in request.sources}
    written = {
        name: [path.relative_to(tmp_path / "depth") for path in paths.values()] for name, paths in missing.items()
    }
    assert written["color.mov"] == [Path("color/color.mov.mp4"), Path("npy/color.mov.frames")]
    assert written["color.png"] == [Path("color/color.png.png"), Path("npy/color.png.npy")]
    assert written["gray.png"] == [Path("color/gray.png"), Path("npy/gray.npy")]


def test_a_video(run, task, video, tmp_path, capsys):
    output = tmp_path / "depth"
    code, out, err = predict(capsys, *given(run, video, output, "save=png,npy,color,beside"))
    assert (code, err) == (0, "")
    assert "film.mp4: 5 frames\n" in out
    frames = list(Video(video))
    assert [round(frame.mean() / 50) for frame in frames] == [0, 1, 2, 3, 4]
    for index, rgb in enumerate(frames):
        depth = np.load(output / f"npy/film.frames/{index:06d}.npy")
        np.testing.assert_array_equal(depth, expected(task, rgb))
        coarse = cv2.imread(str(output / f"png/film.frames/{index:06d}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(coarse, millimetres(depth))
    for kind, width in (("color", 48), ("beside", 96)):
        shown = Video(output / kind / "film.mp4")
        assert shown.fps == 10
        pictures = list(shown)
        assert len(pictures) == 5
        assert pictures[0].shape == (36, width, 3)
        right = colored_picture("color", frames[4], depth, OutputForm(10.0)).mean((0, 1))
        np.testing.assert_allclose(pictures[4][:, -48:].mean((0, 1)), right, atol=15)  # compressed, but of this color
    assert [round(shot[:, :48].mean() / 50) for shot in pictures] == [0, 1, 2, 3, 4]
    assert predict(capsys, *given(run, video, output, "save=png,npy,color,beside"))[1] == "1 of 1 are there already.\n"


def test_a_video_that_is_cut_off(run, tmp_path, capfd):
    whole = film(tmp_path / "film.avi", 40, "MJPG").read_bytes()
    (tmp_path / "film.avi").write_bytes(whole[: len(whole) * 3 // 4])
    code, out, err = predict(capfd, *given(run, tmp_path / "film.avi", tmp_path / "depth", "save=npy"))
    frames = len(list((tmp_path / "depth/npy/film.frames").iterdir()))
    assert 20 < frames < 40
    assert f"film.avi: {frames} frames of the 40 that the file claims" in out
    assert (code, err) == (0, "")


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError("No space left on device")])
def test_nothing_is_left_half_written(fault, run, video, tmp_path, capsys, monkeypatch):
    made = []

    def stop_at_the_third(*arguments):
        made.append(arguments)
        if len(made) > 2:
            raise fault
        return resize_bilinear(*arguments)

    monkeypatch.setattr("depthbench.inference.pictures.resize_bilinear", stop_at_the_third)
    arguments = given(run, video, tmp_path / "depth", "save=png,color")
    code, _, err = predict(capsys, *arguments)
    assert code == (130 if fault is KeyboardInterrupt else 2)
    assert len(err.splitlines()) == 1
    assert [path.name for path in (tmp_path / "depth").rglob("*") if path.is_file()] == ["predict.json"]
    monkeypatch.undo()
    assert predict(capsys, *arguments)[0] == 0
    assert len(list(Video(tmp_path / "depth/color/film.mp4"))) == 5


def test_replacing_keeps_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as part:
            part.write_text("ne")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_millimetres():
    depth = np.array([0, 0.0004, 0.0006, 1.2344, 65.535, 80, np.inf, -np.inf, np.nan, -1], np.float32)
    assert millimetres(depth).tolist() == [0, 0, 1, 1234, 65535, 65535, 0, 0, 0, 0]


def test_colors_may_have_a_fixed_scale():
    depth = np.array([[0.01, 5, 10, 20, np.nan, np.inf, 0]], np.float32)
    near, middle, far, beyond, *missing = colored_picture("color", noise(1, 7), depth, OutputForm(10.0))[0].tolist()
    assert near[0] > near[2]  # red
    assert far == beyond
    assert far[2] > far[0]  # blue
    assert middle not in (near, far)
    assert missing == [[128, 128, 128]] * 3
    assert colored_picture("color", noise(1, 7), depth, OutputForm(20.0))[0, 2].tolist() == middle


def test_a_photo_has_a_range_of_its_own():
    """A narrow range has all colors, however far away it is."""
    for low, high in ((0.5, 0.9), (60.0, 61.0)):
        depth = np.linspace(low, high, 300, dtype=np.float32)[None]
        shown = colored_picture("color", noise(1, 300), depth, OutputForm(None))[0]
        assert len(np.unique(shown, axis=0)) > 200
        assert shown[0, 0] > shown[0, 2]
        assert shown[-1, 2] > shown[-1, 0]


def test_the_bar_may_be_left_out(run, photos, tmp_path, capsys):
    wide = read_photo(photos / "trip/wide.JPG")
    assert predict(capsys, *given(run, photos / "trip", tmp_path / "with", "save=color,beside"))[0] == 0
    assert predict(capsys, *given(run, photos / "trip", tmp_path / "without", "save=color,beside", "bar=false"))[0] == 0
    sizes = {
        name: [cv2.imread(str(tmp_path / name / kind / "wide.png")).shape[:2] for kind in ("color", "beside")]
        for name in ("with", "without")
    }
    bar = len(color_bar(ColorRange(0, 1), wide.shape[1]))
    assert sizes["with"] == [(20 + bar, 300), (20 + bar, 600)]
    assert sizes["without"] == [(20, 300), (20, 600)]


@pytest.mark.parametrize(("protocol", "far"), [("garg", 80.0), ("full", 10.0)])
def test_colors_of_a_video_end_at_the_protocols_limit(protocol, far, run, photos, tmp_path):
    copy = RunFolder(tmp_path / "run")
    copy.checkpoint.parent.mkdir(parents=True)
    copy.checkpoint.touch()
    config = run.config
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config.protocol = compose("evaluate", [f"protocol={protocol}"]).protocol
    config.data.size = None
    (copy.path / "config.yaml").write_text(OmegaConf.to_yaml(config))
    arguments = given(copy, photos, tmp_path / "depth", "size=48,80")
    request = read_predict_request(arguments)
    assert (request.max_depth, request.most_metres) == (None, far)  # of photos, and of videos
    assert read_predict_request(arguments).size == (48, 80)
    assert read_predict_request([*arguments, "max_depth=3"]).max_depth == 3.0
    assert read_predict_request([*arguments, "max_depth=3"]).most_metres == 3.0


MISTAKES = [
    (["run=/no/such"], "/no/such is not a run folder"),
    (["input=/no/such"], "nothing at input=/no/such"),
    (["input={empty}"], "holds no photo (.jpg, .jpeg, .png) and no video (.mp4"),
    (["output={photo}"], "is a file; give a folder"),
    (["output="], "output must be given"),
    (["save=png,jpg"], "save=jpg does not exist; choose some of png,npy,ply,color,beside"),
    (["save=ply"], "save=ply needs intrinsics=FX,FY,CX,CY in pixels"),
    (["intrinsics=500,500"], "intrinsics=500,500 is not FX,FY,CX,CY"),
    (["intrinsics=0,500,20,20"], "intrinsics=0,500,20,20 is not FX,FY,CX,CY"),
    *(
        ([f"intrinsics={camera}"], f"intrinsics={camera} is not FX,FY,CX,CY")
        for camera in ("500,500,nan,20", "500,500,20,nan", "500,inf,20,20", "a,b,c,d")
    ),
    (["max_depth=far"], "max_depth=far is not a positive number"),
    (["max_depth=-1"], "max_depth=-1 is not a positive number"),
    (["size=64"], "size=64 is not HEIGHT,WIDTH"),
    (["flip_average=perhaps"], "flip_average=perhaps is neither true nor false"),
    (["device=tpu"], "device=tpu is unknown"),
    (["flip=true"], "There is no option flip; did you mean flip_average?"),
    (["photo.jpg"], "photo.jpg can't be read as key=value"),
]


@pytest.mark.parametrize(("wrong", "sentence"), MISTAKES)
def test_a_mistake_is_told_in_a_sentence(wrong, sentence, run, photos, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    wrong = [text.format(empty=tmp_path / "empty", photo=photos / "gray.png") for text in wrong]
    code, out, err = predict(capsys, *given(run, photos, tmp_path / "depth"), *wrong)
    assert (code, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_a_run_without_or_with_a_damaged_checkpoint(run, photos, tmp_path, capsys):
    copy = RunFolder(tmp_path / "run")
    copy.checkpoint.parent.mkdir(parents=True)
    (copy.path / "config.yaml").write_text((run.path / "config.yaml").read_text())
    assert "has it been trained?" in predict(capsys, *given(copy, photos, tmp_path / "depth"))[2]
    copy.checkpoint.write_bytes(run.checkpoint.read_bytes()[:1000])
    code, out, err = predict(capsys, *given(copy, photos, tmp_path / "depth"))
    assert (code, out) == (2, "")
    assert "last.ckpt is damaged" in err
    assert not (tmp_path / "depth").exists()


def test_the_exported_network_of_the_documents(run, task, tmp_path, monkeypatch):
    page = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    assert '"latest"' in code
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.full((30, 40, 3), 120, np.uint8))
    image = torch.rand(1, 3, *SIZE)
    monkeypatch.chdir(tmp_path)
    names = {"image": image}
    with torch.no_grad():
        exec(code.replace("latest", str(run.path)), names)
        torch.testing.assert_close(names["depth"], task(image))
    images = torch.rand(3, 3, *SIZE)
    with torch.no_grad():
        torch.testing.assert_close(torch.export.load("net.pt2").module()(images), task(images))


def test_help_and_mistakes_do_not_wait_for_torch():
    code = (
        "import sys; from depthbench.predict import main; main(['--help']);"
        "assert main(['run=/no/such', 'input=.', 'output=x']) == 2; sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "save=png,color" in done.stdout
    assert len(done.stdout.splitlines()) < 40


CAMERA_FILES = {"k.txt": "50 0 20\n0 51 16\n0 0 1\n", "k.json": '{"K": [[50, 0, 20], [0, 51, 16], [0, 0, 1]]}'}


@pytest.mark.parametrize("name", CAMERA_FILES)
def test_intrinsics_may_be_a_file(tmp_path, name):
    intrinsics = importlib.import_module("depthbench.inference.command_line")._intrinsics
    (tmp_path / name).write_text(CAMERA_FILES[name])
    assert intrinsics(str(tmp_path / name), needed=True) == (50, 51, 20, 16)
    (tmp_path / name).write_text("[1, 2")
    with pytest.raises(UserError, match="holds no intrinsics"):
        intrinsics(str(tmp_path / name), needed=True)
    with pytest.raises(UserError, match="not a file"):
        intrinsics(str(tmp_path / f"other-{name}"), needed=True)

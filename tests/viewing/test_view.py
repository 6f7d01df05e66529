"""The command `view`: what it understands, what it shows of runs and photos, how it ends."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import cv2
import numpy as np
import pytest

from depthbench.config import plugins
from depthbench.errors import UserError
from depthbench.output_kinds import OutputKind
from depthbench.view import main
from depthbench.viewing.command_line import read_view_request
from depthbench.viewing.scene import LONGEST, scene_of_photos, scene_of_runs
from tests.report.conftest import write_run

MODULE = """
import numpy as np

def depth(rgb): return 1 + rgb[..., 0] * 3
depth.kind = "metric_depth"
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return [write_run(root, loss=loss, images=5) for loss in ("l1", "eigen")]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a model and photos."""
    monkeypatch.setattr(plugins, "_opened", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_to_view.py").write_text(MODULE)
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    cv2.imwrite("photos/small.png", rng.integers(0, 255, (20, 31, 3), dtype=np.uint8))
    cv2.imwrite("photos/wide.png", rng.integers(0, 255, (33, 2 * LONGEST + 1, 3), dtype=np.uint8))
    yield tmp_path
    sys.modules.pop("mine_to_view", None)


def test_two_runs_show_the_frames_that_both_keep(runs, tmp_path):
    request = read_view_request([*map(str, runs), "--port", "8123", "--no-browser"])
    assert (request.runs, request.port, request.browser) == (tuple(runs), 8123, False)
    scene = scene_of_runs(runs)
    assert scene.columns == tuple(run.name for run in runs)
    assert [frame.name for frame in scene.frames] == [f"frame{index}" for index in range(4)]
    change(runs[1], tmp_path / "fewer", lambda kept: {key: value[[2, 1]] for key, value in kept.items()})
    scene = scene_of_runs([runs[0], tmp_path / "fewer"])
    assert [frame.name for frame in scene.frames] == ["frame1", "frame2"]
    with np.load(runs[1] / "panels.npz") as file:
        np.testing.assert_array_equal(scene.frames[1].maps[1], file["prediction"][2].astype(np.float32))
    change(runs[1], tmp_path / "others", lambda kept: kept | {"name": np.array(list("abcd"))})
    with pytest.raises(UserError, match="keep no test frame in common"):
        scene_of_runs([runs[0], tmp_path / "others"])


def change(run, folder, by):
    folder.mkdir()
    with np.load(run / "panels.npz") as file:
        kept = {key: file[key] for key in file.files}
    np.savez(folder / "panels.npz", **by(kept))


@pytest.mark.parametrize(
    "by",
    [
        lambda kept: kept | {"truth": kept["truth"][:, :5]},
        lambda kept: kept | {"image": kept["image"][..., 0]},
        lambda kept: kept | {"name": kept["name"][:2]},
        lambda kept: kept | {"prediction": kept["prediction"].astype(str)},
        lambda kept: kept | {"intrinsics": kept["intrinsics"][:, 0]},
    ],
)
def test_panels_that_do_not_fit_together_are_refused(by, runs, tmp_path):
    change(runs[0], tmp_path / "run", by)
    with pytest.raises(UserError, match=r"panels.npz holds pictures and maps that don't fit together; delete it"):
        scene_of_runs([tmp_path / "run"])


def test_photos_as_a_network_sees_them(place, capsys):
    request = read_view_request(["photos", "model=python:mine_to_view:depth", "intrinsics=50,51,15,10"])
    scene = scene_of_photos(request.photos)
    assert (scene.columns, scene.kind) == (("python:mine_to_view:depth",), OutputKind.METRIC_DEPTH)
    small, wide = scene.frames
    rgb = cv2.imread("photos/small.png")[..., ::-1]
    np.testing.assert_allclose(small.maps[0], 1 + rgb[..., 0] / 255 * 3, rtol=1e-6)
    np.testing.assert_array_equal(small.picture, rgb)
    assert small.truth is None
    assert small.camera_known
    rgb = cv2.imread("photos/wide.png")[..., ::-1]
    np.testing.assert_allclose(wide.maps[0], 1 + rgb[::3, ::3, 0] / 255 * 3, rtol=1e-6)
    assert wide.picture.shape == (*wide.maps[0].shape, 3)
    np.testing.assert_allclose(wide.camera, [[50 / 3, 0, 5], [0, 17, 10 / 3], [0, 0, 1]])
    assert capsys.readouterr().out == "photos/small.png: seen\nphotos/wide.png: seen\n"


def test_an_unknown_camera_is_an_assumption(place):
    (frame,) = scene_of_photos(read_view_request(["photos/small.png", "python:mine_to_view:depth"]).photos).frames
    assert not frame.camera_known
    assert frame.camera[0, 0] == pytest.approx(31 / 2 / np.tan(np.radians(30)))


MISTAKES = [
    (["--no-browser"], "Give a run, two runs, or a photo"),
    (["latest", "latest", "latest"], "Give a run, two runs, or a photo"),
    (["latest"], "There are no runs yet"),
    (["photos"], "Which network shall see photos? Append a run (such as latest) or model=SOURCE."),
    (["photos", "latest"], "There are no runs yet"),
    (["photos", "modell=x"], "view has no option modell; did you mean model"),
    (["photo.jpg", "model=python:mine_to_view:depth"], "nothing at input=photo.jpg"),
    (["film.mp4", "model=python:mine_to_view:depth"], "is a video; depthbench predict makes a colored video of it"),
    (["photos", "model=python:mine_to_view:depth", "intrinsics=1"], "intrinsics=1 is not FX,FY,CX,CY"),
    (["photos", "--prot", "1"], "There is no option --prot; did you mean --port"),
    (["photos", "--port"], "--port  is not a port"),
    (["photos", "--port=99999"], "--port=99999"),
    (["photos", "--port", "-1"], "--port -1 is not a port"),
    (["empty"], "Which network shall see empty"),
    (["run"], "run has no panels.npz, the test frames that a finished run keeps"),
    (["run", "size=3"], "size=3 is of photos"),
]


@pytest.mark.parametrize(("words", "sentence"), MISTAKES)
def test_a_mistake_is_one_sentence(words, sentence, place, capsys):
    Path("empty").mkdir()
    Path("film.mp4").touch()
    Path("run").mkdir()
    Path("run/config.yaml").write_text("seed: 0\n")
    Path("run/run.json").write_text("{}")
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence.replace("--port=99999", "--port 99999 is not a port") in err
    assert err.count("\n") == 1


def test_it_shows_a_run_without_torch_until_ctrl_c(runs, tmp_path):
    code = (
        "import sys; from depthbench.view import main; status = main(sys.argv[1:]);"
        "assert 'torch' not in sys.modules; sys.exit(status)"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code, str(runs[0]), "--no-browser"], cwd=tmp_path, stdout=-1, stderr=-1, text=True
    )
    url = re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", running.stdout.readline())[0]
    assert b"<title>depthbench view</title>" in urlopen(url).read()
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (0, "The page is closed.\n", "")

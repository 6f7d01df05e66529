"""Networks that are not of this bench: scored like files of their maps, asked once, refused in a sentence."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from depthbench.errors import UserError
from depthbench.evaluate import main
from depthbench.evaluation.map_cache import MapCache, cache_key
from depthbench.evaluation.model_source import ModelOptions, read_kinds, read_source
from depthbench.inference.foreign import open_model
from depthbench.inference.foreign.onnx_model import OnnxModel
from depthbench.inference.network import untrained
from depthbench.output_kinds import OutputKind

ROWS, COLUMNS = np.mgrid[:48, :64]
TRUTHS = {str(place): 1.5 + 2.5 * (1 - ROWS / 48) + 0.6 * np.sin(COLUMNS / 9 + place) for place in range(4)}
PICTURES = {name: (np.dstack([truth] * 3) * 40).astype(np.uint8) for name, truth in TRUTHS.items()}

MODULE = """
import numpy as np
from pathlib import Path

def depth(rgb):
    assert rgb.dtype == np.float32 and rgb.shape == (48, 64, 3) and 0 <= rgb.min() < rgb.max() <= 1
    with (Path(__file__).parent / "calls.txt").open("a") as file:
        file.write("call\\n")
    return rgb[..., 0] * (255 / 40) + np.linspace(0, 0.4, 64, dtype=np.float32)

depth.kind, depth.version = "metric_depth", 1

def disparity(rgb):
    return 7 / depth(rgb) + 0.9

disparity.kind = "affine_disparity"

def points(rgb):
    z = depth(rgb)
    return np.stack([0 * z, 0 * z, z], -1)

def camera(rgb, intrinsics):
    return depth(rgb) + intrinsics[0, 2]

def undeclared(rgb): return depth(rgb)
def failing(rgb): raise RuntimeError("no such layer")
def nothing(rgb): return None
def small(rgb): return depth(rgb)[:10, :10]
def turned(rgb): return depth(rgb).T
def half_size(rgb): return depth(rgb)[::2, ::2]
def holes(rgb): return np.where(np.arange(64) < 3, np.nan, depth(rgb))
def millimetres(rgb): return 1000 * depth(rgb)
def words(rgb): return np.full((48, 64), "far")
def two(rgb): return np.stack([depth(rgb)] * 2)
number = 3
"""
LINE = 1 + next(row for row, line in enumerate(MODULE.splitlines()) if line.startswith("def failing"))


def by_hand(name: str) -> np.ndarray:
    """The depth that MODULE gives a picture."""
    return PICTURES[name][..., 0] / 40 + np.linspace(0, 0.4, 64)


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("frames")
    for part in ("train", "test"):
        (root / part).mkdir()
        for name, truth in TRUTHS.items():
            cv2.imwrite(str(root / part / f"rgb_{name}.png"), PICTURES[name])
            cv2.imwrite(str(root / part / f"depth_{name}.png"), np.rint(truth * 1000).astype(np.uint16))
    return root


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_networks.py").write_text(MODULE)
    return tmp_path


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Modules of the last test are not those of the next."""
    import sys

    from depthbench.config import plugins

    before, path = set(sys.modules), list(sys.path)
    monkeypatch.setattr(plugins, "_opened", {})
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name in ("own_networks", "weights_of_mine"):
            del sys.modules[name]


def scored(frames, *arguments) -> dict:
    command = ["data=folder", f"data.root={frames}", "data.scale=0.001", "output=scores.json"]
    assert main([*command, *map(str, arguments)]) == 0
    return json.loads(Path("scores.json").read_text())


def refused(frames, capsys, *arguments) -> str:
    capsys.readouterr()
    assert main(["data=folder", f"data.root={frames}", "data.scale=0.001", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return " ".join(err.split())


def calls(place: Path) -> int:
    path = place / "calls.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


FUNCTIONS = {
    "depth": ("metric_depth", lambda d: d, []),
    "disparity": ("affine_disparity", lambda d: 7 / d + 0.9, ["protocol.alignment=disparity"]),
    "points": ("metric_points", lambda d: np.stack([0 * d, 0 * d, d], -1), ["kind=metric_points"]),
    "undeclared": ("scale_depth", lambda d: d, ["kind=scale_depth", "protocol.alignment=median"]),
    "half_size": ("metric_depth", lambda d: d[::2, ::2], ["kind=metric_depth"]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_scores_as_the_files_that_it_would_write(name, frames, place):
    kind, make, arguments = FUNCTIONS[name]
    (place / "files").mkdir()
    for frame in TRUTHS:
        np.save(place / "files" / f"{frame}.npy", make(by_hand(frame)).astype(np.float32))
    rest = [item for item in arguments if not item.startswith("kind=")]
    files = scored(frames, "predictions=files", f"kind={kind}", *rest)["scores"]["files"]
    content = scored(frames, f"model=python:own_networks:{name}", *arguments)
    assert content["kinds"] == {f"python:own_networks:{name}": kind}
    (found,) = content["scores"].values()
    assert found["full"]["AbsRel"] > 0.001
    assert found["full"] == pytest.approx(files["full"], rel=1e-5)


def test_the_score_is_that_of_a_loop(frames, place):
    content = scored(frames, "model=python:own_networks.py:depth")
    truth = {name: np.rint(1000 * values) / 1000 for name, values in TRUTHS.items()}
    expected = np.mean([np.abs(by_hand(name) / truth[name] - 1).mean() for name in TRUTHS])
    assert content["scores"]["python:own_networks.py:depth"]["full"]["AbsRel"] == pytest.approx(expected, rel=1e-5)


def test_mirror_images_are_predicted_for_protocols_that_average(frames, place):
    content = scored(frames, "model=python:own_networks:depth", "protocol.flip_average=true")
    truth = {name: np.rint(1000 * values) / 1000 for name, values in TRUTHS.items()}
    averaged = {name: PICTURES[name][..., 0] / 40 + 0.2 for name in TRUTHS}  # the ramp and its mirror image
    expected = np.mean([np.abs(averaged[name] / truth[name] - 1).mean() for name in TRUTHS])
    assert content["scores"]["python:own_networks:depth"]["full"]["AbsRel"] == pytest.approx(expected, rel=1e-5)
    assert calls(place) == 8


def test_nothing_is_predicted_twice(frames, place, capsys):
    first = scored(frames, "model=python:own_networks:depth")
    assert calls(place) == 4
    assert "0 of 4 predictions were in" in capsys.readouterr().out
    again = scored(frames, "model=python:own_networks:depth", "protocol=rooms,full")
    assert calls(place) == 4
    assert "4 of 4 predictions were in" in capsys.readouterr().out
    assert again["scores"].keys() == first["scores"].keys()
    damaged, cut, *_ = sorted((place / ".predictions").rglob("*.npz"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:100])
    assert scored(frames, "model=python:own_networks:depth")["scores"] == first["scores"]
    assert calls(place) == 6
    assert scored(frames, "model=python:own_networks:depth", "cache=none")["scores"] == first["scores"]
    assert calls(place) > 6


def test_the_cache_sees_changes_of_code_of_what_it_uses_and_of_versions(place):
    (place / "weights_of_mine.py").write_text("factor = 1\n")
    (place / "own_networks.py").write_text("import weights_of_mine\n" + MODULE)
    source = read_source("python:own_networks:depth")

    def identity() -> str:
        import importlib
        import sys

        for name in ("own_networks", "weights_of_mine"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return open_model(source, ModelOptions(), torch.device("cpu")).identity

    seen = [identity()]
    assert identity() == seen[0]
    (place / "weights_of_mine.py").write_text("factor = 2\n")
    seen.append(identity())
    (place / "own_networks.py").write_text("import weights_of_mine\n" + MODULE.replace("0.4, 64", "0.5, 64"))
    seen.append(identity())
    assert len(set(seen)) == 3


def test_what_the_cache_can_not_see_is_said(frames, place, capsys):
    told = "has no version, so the cache sees changes of its code only"
    scored(frames, "model=python:own_networks:half_size", "kind=metric_depth")
    assert told in " ".join(capsys.readouterr().out.split())
    scored(frames, "model=python:own_networks:half_size", "kind=metric_depth", "cache=none")
    assert told not in " ".join(capsys.readouterr().out.split())


def test_a_key_is_of_every_pixel_the_shape_and_the_camera():
    picture, camera = np.zeros((4, 6, 3), np.uint8), np.eye(3)
    other = picture.copy()
    other[3, 5, 2] = 1
    keys = [cache_key(*parts) for parts in (("a", picture, None), ("b", picture, None), ("a", other, None))]
    keys += [cache_key("a", picture.reshape(6, 4, 3), None), cache_key("a", picture, camera)]
    keys += [cache_key("a", picture, 2 * camera)]
    assert len(set(keys)) == 6
    assert cache_key("a", picture[::1], None) == keys[0]


def test_a_cache_keeps_float32_bit_by_bit(tmp_path):
    values = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    values[0, 0] = np.nan
    cache = MapCache(tmp_path)
    np.testing.assert_array_equal(cache.get("00ff", lambda: values), values)
    np.testing.assert_array_equal(MapCache(tmp_path).get("00ff", lambda: 1 / 0), values)


REFUSED = {
    "depth of nothing": (["model=python:own_networks:"], "names no function; write python:MODULE:FUNCTION"),
    "no module": (["model=python:netwoks:depth"], "there is no module netwoks, neither installed nor in this folder"),
    "no function": (["model=python:own_networks:deep"], "own_networks has no deep; it has depth, disparity, points"),
    "a number": (["model=python:own_networks:number"], "number is int, which can't be called"),
    "no kind": (["model=python:own_networks:undeclared"], "does not declare its kind of output; append kind=..."),
    "another kind": (
        ["model=python:own_networks:depth", "kind=affine_disparity"],
        "declares that it predicts metric depth",
    ),
    "the wrong kind": (
        ["model=python:own_networks:undeclared", "kind=affine_disparity", "protocol.alignment=disparity"],
        "as depth does: kind=affine_depth?",
    ),
    "a kind without rules": (["model=python:own_networks:disparity"], "append protocol.alignment=... (disparity"),
    "a failure": (
        ["model=python:own_networks:failing", "kind=metric_depth"],
        f"python:own_networks:failing fails in own_networks.py, line {LINE}: RuntimeError: no such layer",
    ),
    "None": (["model=python:own_networks:nothing", "kind=metric_depth"], "holds object, not real numbers"),
    "words": (["model=python:own_networks:words", "kind=metric_depth"], "not real numbers"),
    "two maps": (["model=python:own_networks:two", "kind=metric_depth"], "has shape (2, 48, 64), not one map"),
    "no points": (["model=python:own_networks:undeclared", "kind=metric_points"], "not points (height, width, 3)"),
    "a part": (
        ["model=python:own_networks:small", "kind=metric_depth"],
        "is 10x10, the picture 48x64: not of its shape",
    ),
    "a turned map": (["model=python:own_networks:turned", "kind=metric_depth"], "(it looks transposed)"),
    "NaN": (["model=python:own_networks:holes", "kind=metric_depth"], "144 of 3072 pixels that are NaN or infinite"),
    "a unit": (["model=python:own_networks:millimetres", "kind=metric_depth"], "millimetres, so unit=0.001"),
    "no source": (["model=torchhub:intel:midas"], "there is no source torchhub:; give python:MODULE:FUNCTION"),
    "no file": (["model=onnx:net.onnx"], "there is no file net.onnx"),
    "no name": (["model=hf:"], "lacks a name after the colon; give python:MODULE:FUNCTION"),
    "a file for a folder": (
        ["model=python:own_networks:depth", "cache=own_networks.py"],
        "cache=own_networks.py is a file",
    ),
    "kinds": (["model=python:own_networks:depth", "kind=auto,auto"], "names 2 kinds for 1 models"),
    "no network": (["model=nowhere.ckpt"], "nowhere.ckpt"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_mistake_is_told(what, frames, place, capsys):
    arguments, sentence = REFUSED[what]
    assert sentence in refused(frames, capsys, *arguments)


def test_without_data_it_is_asked_for(place, capsys):
    assert main(["model=python:own_networks:depth"]) == 2
    assert "Networks need data to be scored on: append data=" in capsys.readouterr().err


def test_holes_can_count_as_errors_and_units_be_given(frames, place):
    scores = scored(frames, "model=python:own_networks:holes", "kind=metric_depth", "missing=error")["scores"]
    assert scores["python:own_networks:holes"]["full"]["missing"] == 4 * 144
    metres = scored(frames, "model=python:own_networks:millimetres", "kind=metric_depth", "unit=0.001")["scores"]
    plain = scored(frames, "model=python:own_networks:depth")["scores"]["python:own_networks:depth"]
    assert metres["python:own_networks:millimetres"]["full"] == pytest.approx(plain["full"], rel=1e-5)


def test_kinds_are_one_for_all_or_one_each():
    metric, affine = OutputKind.METRIC_DEPTH, OutputKind.AFFINE_DISPARITY
    assert read_kinds(None, 1, 2, None, 1) == ([metric], [None], [None, None])
    assert read_kinds("affine_disparity", 1, 1, None, 1) == ([affine], [None], [affine])
    assert read_kinds("affine_disparity", 0, 0, None, 2) == ([], [affine, affine], [])
    assert read_kinds("metric_depth,auto,affine_disparity", 1, 2, None) == ([metric], [], [None, affine])
    assert read_kinds("metric_depth,affine_disparity", 1, 1, None, 1) == ([metric], [None], [affine])
    assert read_kinds("metric_depth,auto,affine_disparity", 1, 1, None, 1) == ([metric], [None], [affine])
    with pytest.raises(UserError, match="auto is for models"):
        read_kinds("auto", 1, 1, None)


def test_images_have_the_size_of_their_files_unless_one_is_asked_for(frames, place):
    (place / "own_networks.py").write_text(
        "import numpy as np\nsizes = []\ndef depth(rgb):\n    open('sizes.txt', 'a').write(f'{rgb.shape[:2]}\\n')\n"
        "    return 1 + rgb[..., 0]\ndepth.kind = 'scale_depth'\n"
    )
    arguments = ["model=python:own_networks:depth", "protocol.alignment=median", "cache=none"]
    scored(frames, *arguments)
    scored(frames, *arguments, "data.size=[24,32]")
    assert list(dict.fromkeys(Path("sizes.txt").read_text().splitlines())) == ["(48, 64)", "(24, 32)"]
    scored_rooms = ["data=rooms", "data.test_frames=2", "protocol.alignment=median", "model=python:own_networks:depth"]
    assert main([*scored_rooms, "cache=none"]) == 0
    assert Path("sizes.txt").read_text().splitlines()[-1] == "(96, 128)"  # drawn pictures have no size of their own


# ONNX


def written(path: Path, shape, kind=TensorProto.FLOAT, outputs=("depth",), axis=1, metadata=None) -> Path:
    """A file whose map is 1 plus the mean of the channels; of several outputs each is another's double."""
    nodes = [helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT)]
    nodes += [helper.make_node("ReduceMean", ["float", "axes"], ["mean"], keepdims=1)]
    nodes += [helper.make_node("Add", ["mean", "one"], ["sum"])]
    made = [numpy_helper.from_array(np.array([axis]), "axes"), numpy_helper.from_array(np.float32(1), "one")]
    for place, name in enumerate(outputs):
        made.append(numpy_helper.from_array(np.float32(2**place), f"by{place}"))
        nodes.append(helper.make_node("Mul", ["sum", f"by{place}"], [name]))
    takes = [helper.make_tensor_value_info("image", kind, shape)]
    gives = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "net", takes, gives, made)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


def onnx_model(path: Path, **said) -> OnnxModel:
    return OnnxModel(read_source(f"onnx:{path}"), ModelOptions(OutputKind.SCALE_DEPTH, **said), torch.device("cpu"))


RGB = np.random.default_rng(0).integers(0, 255, (12, 20, 3), dtype=np.uint8)
NORMAL = (RGB / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
ANY, FIXED = ["n", 3, "h", "w"], [1, 3, 12, 20]


@pytest.mark.parametrize(
    ("shape", "said", "expected"),
    [
        (ANY, {"pixels": "0..1", "size": (12, 20)}, 1 + RGB.mean(-1) / 255),
        (FIXED, {"pixels": "0..255"}, 1 + RGB.mean(-1)),
        (FIXED, {"pixels": "imagenet"}, 1 + NORMAL.mean(-1)),
    ],
)
def test_pixels_reach_an_onnx_file_in_its_range(tmp_path, shape, said, expected):
    model = onnx_model(written(tmp_path / "net.onnx", shape), **said)
    np.testing.assert_allclose(model(RGB, None), expected, rtol=1e-5, atol=1e-6)


def test_layouts_types_and_outputs_of_onnx_files(tmp_path):
    last = onnx_model(written(tmp_path / "last.onnx", [1, 12, 20, 3], TensorProto.UINT8, axis=3))
    np.testing.assert_allclose(last(RGB, None), 1 + RGB.mean(-1), rtol=1e-5)
    two = written(tmp_path / "two.onnx", FIXED, outputs=("near", "far"))
    np.testing.assert_allclose(onnx_model(two, key="far", pixels="0..255")(RGB, None), 2 + 2 * RGB.mean(-1), rtol=1e-5)
    assert onnx_model(two, key="far", pixels="0..1").identity != onnx_model(two, key="near", pixels="0..1").identity
    assert onnx_model(two, key="far", pixels="0..1").identity != onnx_model(two, key="far", pixels="0..255").identity


def test_a_map_comes_back_at_the_pictures_size(tmp_path):
    model = onnx_model(written(tmp_path / "net.onnx", [1, 3, 6, 10]), pixels="0..1")
    flat = np.full_like(RGB, 51)
    np.testing.assert_allclose(model(flat, None), np.full((12, 20), 1.2), rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "said", "sentence"),
    [
        (ANY, {"pixels": "0..1"}, "takes pictures of any size; append size=HEIGHT,WIDTH"),
        (FIXED, {}, "append range=0..1, range=0..255 or range=imagenet"),
        (FIXED, {"pixels": "0..1", "size": (8, 8)}, "takes 12x20 only; leave size out"),
        (FIXED, {"pixels": "0..1", "key": "disparity"}, "has no output disparity; it has depth"),
        ([1, 1, 12, 20], {"pixels": "0..1"}, "not one picture"),
        ([12, 20, 3], {"pixels": "0..1"}, "not one picture"),
        ([4, 3, 12, 20], {"pixels": "0..1"}, "not one picture"),
    ],
)
def test_what_an_onnx_file_leaves_open_is_asked_for(tmp_path, shape, said, sentence):
    with pytest.raises(UserError) as told:
        onnx_model(written(tmp_path / "net.onnx", shape), **said)
    assert sentence in str(told.value)


def test_an_onnx_file_of_several_outputs_or_none(tmp_path):
    with pytest.raises(UserError, match="has the outputs near, far; append key="):
        onnx_model(written(tmp_path / "two.onnx", FIXED, outputs=("near", "far")), pixels="0..1")
    (tmp_path / "bad.onnx").write_bytes(b"no graph")
    with pytest.raises(UserError, match="can't be read as ONNX"):
        onnx_model(tmp_path / "bad.onnx")
    double = written(tmp_path / "double.onnx", FIXED, TensorProto.DOUBLE)
    with pytest.raises(UserError, match="takes tensor"):
        onnx_model(double, pixels="0..1")


def test_our_own_files_say_all_of_themselves(tmp_path):
    told = {"depthbench": "0.2.0", "training_size": "12x20", "kind": "metric depth"}
    path = written(tmp_path / "net.onnx", ANY, metadata=told)
    model = OnnxModel(read_source(f"onnx:{path}"), ModelOptions(), torch.device("cpu"))
    assert model.kind == OutputKind.METRIC_DEPTH
    np.testing.assert_allclose(model(RGB, None), 1 + RGB.mean(-1) / 255, rtol=1e-5)
    with pytest.raises(UserError, match=r"takes pixels in 0..1; leave range=imagenet out"):
        OnnxModel(read_source(f"onnx:{path}"), ModelOptions(pixels="imagenet"), torch.device("cpu"))


# Our own


def test_a_network_of_this_bench_predicts_as_load_does(frames, place):
    network = untrained("model.encoder.name=test_resnet", "data.size=[32,40]")
    network.save_pretrained(place / "mine")
    content = scored(frames, "model=mine", "protocol.alignment=median")
    assert content["kinds"] == {"mine": "metric_depth"}
    (place / "files").mkdir()
    for name, picture in PICTURES.items():
        np.save(place / "files" / f"{name}.npy", network.predict(picture).depth)
    files = scored(frames, "predictions=files", "protocol.alignment=median")
    assert content["scores"]["mine"]["full"] == pytest.approx(files["scores"]["files"]["full"], rel=1e-5)
    shutil.rmtree(place / "mine")
    other = untrained("model.encoder.name=test_resnet", "data.size=[32,40]", "seed=7")
    other.save_pretrained(place / "mine")
    changed = scored(frames, "model=mine", "protocol.alignment=median")["scores"]["mine"]["full"]
    assert changed != content["scores"]["mine"]["full"]  # not from the cache

"""DA-2K by the command: made-up files in its form, any kind of prediction, files and networks."""

import csv
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hydra import compose

from depthbench import compare, read_results
from depthbench.config.compose import composing
from depthbench.data import DA2K
from depthbench.errors import UserError
from depthbench.evaluate import main
from depthbench.protocols import PairProtocol, load_protocol
from depthbench.report.__main__ import main as report
from depthbench.results.records import rules_hash
from depthbench.runs.folder import RunFolder
from depthbench.training.loading import load_task
from depthbench.training.parts import build_protocols, build_task
from tests.commands import TINY_NET, TINY_RUN, make_frames
from tests.evaluation.pairs_on_disk import depth_of, write_da2k
from tests.leaderboard.conftest import here  # noqa: F401

pytestmark = pytest.mark.usefixtures("compositions_kept")

SCENES = ("indoor", "aerial")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("DA-2K")
    write_da2k(folder, SCENES, images=6)
    return folder


@pytest.fixture(scope="module")
def annotations(root) -> dict:
    return json.loads((root / "annotations.json").read_text())


def predict(root: Path, folder: Path, change, size=None) -> Path:
    """Maps of all pictures, without the folder `images` and at their own size unless another is given."""
    for picture in sorted(root.glob("images/*/*.jpg")):
        path = folder / picture.relative_to(root / "images").with_suffix(".npy")
        path.parent.mkdir(parents=True, exist_ok=True)
        depth = depth_of(cv2.imread(str(picture)))
        maps = change(depth, np.random.default_rng(int(picture.stem[-2:])))
        np.save(path, (maps if size is None else cv2.resize(maps, size[::-1])).astype(np.float32))
    return folder


KINDS = {
    "metric_depth": lambda depth, rng: depth,
    "affine_depth": lambda depth, rng: 3 * depth - 40,
    "affine_disparity": lambda depth, rng: 2 / depth - 5,
    "log_depth": lambda depth, rng: np.log(depth),
    "ordinal_depth": lambda depth, rng: depth**3,
}


def evaluate(root: Path, *words) -> int:
    return main(["data=da2k", f"data.root={root}", *map(str, words)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_order_is_right_whatever_the_kind(kind, root, tmp_path):
    maps = predict(root, tmp_path / "maps", KINDS[kind])
    assert evaluate(root, f"predictions={maps}", f"kind={kind}", f"output={tmp_path / 'x.json'}") == 0
    (result,) = read_results(tmp_path / "x.json")
    assert (result.data.name, result.rules.name, str(result.model.kind)) == ("DA-2K", "da2k", kind)
    assert [result.scores[name] for name in ("pair_accuracy", *SCENES)] == [1, 1, 1]
    assert "underwater" not in result.scores


def right_by_a_loop(annotations, maps: Path, rises: bool) -> dict[str, list[bool]]:
    found = {}
    for image, pairs in annotations.items():
        values = np.load(maps / image.removeprefix("images/").replace(".jpg", ".npy"))
        found[image] = []
        for pair in pairs:
            closer = pair["closer_point"]
            farther = "point2" if closer == "point1" else "point1"
            a, b = (values[pair[name][0], pair[name][1]] for name in (closer, farther))
            found[image].append(bool(a < b if rises else a > b))
    return found


def test_numbers_are_those_of_a_loop_and_are_read_back(root, annotations, tmp_path, capsys):
    noisy = [
        predict(root, tmp_path / name, lambda depth, rng, by=by: 1 / (depth + by * rng.normal(size=depth.shape)) + 9)
        for name, by in (("little", 0.4), ("much", 1.2))
    ]
    files = [tmp_path / name for name in ("x.json", "x.csv", "x.md", "x.yaml")]
    words = [f"predictions={noisy[0]},{noisy[1]}", "kind=affine_disparity", f"per_image={tmp_path / 'images.csv'}"]
    assert evaluate(root, *words, f"output={','.join(map(str, files))}") == 0
    told = capsys.readouterr().out
    results = read_results(files[0])
    for result, maps in zip(results, noisy, strict=True):
        right = right_by_a_loop(annotations, maps, rises=False)
        every = [one for values in right.values() for one in values]
        assert 0.5 < np.mean(every) < 1
        assert result.scores["pair_accuracy"] == pytest.approx(np.mean(every), rel=1e-12)
        assert result.scores["pairs"] == len(every)
        for scene in SCENES:
            own = [one for image, values in right.items() if f"/{scene}/" in image for one in values]
            assert result.scores[scene] == pytest.approx(np.mean(own), rel=1e-12)
            assert result.sums(scene).scores[scene] == pytest.approx(np.mean(own), rel=1e-8)
        low, high = result.limits["pair_accuracy"]
        assert low < result.scores["pair_accuracy"] < high
        by_image = dict(zip(result.names, result.per_image["pair_accuracy"], strict=True))
        assert by_image == pytest.approx({image[:-4]: np.mean(values) for image, values in right.items()})
        assert f"{result.scores['pair_accuracy']:.4f}" in told
    found = compare({one.model.name: one.per_image["pair_accuracy"] for one in results})
    assert found
    (difference,) = [row for row in json.loads(files[0].read_text())["differences"] if row["score"] == "pair_accuracy"]
    assert difference["value"] == pytest.approx(results[0].scores["pair_accuracy"] - results[1].scores["pair_accuracy"])
    assert "pair_accuracy" in files[2].read_text()
    assert "pair_accuracy" in files[3].read_text()
    rows = list(csv.DictReader((tmp_path / "images.csv").open()))
    assert len(rows) == 2 * len(annotations)
    assert report([str(files[0]), "--output", str(tmp_path / "page.html")]) in (0, None)
    assert "pair_accuracy" in (tmp_path / "page.html").read_text()


def test_a_smaller_map_is_brought_to_the_picture(root, annotations, tmp_path):
    maps = predict(root, tmp_path / "small", lambda depth, rng: 1 / depth, size=(24, 32))
    assert evaluate(root, f"predictions={maps}", "kind=affine_disparity", f"output={tmp_path / 'x.json'}") == 0
    (result,) = read_results(tmp_path / "x.json")
    right = 0
    for image, pairs in annotations.items():
        values = np.load(maps / image.removeprefix("images/").replace(".jpg", ".npy"))
        large = cv2.resize(values, (64, 48), interpolation=cv2.INTER_LINEAR)  # half pixels outside, as torch
        right += sum(large[*pair["point1"]] > large[*pair["point2"]] for pair in pairs)
    assert result.scores["pair_accuracy"] * result.scores["pairs"] == pytest.approx(right)


NETWORK = """
import numpy as np

def relative(rgb):
    return 7 / (1 + 10 * rgb[..., 0]) - 3

def contrary(rgb):
    return 1 + 10 * rgb[..., 0]

relative.kind = contrary.kind = "affine_disparity"
relative.version = contrary.version = 1
"""


@pytest.fixture
def networks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ordering.py").write_text(NETWORK)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield
    sys.modules.pop("ordering", None)


def test_a_network_sees_pictures_at_their_own_size(networks, root):
    assert evaluate(root, "model=python:ordering:relative", "output=x.json") == 0
    assert read_results("x.json")[0].scores["pair_accuracy"] > 0.95  # jpg


def test_a_run_is_scored_as_files_of_its_predictions_are(root, tmp_path):
    frames = make_frames(tmp_path / "frames", 4, 2)
    given = [*TINY_NET, *TINY_RUN, f"data.root={frames}", "data.test_frames=null", f"output={tmp_path / 'runs'}"]
    with composing():
        config = compose("config", given)
    run = RunFolder.create(config, given[:-1], {})
    run.checkpoint.parent.mkdir()
    torch.save({"state_dict": build_task(run.config).state_dict()}, run.checkpoint)
    words = [f"run={run.path}", "data.size=[32,64]", "device=cpu"]
    assert evaluate(root, *words, f"output={tmp_path / 'run.json'}") == 0
    network, data = load_task(run).eval(), DA2K(root, size=(32, 64))
    for index, name in enumerate(data.names):
        path = tmp_path / "maps" / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        with torch.inference_mode():
            np.save(path, network.predictions(data[index].image[None], False)[0][0, 0].numpy())
    words = [f"predictions={tmp_path / 'maps'}", "covers=full", f"output={tmp_path / 'files.json'}"]
    assert evaluate(root, *words) == 0
    (ours,), (files,) = (read_results(tmp_path / f"{form}.json") for form in ("run", "files"))
    assert ours.scores == files.scores
    assert str(ours.model.kind) == "metric_depth"


def test_a_contrary_kind_is_refused(networks, root, capsys):
    assert evaluate(root, "model=python:ordering:contrary") == 2
    assert "pairs are in the right order: are its values of the opposite kind" in capsys.readouterr().err


def test_it_fills_a_column_of_a_leaderboard(networks, here, root, capsys):  # noqa: F811
    words = ["models=[python:ordering:relative]", "data=[da2k,rooms]", f"data.da2k.root={root}", "device=cpu"]
    words += ["data.rooms.test_frames=2", "data.rooms.size=[24,32]", "protocol=[moge_nyu_affine_disparity,da2k]"]
    assert main([*words, "output=board"]) == 0
    assert "4 cells: 2 done, 2 empty." in capsys.readouterr().out
    found = {one.data.name: one.rules.name for path in Path("board/results").glob("*.json")
             if "outcome" not in path.name for one in read_results(path)}  # fmt: skip
    assert found == {"DA-2K": "da2k", "rooms": "moge_nyu_affine_disparity"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["protocol=full"], "Protocol 'full' compares depth, of which DA2K has none; choose protocol=da2k"),
        (["structure=edges"], "structure= needs depth, of which DA2K has none"),
        (["scores=extended"], "scores=extended needs depth"),
        (["data=rooms", "protocol=da2k"], "Protocol 'da2k' scores annotated pairs of points, of which Rooms has none"),
    ],
)
def test_depth_and_pairs_are_not_mixed_up(words, sentence, root, tmp_path, capsys):
    maps = predict(root, tmp_path / "maps", KINDS["metric_depth"])
    given = words if "data=rooms" in words else ["data=da2k", f"data.root={root}", *words]
    assert main([f"predictions={maps}", *given]) == 2
    assert sentence in capsys.readouterr().err


def test_of_several_protocols_the_one_of_pairs_fits(root, tmp_path):
    maps = predict(root, tmp_path / "maps", KINDS["metric_depth"])
    words = [f"predictions={maps}", "protocol=marigold,da2k", "structure=all", f"output={tmp_path / 'x.json'}"]
    assert evaluate(root, *words) == 0
    content = json.loads((tmp_path / "x.json").read_text())
    assert list(content["protocols"]) == ["da2k"]
    assert "compares depth" in content["refused"]["marigold_nyu_affine_depth"]
    assert "Left out: structure=all: DA2K has no depth." in content["notes"]


def test_its_rules_are_what_they_were():
    """Whoever changes them raises the version."""
    rules = load_protocol("da2k")
    assert (rules.version, rules_hash(asdict(rules))[:16]) == (1, "96d809fb757a077e")
    assert isinstance(rules, PairProtocol)


def test_a_run_is_not_trained_under_it():
    with composing():
        config = compose("config", ["data=da2k", "data.root=x"])
    with pytest.raises(UserError, match="scores pairs of points, which a run's own test has not"):
        build_protocols(config)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda root: (root / "annotations.json").unlink(), "holds images, but no annotations.json"),
        (lambda root: (root / "annotations.json").write_text("{}"), "lists no picture"),
        (lambda root: (root / "annotations.json").write_text("{"), "can't be read as DA-2K's annotations"),
        (lambda root: (root / "images/indoor/00.jpg").unlink(), "is listed but missing"),
        (
            lambda root: cv2.imwrite(f"{root}/images/indoor/00.jpg", np.zeros((9, 9, 3), np.uint8)),
            "images/indoor/00.jpg, which has 9 rows and 9 columns",
        ),
    ],
)
def test_damaged_files_are_told(change, sentence, root, tmp_path, capsys):
    maps = predict(root, tmp_path / "maps", KINDS["metric_depth"])
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    change(copy)
    assert evaluate(copy, f"predictions={maps}") == 2
    assert sentence in capsys.readouterr().err

"""The command `evaluate`: anybody's prediction files and runs under named protocols."""

import csv
import importlib.util
import itertools
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import scipy.io
import torch
from hydra import compose, initialize_config_dir
from scipy import stats

from depthbench.config.compose import config_dir
from depthbench.config.targets import instantiate
from depthbench.data.frame import Frame
from depthbench.errors import UserError
from depthbench.evaluate import main
from depthbench.evaluation.evaluate import evaluation_of
from depthbench.evaluation.image_sums import depth_sums
from depthbench.evaluation.scoring import Scored
from depthbench.evaluation.test_set import stack as stacked
from depthbench.metrics import (
    BoundaryError,
    DepthScores,
    EdgeScores,
    MeanSSIM,
    NormalError,
    OrdinalError,
    PointCloudError,
)
from depthbench.metrics.functional import EXTENDED_SCORES, STANDARD
from depthbench.metrics.pixel_sums import COLUMNS, masked_sums
from depthbench.models import predict_with_flip
from depthbench.protocols import EvalProtocol
from depthbench.runs.checksums import renew_done
from depthbench.runs.folder import RunFolder
from depthbench.runs.results import read_scores
from depthbench.stats.crossed import Difference, compare_rows
from depthbench.stats.image_sums import PerImageSums
from depthbench.stats.intervals import intervals
from depthbench.training.loading import load_task
from depthbench.training.trainer import build_data, train_and_test
from tests.commands import TEST_FRAMES, TINY, make_frames

SCALE = 0.001


def truth(root: Path) -> dict[str, np.ndarray]:
    files = sorted((root / "test").glob("depth_*.png"))
    return {file.stem[6:]: cv2.imread(str(file), cv2.IMREAD_UNCHANGED) * SCALE for file in files}


@pytest.fixture(scope="module")
def frames(tmp_path_factory) -> Path:
    return make_frames(tmp_path_factory.mktemp("frames"))


@pytest.fixture
def predictions(frames, tmp_path) -> Path:
    """Predictions that are not far off, as .npy files."""
    folder, rng = tmp_path / "good", np.random.default_rng(1)
    folder.mkdir()
    for name, depth in truth(frames).items():
        np.save(folder / f"{name}.npy", depth * rng.uniform(0.5, 1.7, (64, 64)))
    return folder


def evaluate(capsys, *arguments) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    told = capsys.readouterr()
    return code, told.out, told.err


def data(frames: Path) -> list[str]:
    return ["data=nyu_labeled", f"data.root={frames}", f"data.scale={SCALE}", "data.test_frames=null", "protocol=full"]


def refusal(capsys, *arguments) -> str:
    """The only line that is said."""
    code, out, err = evaluate(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    return err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "nothing to score: append predictions=FOLDER"),
        (["eigen"], "eigen can't be read as key=value"),
        (["prediction=."], "no prediction in the configuration; did you mean predictions"),
        (["predictions=/no/such", "data=rooms"], "nothing at /no/such"),
        (["predictions=."], "append data=... (one of "),
        (["predictions=.", "data=nyu_labeled"], "data.root must be given"),
        (["predictions=.", "data=nyu_labelled"], "did you mean nyu_labeled"),
        (["predictions=.", "data=rooms", "protocol=eigne"], "protocol=eigne does not exist; did you mean eigen"),
        (["predictions=.", "data=rooms", "protocol=full,brs"], "protocol=brs does not exist; did you mean bts"),
        (["predictions=.", "data=rooms", "protocol.flip=1"], "There is no protocol.flip in the configuration"),
        (
            ["predictions=.", "data=rooms", "structure=edges,normal"],
            "structure=normal does not exist; did you mean normals",
        ),
        (["predictions=.", "data=rooms", "output=scores.txt"], "output=scores.txt has no known form"),
        (["predictions=.", "data=rooms", "unit=mm"], "unit=mm is not a number"),
        (["predictions=.", "data=rooms", "cameras=."], "cameras= is scored by structure=fov"),
        (["predictions=.", "data=rooms", "seed=today"], "seed=today is not a whole number"),
        (["predictions=.", "data=rooms", "seed=-1"], "seed=-1 is not a whole number"),
        (["predictions=.", "data=rooms", "per_image=images.json"], "per_image=images.json is written as a table"),
        (["predictions=.", "data=rooms", "protocol=full,bts", "protocol.name=x"], "would give 2 protocols one name"),
        (["predictions=.,.", "data=rooms"], "given twice"),
        (["run=."], "not a run folder"),
        (["predictions=.", "data=rooms", "device=tpu"], "device=tpu is unknown"),
        (["predictions=.", "data=rooms", "protocol.alignment=mean"], "alignment is 'mean'; choose one of none, median"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the checkout may hold runs
    assert sentence in refusal(capsys, *arguments)


def test_help_and_mistakes_do_not_wait_for_torch():
    code = (
        "import sys; from depthbench.evaluate import main; main(['--help']);"
        "assert main(['predictions=.', 'data=rooms', 'protocol=eigne']) == 2; sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "eigen_kitti" in done.stdout
    assert len(done.stdout.splitlines()) < 40


def rewrite(folder: Path, change) -> None:
    for file in folder.glob("*.npy"):
        np.save(file, change(np.load(file)))


def one(folder: Path) -> Path:
    return folder / "00003.npy"


def poke(value):
    def change(folder):
        depth = np.load(one(folder))
        depth[3, 4] = value
        np.save(one(folder), depth)

    return change


def as_png(folder: Path, dtype) -> None:
    for file in folder.glob("*.npy"):
        cv2.imwrite(str(file.with_suffix(".png")), (np.load(file) * 50).astype(dtype))
        file.unlink()


FAULTS = {
    "missing": (lambda folder: one(folder).unlink(), "lacks predictions of 00003"),
    "superfluous": (
        lambda folder: np.save(folder / "extra.npy", np.ones((4, 4))),
        "belong to no frame of this data set: extra",
    ),
    "damaged": (lambda folder: one(folder).write_bytes(b"\x93NUMPY\x01"), "00003.npy can't be read"),
    "nan": (poke(np.nan), "'00003' has 1 of 4096 pixels that are NaN"),
    "infinite": (poke(np.inf), "'00003' has 1 of 4096 pixels that are NaN or infinite"),
    "zero": (poke(0), "'00003' has 1 of 4096 pixels at or below 0 m"),
    "shape": (lambda folder: np.save(one(folder), np.ones((32, 48))), "'00003' is 32x48, the truth 64x64"),
    "stack as map": (lambda folder: np.save(one(folder), np.ones((2, 32, 32))), "has shape (2, 32, 32)"),
    "millimetres": (lambda folder: rewrite(folder, lambda depth: depth * 1000), "millimetres, so unit=0.001?"),
    "relative": (lambda folder: rewrite(folder, lambda depth: depth / 10), "relative to 10 m, so unit=10?"),
    "inverse": (
        lambda folder: rewrite(folder, lambda depth: 1 / depth),
        "kind=metric_disparity, or kind=affine",
    ),
    "integers": (lambda folder: rewrite(folder, lambda depth: depth.astype(np.int32)), "holds integers; give unit"),
    "png without unit": (lambda folder: as_png(folder, np.uint16), "holds integers; give unit"),
    "8-bit png": (lambda folder: as_png(folder, np.uint8), "8 bits are too coarse"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_prediction_files_is_told_in_a_sentence(fault, frames, predictions, capsys):
    spoil, sentence = FAULTS[fault]
    spoil(predictions)
    assert sentence in refusal(capsys, *data(frames), f"predictions={predictions}")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["kind=height"], "can be metric_depth"),
        (["kind=disparity"], "focal length (pixels) times baseline"),
        (["protocol=eigen"], "defined on truth of 480x640, not 64x64"),
        (["protocol.truth=raw"], "only filled truth is given"),
        (["covers=hu"], "defined on truth of 240x320"),
        (["covers=[0,32,0,64]"], "covers only rows 0:32, columns 0:64"),
        (["covers=[0,32"], "can't be read as a list"),
    ],
)
def test_settings_that_do_not_fit_are_told_in_a_sentence(arguments, sentence, frames, predictions, capsys):
    assert sentence in refusal(capsys, *data(frames), f"predictions={predictions}", *arguments)


@pytest.mark.parametrize("form", ["pfm", "png", "h5", "npz"])
def test_every_form_of_file_gives_the_same_scores(form, frames, tmp_path, capsys):
    """Depth, inverse depth and disparity, all a tenth too much."""
    depths = {name: 1.1 * depth for name, depth in truth(frames).items()}
    folder, stack = tmp_path / "folder", np.stack(list(depths.values())).astype(np.float32)
    folder.mkdir()
    path, settings = folder, {"pfm": ["kind=disparity", "unit=389.34"], "png": ["unit=1/8192"], "h5": ["kind=inverse"]}
    for name, depth in depths.items():
        if form == "pfm":
            cv2.imwrite(str(folder / f"{name}.pfm"), (389.34 / depth).astype(np.float32))
        elif form == "png":
            cv2.imwrite(str(folder / f"{name}.png"), (8192 * depth).round().astype(np.uint16))
    if form == "h5":
        path = tmp_path / "stack.h5"
        with h5py.File(path, "w") as file:
            file["depth"], file["names"] = 1 / stack[::-1], list(depths)[::-1]
    elif form == "npz":
        path = tmp_path / "stack.npz"
        np.savez_compressed(path, depth=stack)
    arguments = [*data(frames), f"predictions={path}", f"output={tmp_path / 'scores.json'}", *settings.get(form, [])]
    assert evaluate(capsys, *arguments)[0] == 0
    (scores,) = json.loads((tmp_path / "scores.json").read_text())["scores"].values()
    assert scores["full"]["AbsRel"] == pytest.approx(0.1, rel=1e-3 if form == "png" else 1e-5)
    assert scores["full"]["images"] == TEST_FRAMES


def test_former_names_of_protocols_and_keys_work_and_say_so(frames, predictions, tmp_path, capsys):
    output = tmp_path / "scores.json"
    former = [item.replace("protocol=full", "protocol=none") for item in data(frames)]
    arguments = [*former, "protocol.swapped=true", f"predictions={predictions}", f"output={output}"]
    code, _, err = evaluate(capsys, *arguments)
    assert code == 0
    content = json.loads(output.read_text())
    assert content["scores"]["good"].keys() == {"full"}
    assert content["protocols"]["full"]["swap_prediction_and_truth"]
    assert err.count("protocol.swapped is now protocol.swap_prediction_and_truth") <= 1


def test_a_stack_that_does_not_fit_is_told_in_a_sentence(frames, tmp_path, capsys):
    np.save(tmp_path / "stack.npy", np.ones((3, 8, 8), np.float32))
    assert "holds 3 maps" in refusal(capsys, *data(frames), f"predictions={tmp_path / 'stack.npy'}")
    np.savez(tmp_path / "two.npz", a=np.ones((15, 8, 8)), b=np.ones((15, 8, 8)))
    assert "give the key" in refusal(capsys, *data(frames), f"predictions={tmp_path / 'two.npz'}")


def reference(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """The standard scores of one image, float64."""
    ratio, logs = np.maximum(predicted / true, true / predicted), np.log(predicted) - np.log(true)
    error = predicted - true
    return {
        **{f"delta{power}": np.mean(ratio < 1.25**power) for power in (1, 2, 3)},
        "AbsRel": np.mean(np.abs(error) / true),
        "SqRel": np.mean(error**2 / true),
        "RMSE": np.sqrt(np.mean(error**2)),
        "RMSElog": np.sqrt(np.mean(logs**2)),
        "log10": np.mean(np.abs(logs)) / np.log(10),
        "SILog": 100 * np.std(logs),
    }


def test_the_forms_agree_and_are_the_reference(frames, tmp_path, capsys):
    folder, rng = tmp_path / "full", np.random.default_rng(2)
    folder.mkdir()
    expected = []
    for name, depth in truth(frames).items():
        predicted = (depth * rng.uniform(0.4, 2.4, depth.shape)).astype(np.float32)
        np.save(folder / f"{name}.npy", 1 / predicted)
        expected.append(reference(predicted.astype(np.float64), depth))
    paths = [tmp_path / f"scores{suffix}" for suffix in (".json", ".csv", ".md")]
    code, out, _ = evaluate(
        capsys,
        *data(frames),
        f"predictions={folder}",
        "kind=inverse",
        f"output={','.join(map(str, paths))}",
        f"per_image={tmp_path / 'images.csv'}",
    )
    assert code == 0
    content = json.loads(paths[0].read_text())
    scores, limits = content["scores"]["full"]["full"], content["intervals"]["full"]["full"]
    rows = {row["score"]: row for row in csv.DictReader(paths[1].open())}
    markdown = dict(zip(*([cell.strip() for cell in row.split("|")] for row in _table(paths[2])), strict=True))
    images = list(csv.DictReader((tmp_path / "images.csv").open()))
    assert [row["name"] for row in images] == list(truth(frames))
    for name in STANDARD:
        assert scores[name] == pytest.approx(np.mean([image[name] for image in expected]), rel=2e-6)
        assert float(rows[name]["value"]) == scores[name]
        assert [float(rows[name]["low"]), float(rows[name]["high"])] == limits[name]
        assert limits[name][0] < scores[name] < limits[name][1]
        assert markdown[name] == "{:.4f} [{:.4f}, {:.4f}]".format(scores[name], *limits[name])
        assert f"{scores[name]:.4f}" in out
        assert [float(row[name]) for row in images] == pytest.approx([image[name] for image in expected], rel=1e-5)
    assert (scores["images"], scores["images_empty"], scores["images_nonfinite"]) == (TEST_FRAMES, 0, 0)
    assert content["protocols"]["full"]["region"] == "full"


def _table(path: Path) -> tuple[str, str]:
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    return lines[0], lines[2]


def test_two_inputs_are_compared_image_by_image(frames, predictions, tmp_path, capsys):
    worse = tmp_path / "worse, by a bit"  # a comma within a name that exists
    worse.mkdir()
    for file in predictions.glob("*.npy"):
        np.save(worse / file.name, np.load(file) * np.random.default_rng(4).uniform(1.1, 1.5, (64, 64)))
    output = tmp_path / "scores.json"
    arguments = [*data(frames), f"predictions={worse},{predictions}", f"output={output},{tmp_path / 'scores.md'}"]
    code, out, _ = evaluate(capsys, *arguments)
    assert code == 0
    content = json.loads(output.read_text())
    scores = {name: content["scores"][name]["full"] for name in (worse.name, predictions.name)}
    found = {row["score"]: row for row in content["differences"]}
    assert list(found) == list(STANDARD)
    for name, row in found.items():
        assert row["value"] == pytest.approx(scores[worse.name][name] - scores[predictions.name][name], rel=1e-9)
        assert row["low"] < row["value"] < row["high"]
    # All 15 images agree, so only the observed pattern and its mirror image reach the observed difference.
    assert found["AbsRel"]["p_value"] < 0.001
    assert found["AbsRel"]["p_adjusted"] == found["AbsRel"]["p_value"]  # there is one pair
    assert "adjusted for all pairs" in out
    assert "| worse, by a bit - good | full |" in (tmp_path / "scores.md").read_text()


STRUCTURE = {
    "edges": EdgeScores(),
    "boundaries": BoundaryError(),
    "ssim": MeanSSIM(),
    "normals": NormalError(),
    "surface": NormalError(use_intrinsics=True),
    "order": OrdinalError(),
    "points": PointCloudError(),
}


def test_structure_is_scored_on_what_the_protocol_scores(tmp_path, capsys):
    root, rng = make_frames(tmp_path / "frames", test=3), np.random.default_rng(6)
    folders = [tmp_path / "good", tmp_path / "bad"]
    for folder, error in zip(folders, (0.02, 0.5), strict=True):
        folder.mkdir()
        for name, depth in truth(root).items():
            np.save(folder / f"{name}.npy", (depth * rng.uniform(1 - error, 1 + error, (64, 64))).astype(np.float32))
    files = [tmp_path / name for name in ("scores.json", "scores.csv", "scores.md")]
    arguments = [*data(root), "protocol.region=[8,60,3,50]", "protocol.max_depth=4.98"]
    arguments.append(f"structure={','.join(STRUCTURE)}")
    arguments += [f"predictions={folders[0]},{folders[1]}", f"output={','.join(map(str, files))}"]
    code, out, _ = evaluate(capsys, *arguments, f"per_image={tmp_path / 'images.csv'}")
    assert code == 0
    content = json.loads(files[0].read_text())
    rules = EvalProtocol(name="full", region=[8, 60, 3, 50], max_depth=4.98)
    frames = build_test(data(root))
    image, _, intrinsics, *_ = frames[0]
    moved = rules.intrinsics(intrinsics[None], tuple(image.shape[-2:]), (64, 64))
    images = {(row["input"], row["name"]): row for row in csv.DictReader((tmp_path / "images.csv").open())}
    for metric in STRUCTURE.values():
        rows = []
        for _, depth, _, name, *_ in (frames[index] for index in range(3)):
            prediction = torch.from_numpy(np.load(folders[1] / f"{name}.npy"))[None, None]
            prepared = rules.prepare(prediction, depth[None])
            rows.append({key: value.item() for key, value in metric.per_image(*prepared, moved).items()})
            for key, value in rows[-1].items():
                assert float(images["bad", name][key]) == pytest.approx(value, rel=1e-9)
        for key in rows[0]:
            value = np.mean([row[key] for row in rows])
            assert content["scores"]["bad"]["full"][key] == pytest.approx(value, rel=1e-9)
            low, high = content["intervals"]["bad"]["full"][key]
            assert low <= value * (1 + 1e-9)
            assert high >= value * (1 - 1e-9)
            assert f"| {key} |" in files[2].read_text()
            assert f"{value:.4f}" in out
            assert f"bad,full,{key}," in files[1].read_text()
    differences = {row["score"]: row for row in content["differences"]}
    assert differences["edge_F1_0.5"]["value"] > 0
    assert differences["edge_F1_0.5"]["p_value"] == 0.25  # all three images agree: 2 of 8 patterns


def build_test(arguments: list[str]):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return instantiate(compose("evaluate", arguments).data.test)


def test_extended_scores_stand_in_every_file_and_change_no_other(tmp_path, capsys):
    root, rng = make_frames(tmp_path / "frames", test=3), np.random.default_rng(6)
    folder = tmp_path / "predictions"
    folder.mkdir()
    for name, depth in truth(root).items():
        np.save(folder / f"{name}.npy", (depth * rng.uniform(0.9, 1.2, (64, 64))).astype(np.float32))
    files = [tmp_path / name for name in ("scores.json", "scores.md", "plain.json")]
    arguments = [*data(root), "protocol.reduction=pixel", f"predictions={folder}"]
    images = tmp_path / "images.csv"
    extended = ["scores=extended", f"output={files[0]},{files[1]}", f"per_image={images}"]
    code, out, _ = evaluate(capsys, *arguments, *extended)
    assert code == 0
    assert evaluate(capsys, *arguments, f"output={files[2]}")[0] == 0
    found, plain = (json.loads(path.read_text())["scores"]["predictions"]["full"] for path in (files[0], files[2]))
    assert {name: found[name] for name in plain} == plain
    assert found.keys() - plain.keys() == EXTENDED_SCORES.keys()
    rows = list(csv.DictReader(images.open()))
    for name in EXTENDED_SCORES:
        assert f"| {name} |" in files[1].read_text()
        assert f"{found[name]:.4f}" in out
        assert all(float(row[name]) >= 0 for row in rows)
    assert np.mean([float(row["MAE"]) for row in rows]) == pytest.approx(found["MAE"])  # images of equal size
    assert "scores=all is neither standard nor extended" in refusal(capsys, *arguments, "scores=all")


def test_structure_that_needs_a_camera_says_so(tmp_path, capsys):
    root = make_frames(tmp_path / "frames", test=2)
    folder = tmp_path / "predictions"
    folder.mkdir()
    for name, depth in truth(root).items():
        np.save(folder / f"{name}.npy", depth.astype(np.float32))
    arguments = ["data=folder", f"data.root={root}", "data.scale=0.001", f"predictions={folder}"]
    arguments += [f"output={tmp_path / 'scores.json'}"]
    assert "structure=points needs intrinsics of the camera" in refusal(capsys, *arguments, "structure=edges,points")
    code, out, _ = evaluate(capsys, *arguments, "structure=all")
    assert code == 0
    left_out = next(line for line in out.splitlines() if "Pairs has no intrinsics of the camera." in line)
    assert all(name in left_out for name in ("Left out: points,", "rel_normal", "surface"))
    assert "ibims_boundaries, mdec_edges: Pairs has no annotated edges." in out
    (scores,) = json.loads((tmp_path / "scores.json").read_text())["scores"].values()
    assert scores["full"]["normal_degrees"] == pytest.approx(0, abs=1e-4)  # rounding
    assert "chamfer" not in scores["full"]


def test_inputs_of_other_images_are_not_paired():
    rules = EvalProtocol(name="full")
    scored = [
        Scored(frames, {"full": some_sums(2)}, 1, name=name) for name, frames in (("a", ["1", "2"]), ("b", ["1", "3"]))
    ]
    with pytest.raises(UserError, match="a and b are scored on different images"):
        evaluation_of(scored, [rules], {}, [], 0)


def test_images_without_truth_are_counted_and_not_averaged_in(tmp_path, capsys):
    root = make_frames(tmp_path / "frames", test=4)
    empty = root / "test" / "depth_00001.png"
    cv2.imwrite(str(empty), np.zeros((64, 64), np.uint16))
    folder = tmp_path / "predictions"
    folder.mkdir()
    for index in range(4):
        np.save(folder / f"{index:05d}.npy", np.full((64, 64), 2.5, np.float32))
    output = tmp_path / "scores.json"
    assert evaluate(capsys, *data(root), f"predictions={folder}", f"output={output}")[0] == 0
    scores = json.loads(output.read_text())["scores"]["predictions"]["full"]
    expected = [np.mean(np.abs(2.5 - depth) / depth) for depth in truth(root).values() if depth.any()]
    assert (scores["images"], scores["images_empty"]) == (3, 1)
    assert scores["AbsRel"] == pytest.approx(np.mean(expected), rel=1e-6)


@pytest.fixture(scope="module")
def official(tmp_path_factory) -> Path:
    """Two test images in the layout of the official file of NYUv2, whose raw depth has a hole and is 10 % less.

    ``filled`` holds their filled depth, as predictions.
    """
    root, rng = tmp_path_factory.mktemp("official"), np.random.default_rng(3)
    filled = rng.uniform(2, 4, (4, 640, 480)).astype(np.float32)
    raw = 0.9 * filled
    raw[:, 300:400, 200:300] = 0
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "w") as file:
        file["images"] = rng.integers(1, 255, (4, 3, 640, 480), dtype=np.uint8)
        file["depths"], file["rawDepths"] = filled, raw
    scipy.io.savemat(root / "splits.mat", {"trainNdxs": [[1], [2]], "testNdxs": [[3], [4]]})
    (root / "filled").mkdir()
    for index in (2, 3):
        np.save(root / "filled" / f"{index:05d}.npy", filled[index].T)
    return root


def test_each_protocol_gets_its_kind_of_truth(official, tmp_path, capsys):
    output = tmp_path / "scores.json"
    arguments = [
        "data=nyu_labeled",
        f"data.root={official}",
        "data.test_frames=null",
        f"predictions={official}/filled",
        f"output={output}",
    ]
    code, out, _ = evaluate(capsys, *arguments, "protocol=all")
    assert code == 0
    content = json.loads(output.read_text())
    scores = content["scores"]["filled"]
    assert scores["eigen"]["AbsRel"] == scores["full"]["AbsRel"] == 0
    assert scores["bts"]["AbsRel"] == pytest.approx(1 / 9, rel=1e-5)
    assert scores["bts"]["pixels"] == 2 * (426 * 560 - 100 * 100)
    assert {"garg", "c1"} <= content["refused"].keys()
    assert "published numbers are of 654 images, these of 2" in out
    # Whoever asks for raw depth has it scored where no rule says otherwise.
    assert evaluate(capsys, *arguments, "protocol=full,eigen", "data.depth=raw")[0] == 0
    scores = json.loads(output.read_text())["scores"]["filled"]
    assert scores["full"]["AbsRel"] == pytest.approx(1 / 9, rel=1e-5)
    assert scores["eigen"]["AbsRel"] == 0


def test_the_protocol_in_ten_lines_of_the_documentation_can_be_used(official, tmp_path, capsys, monkeypatch):
    page = (config_dir().parent / "docs" / "protocols.md").read_text()
    text = page.split("```yaml\n")[1].split("```")[0]
    assert len([line for line in text.splitlines() if not line.startswith("#")]) <= 10
    conf = shutil.copytree(config_dir(), tmp_path / "conf")
    (conf / "protocol" / "mine.yaml").write_text(text)
    monkeypatch.setattr("depthbench.config.compose.config_dir", lambda: conf)
    output = tmp_path / "scores.json"
    arguments = ["data=nyu_labeled", f"data.root={official}", "data.test_frames=null", f"predictions={official}/filled"]
    assert evaluate(capsys, *arguments, "protocol=mine", f"output={output}")[0] == 0
    scores = json.loads(output.read_text())["scores"]["filled"]["mine"]
    assert scores["AbsRel"] == pytest.approx(1 / 9, rel=1e-5)
    assert scores["pixels"] == 2 * (460 * 620 - 100 * 100)


def test_the_page_of_protocols_is_made_in_one_command(official):
    script = Path(__file__).parents[2] / "benchmarks" / "protocols.py"
    spec = importlib.util.spec_from_file_location("protocols", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.page(["data=nyu_labeled", f"data.root={official}", "data.test_frames=null", "data.split=2"])
    assert str(official) not in text
    lines = {line.split("|")[1].strip(): line.split("|") for line in text.splitlines() if line.startswith("|")}
    # The mean of two uniform maps hardly errs less than either; raw truth is 10 % less, so all errors grow.
    assert float(lines["`bts`"][6]) > float(lines["`eigen`"][6])
    assert float(lines["truth: raw"][5]) > 5
    assert lines["comparison: inclusive"][5].strip() == "="


@pytest.fixture(scope="module")
def trained(frames, tmp_path_factory) -> RunFolder:
    """A run that was trained for a step and tested with flip averaging."""
    output = tmp_path_factory.mktemp("runs")
    overrides = [*TINY, f"data.root={frames}", "trainer.max_epochs=1", "protocol.flip_average=true"]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("config", [*overrides, f"output={output}"])
    folder = RunFolder.create(config, overrides, {})
    train_and_test(folder, progress_bar=False)
    return folder


def test_a_run_evaluated_again_gives_exactly_its_scores(trained, tmp_path, capsys):
    output, images = tmp_path / "scores.json", tmp_path / "images.csv"
    assert evaluate(capsys, f"run={trained.path}", f"output={output}", f"per_image={images}")[0] == 0
    (scores,) = json.loads(output.read_text())["scores"].values()
    for name, value in read_scores(trained.path / "scores.json")["full"].items():
        assert scores["full"][name] == value
    before = list(csv.DictReader((trained.path / "per_image.csv").open()))
    for row, again in zip(before, csv.DictReader(images.open()), strict=True):
        assert {key: again[key] for key in row} == row


def test_a_run_is_scored_by_other_rules_on_other_frames(trained, tmp_path, capsys):
    output = tmp_path / "scores.json"
    arguments = [f"run={trained.path}", "data.test_frames=3", "protocol=full,fcrn", f"output={output}"]
    task, test = load_task(trained).eval(), build_data(trained.config).test
    frames = [test[index] for index in (0, 5, 10)]  # evenly spaced
    for flip, predict in (("false", task), ("true", lambda image: predict_with_flip(task, image))):
        assert evaluate(capsys, *arguments, f"protocol.flip_average={flip}")[0] == 0
        (found,) = json.loads(output.read_text())["scores"].values()
        assert found["full"]["images"] == found["fcrn"]["images"] == 3
        with torch.no_grad():
            maps = [(predict(frame.image[None])[0].double(), frame.depth.double()) for frame in frames]
        errors = [float(((p - t).abs() / t).mean()) for p, t in maps]
        assert found["full"]["AbsRel"] == pytest.approx(np.mean(errors), rel=1e-6)


def test_a_run_tests_on_the_truth_that_its_protocol_asks_for(official, frames):
    def opened(root: Path, *overrides: str):
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            return build_data(compose("config", [*TINY, f"data.root={root}", "data.size=null", *overrides])).test

    rows = {"data.split": 2, "data.test_frames": 2, "data.val_frames": 1}
    few = [f"{key}={value}" for key, value in rows.items()]
    filled, raw = (opened(official, f"protocol={name}", *few)[0].depth for name in ("eigen", "bts"))
    assert torch.equal(raw[raw > 0], 0.9 * filled[raw > 0])
    assert (raw == 0).sum() == 100 * 100
    # Without published numbers the data's own kind will do.
    assert torch.equal(opened(official, "protocol=full", "data.depth=raw", *few)[0].depth, raw)
    with pytest.raises(UserError, match=r"'bts' is defined on raw truth, but NYULabeled\(.*\) has filled depth only"):
        opened(frames, "protocol=bts")


def test_a_run_scores_structure_where_it_is_asked_to(trained, frames, tmp_path, capsys):
    overrides = [*TINY, f"data.root={frames}", "trainer.max_epochs=1", "protocol.flip_average=true"]
    asked = [f"+structure@task.structure.{name}={name}" for name in ("edges", "surface")]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("config", [*overrides, *asked, f"output={tmp_path}"])
    folder = RunFolder.create(config, [*overrides, *asked], {})
    train_and_test(folder, progress_bar=False)
    output = tmp_path / "scores.json"
    assert evaluate(capsys, f"run={trained.path}", "structure=edges,surface", f"output={output}")[0] == 0
    (scores,) = json.loads(output.read_text())["scores"].values()
    own = read_scores(folder.path / "scores.json")["full"]
    assert {key: None if math.isnan(value) else value for key, value in own.items()} == scores["full"]
    assert 0 < own["surface_degrees"] < 180


def test_a_run_and_files_are_compared_on_the_same_data(trained, frames, predictions, tmp_path, capsys):
    output = tmp_path / "scores.json"
    inputs = [f"run={trained.path}", f"predictions={predictions}", f"output={output}"]
    assert evaluate(capsys, *data(frames), *inputs)[0] == 0
    content = json.loads(output.read_text())
    assert set(content["scores"]) == {"good", trained.path.name}
    assert {(row["first"], row["second"]) for row in content["differences"]} == {("good", trained.path.name)}


def test_a_damaged_or_foreign_checkpoint_is_told_in_a_sentence(trained, tmp_path, capsys):
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(trained.path, folder.path)
    config = (folder.path / "config.yaml").read_text()
    (folder.path / "config.yaml").write_text(config.replace("- 16\n", "- 24\n", 1))
    assert "config.yaml has changed since the run wrote it" in refusal(capsys, f"run={folder.path}")
    renew_done(folder.path)
    assert "last.ckpt can't be loaded into the run's network" in refusal(capsys, f"run={folder.path}")
    folder.checkpoint.write_bytes(b"PK")
    assert "last.ckpt is damaged" in refusal(capsys, f"run={folder.path}")
    folder.checkpoint.unlink()
    assert "has no checkpoints/last.ckpt; has it been trained?" in refusal(capsys, f"run={folder.path}")


@pytest.mark.slow
def test_two_processes_give_the_same_numbers(trained, tmp_path, capsys):
    """A network and files, on five images of which one has no truth."""
    root, folder = make_frames(tmp_path / "frames", test=5), tmp_path / "files"
    cv2.imwrite(str(root / "test" / "depth_00001.png"), np.zeros((64, 64), np.uint16))
    folder.mkdir()
    for index in range(5):
        np.save(folder / f"{index:05d}.npy", np.full((64, 64), 2.5, np.float32))
    arguments = [*data(root), "protocol=full,fcrn", "structure=edges,order", f"run={trained.path}"]
    # One image at a time: a convolution over another number of images may round in another way.
    arguments += [f"predictions={folder}", "data.test_batch_size=1"]
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    assert evaluate(capsys, *arguments, f"output={one}")[0] == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, "-m", "depthbench.evaluate", *arguments, f"output={two}"]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.stdout.count("published numbers are of") == 1
    alone, shared = (json.loads(path.read_text())["scores"] for path in (one, two))
    assert alone.keys() == shared.keys()
    for name, protocols in alone.items():
        for protocol, scores in protocols.items():
            assert (scores["images"], scores["images_empty"]) == (4, 1)
            for score, value in scores.items():  # None: precision of an edge that nobody predicts
                close = value if value is None else pytest.approx(value, rel=1e-12, abs=0)
                assert shared[name][protocol][score] == close


@pytest.mark.slow
def test_the_mean_of_the_training_depths_of_nyu_has_its_known_scores(shared, tmp_path, capsys):
    root, scale = shared / "data" / "nyuv2_labeled", 9.99547 / 65280
    training = sorted((root / "train").glob("depth_*.png"))
    assert len(training) == 795
    logs = sum(np.log(cv2.imread(str(file), cv2.IMREAD_UNCHANGED) * scale) for file in training)
    mean = np.exp(logs / 795).astype(np.float32)
    folder, output = tmp_path / "mean", tmp_path / "scores.json"
    folder.mkdir()
    for file in (root / "test").glob("depth_*.png"):
        np.save(folder / f"{file.stem[6:]}.npy", mean)
    arguments = [f"data.root={root}", f"data.scale={scale}", f"predictions={folder}", f"output={output}"]
    assert evaluate(capsys, "data=nyu_labeled", "protocol=eigen", *arguments)[0] == 0
    scores = json.loads(output.read_text())["scores"]["mean"]["eigen"]
    assert scores["images"] == 654
    assert round(scores["AbsRel"], 3) == 0.361
    assert round(scores["delta1"], 3) == 0.426


def some_sums(images: int, seed: int = 0, error: float = 0.3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    true = 1 + 4 * torch.rand(images, 1, 6, 6, generator=torch.Generator().manual_seed(9))
    return masked_sums(true * (1 + error * torch.rand(images, 1, 6, 6, generator=generator)), true)


def addends(sums: torch.Tensor, reduction: str = "image") -> PerImageSums:
    return depth_sums(sums[sums[:, 0] > 0], reduction)


def difference(first: PerImageSums, second: PerImageSums) -> dict[str, Difference]:
    (found,) = compare_rows([({0: first}, {0: second})])
    return {name: row.difference for name, row in found.items()}


def score_of(sums: torch.Tensor, reduction: str, name: str) -> float:
    metric = DepthScores(reduction=reduction)
    metric.add(sums)
    return float(metric.compute()[name])


@pytest.mark.parametrize("reduction", ["image", "pixel", "mse_image"])
def test_the_permutation_test_exchanges_images_before_the_score_is_read(reduction):
    a, b = some_sums(4), some_sums(4, seed=1, error=0.4)
    found = difference(addends(a, reduction), addends(b, reduction))
    for name in ("AbsRel", "RMSE", "delta1", "SILog", "SILog_unidepth"):
        observed = score_of(a, reduction, name) - score_of(b, reduction, name)
        assert found[name].value == pytest.approx(observed, rel=1e-9)
        changes = []
        for pattern in itertools.product([False, True], repeat=4):
            swap = torch.tensor(pattern)[:, None]
            first, second = torch.where(swap, b, a), torch.where(swap, a, b)
            changes.append(abs(score_of(first, reduction, name) - score_of(second, reduction, name)))
        assert found[name].p_value == np.mean(np.array(changes) >= abs(observed) - 1e-12)


def test_for_means_over_images_test_and_interval_are_scipys():
    few, many = (some_sums(8), some_sums(8, 1)), (some_sums(200), some_sums(200, 1))
    column = COLUMNS.index("abs_rel")
    rel = [(sums[:, column] / sums[:, 0]).numpy() for sums in (*few, *many)]
    exact = stats.permutation_test((rel[0] - rel[1],), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert difference(*map(addends, few))["AbsRel"].p_value == pytest.approx(exact.pvalue)
    found = difference(*map(addends, many))["AbsRel"]
    assert found.p_value == pytest.approx(stats.ttest_rel(rel[2], rel[3]).pvalue, abs=0.02)
    expected = stats.bootstrap((rel[2] - rel[3],), np.mean, rng=0).confidence_interval
    width = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.06 * width)
    assert found.high == pytest.approx(expected.high, abs=0.06 * width)


@pytest.mark.parametrize("reduction", ["pixel", "mse_image"])
def test_the_interval_of_a_pooled_score_is_of_the_score_of_drawn_images(reduction):
    sums, rng = some_sums(40), np.random.default_rng(5)
    drawn = [score_of(sums[torch.from_numpy(rng.integers(40, size=40))], reduction, "RMSE") for _ in range(600)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    found = intervals(addends(sums, reduction))["RMSE"]
    assert found == pytest.approx((low, high), abs=0.12 * (high - low))


def test_what_is_not_a_number_stays_visible_in_every_statistic():
    a, b = some_sums(20), some_sums(20, 1)
    a[3, COLUMNS.index("abs_rel")] = math.inf
    a[4] = b[4] = 0  # no valid pixel: no part in anything
    found = difference(addends(a), addends(b))
    assert math.isnan(found["AbsRel"].p_value)
    assert math.isfinite(found["RMSE"].p_value)
    assert found["RMSE"].value == pytest.approx(score_of(a, "image", "RMSE") - score_of(b, "image", "RMSE"))
    assert all(math.isnan(limit) for limit in intervals(addends(torch.zeros(3, len(COLUMNS))))["AbsRel"])
    with pytest.raises(UserError, match="same images"):
        difference(addends(a), addends(some_sums(18)))


def test_a_user_may_stop_it(monkeypatch, capsys):
    def stopped(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("depthbench.evaluate.read_evaluate_request", stopped)
    assert main(["protocol=eigen"]) == 130
    assert capsys.readouterr().err.startswith("Stopped;")


def test_truths_of_two_sizes_are_no_batch():
    frames = [Frame(torch.zeros(3, 8, 8), torch.ones(1, rows, 40), None, f"f{rows}") for rows in (30, 31)]
    with pytest.raises(UserError, match=r"f30 has .*30x40, f31 has .*31x40\. Append data\.test_batch_size=1"):
        stacked([(place, {"filled": frame}) for place, frame in enumerate(frames)])

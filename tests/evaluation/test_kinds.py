"""What predictions are is declared, checked, scored by rules that do it justice, and written into every result."""

import csv
import json

import cv2
import numpy as np
import pytest

from depthbench.errors import UserError
from depthbench.evaluate import main
from depthbench.evaluation import score_arrays
from depthbench.output_kinds import OutputKind, output_kind, trained_kind
from depthbench.protocols import EvalProtocol
from depthbench.runs.results import kind_of, read_scores, write_scores

ROWS, COLUMNS = np.mgrid[:48, :64]
TRUTHS = {
    str(place): np.round(1000 * (1.5 + 2.5 * (1 - ROWS / 48) + 0.6 * np.sin(COLUMNS / 9 + place))) / 1000
    for place in range(4)
}


def stretched(values):
    return (values - values.min()) / (values.max() - values.min())


# What a perfect network of each kind writes.
PERFECT = {
    "metric_depth": lambda t: t,
    "scale_depth": lambda t: 0.4 * t,
    "affine_depth": stretched,  # from 0 to 1, with exact zeros
    "metric_disparity": lambda t: 1 / t,
    "scale_disparity": lambda t: 7 / t,
    "affine_disparity": lambda t: 7 / t + 0.9,
    "log_depth": np.log,
    "scale_log_depth": lambda t: np.log(t) - 3,
    "affine_log_depth": lambda t: 0.3 * np.log(t) - 3,
    "affine_log1p_depth": lambda t: stretched(np.log1p(t)),
    "metric_points": lambda t: np.stack([COLUMNS * t, ROWS * t, t], -1),
    "scale_points": lambda t: 3 * np.stack([COLUMNS * t, ROWS * t, t], -1),
    "affine_points": lambda t: 3 * np.stack([COLUMNS * t, ROWS * t, t], 0) + 5,
}
# The alignment of as little as is unknown.
LEAST = {"": "none", "scale": "median", "affine_depth": "scale_shift", "affine_disparity": "disparity"} | {
    "affine_log": "log",
    "affine_log1p": "ransac",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("kinds")
    for part in ("train", "test"):
        (root / "data" / part).mkdir(parents=True)
        for name, truth in TRUTHS.items():
            cv2.imwrite(str(root / "data" / part / f"rgb_{name}.png"), (np.dstack([truth] * 3) * 40).astype(np.uint8))
            cv2.imwrite(str(root / "data" / part / f"depth_{name}.png"), np.rint(truth * 1000).astype(np.uint16))
    return root


def written(folder, name, make):
    path = folder / name
    path.mkdir(exist_ok=True)
    for frame, truth in TRUTHS.items():
        np.save(path / f"{frame}.npy", make(truth).astype(np.float32))
    return path


def evaluated(folder, predictions, *arguments):
    output = folder / "scores.json"
    told = [f"data.root={folder / 'data'}", "data.scale=0.001", f"predictions={predictions}", f"output={output}"]
    code = main(["data=folder", *told, *arguments])
    return code, json.loads(output.read_text()) if code == 0 else None


SCORED = [kind for kind in OutputKind if kind != OutputKind.ORDINAL_DEPTH]


@pytest.mark.parametrize("kind", SCORED)
def test_a_perfect_prediction_of_every_kind_scores_0(kind, folder, capsys):
    path = written(folder, kind, PERFECT[kind])
    code, content = evaluated(folder, path, f"kind={kind}", f"protocol.alignment={LEAST[kind.unknown]}")
    assert code == 0, capsys.readouterr().err
    (scores,) = content["scores"].values()
    assert scores["full"]["AbsRel"] < 2e-6
    assert scores["full"]["delta1"] == 1
    assert content["kinds"] == {path.name: kind}
    assert content["protocols"]["full"]["alignment"]["name"] == LEAST[kind.unknown]
    told = capsys.readouterr().out
    assert (f"{path.name} predicts {kind.words}." in told) == (kind != OutputKind.METRIC_DEPTH)


def test_a_normalized_disparity_with_exact_zeros_is_a_perfect_one(folder):
    path = written(folder, "normalized", lambda t: stretched(7 / t))
    assert min(np.load(path / "0.npy").ravel()) == 0
    _, content = evaluated(folder, path, "kind=affine_disparity", "protocol.alignment=disparity")
    assert content["scores"]["normalized"]["full"]["AbsRel"] < 2e-6


def test_no_protocol_measures_an_order(folder, capsys):
    path = written(folder, "order", np.square)
    assert evaluated(folder, path, "kind=ordinal_depth", "protocol.alignment=scale_shift")[0] == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "not a measure of the order of depths, and no distances; no alignment makes it one." in told


def test_a_way_out_of_a_refusal_is_one(folder, capsys):
    """Another alignment would not be a way out of a limit in metres."""
    path = written(folder, "limited", stretched)
    words = ["kind=affine_depth", "protocol.alignment=scale_shift", "protocol.clamp=[0.1,10]"]
    assert evaluated(folder, path, *words, "protocol.clamp_at=output")[0] == 2
    assert "has none; append protocol.clamp_at=scored, or protocol=all." in " ".join(capsys.readouterr().err.split())
    assert evaluated(folder, path, *words, "protocol.clamp_at=scored")[0] == 0


@pytest.mark.parametrize(
    ("left_open", "quantity", "from_zero", "kind"),
    [
        ((), "disparity", True, "metric_depth"),
        (("scale",), "depth", True, "scale_depth"),
        (("shift",), "depth", True, "affine_depth"),
        (("scale",), "depth", False, "affine_depth"),
        (("scale",), "disparity", True, "scale_depth"),
        (("scale", "shift"), "disparity", True, "affine_disparity"),
        (("shift",), "log", True, "scale_depth"),
        (("scale",), "log", True, "affine_log_depth"),
        (("scale", "shift"), "log1p", True, "affine_log1p_depth"),
        (("scale", "shift", "order"), "log", True, "ordinal_depth"),
    ],
)
def test_the_kind_of_a_network_follows_from_its_loss(left_open, quantity, from_zero, kind):
    assert trained_kind(frozenset(left_open), quantity, from_zero) == kind


CONTRADICTIONS = {
    "a disparity that grows with depth": ("affine_depth", "affine_disparity", "disparity", "kind=affine_depth?"),
    "a depth that falls": ("affine_disparity", "affine_depth", "scale_shift", "kind=affine_disparity?"),
    "a metric disparity that is depth": ("metric_depth", "metric_disparity", "median", "kind=metric_depth?"),
    "an affine kind as it is": ("affine_disparity", "affine_disparity", "none", "protocol.alignment=... (disparity"),
    "an affine depth by its median": ("affine_depth", "affine_depth", "median", "not a measure of depth up to scale"),
    "points that are maps": ("metric_depth", "metric_points", "none", "not points (height, width, 3)"),
    "maps that are points": ("metric_points", "metric_depth", "none", "not one map"),
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_a_contradiction_is_told(what, folder, capsys):
    stored, declared, alignment, sentence = CONTRADICTIONS[what]
    path = written(folder, f"{stored}_again", PERFECT[stored])
    code, _ = evaluated(folder, path, f"kind={declared}", f"protocol.alignment={alignment}")
    assert code == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["kind=disparity"], "kind=affine_disparity is up to scale and shift (MiDaS, Depth Anything)"),
        (["kind=points"], "kind=metric_points"),
        (["kind=affine_disparity", "unit=0.1", "protocol.alignment=disparity"], "kind=affine_disparity has no unit"),
        (["kind=metric_depth,scale_depth"], "names 2 kinds for 1 predictions"),
        (["missing=ignore"], "choose refuse or error"),
    ],
)
def test_mistakes(arguments, sentence, folder, capsys):
    path = written(folder, "mistakes", PERFECT["metric_depth"])
    assert evaluated(folder, path, *arguments)[0] == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_former_names_still_work(folder, capsys):
    path = written(folder, "former", PERFECT["metric_disparity"])
    code, content = evaluated(folder, path, "kind=inverse", "protocol.scaling=median")
    assert code == 0
    assert content["scores"]["former"]["full"]["AbsRel"] < 2e-6
    assert content["protocols"]["full"]["alignment"]["fit"] == "median"
    assert output_kind("disparity", 0.5) == OutputKind.METRIC_DISPARITY


def test_an_affine_model_beside_a_metric_one(folder, capsys):
    """Both under one protocol that serves both; and all protocols at once leave out what does them no justice."""
    paths = [written(folder, kind, PERFECT[kind]) for kind in ("metric_depth", "affine_disparity")]
    both, kinds = ",".join(map(str, paths)), "kind=metric_depth,affine_disparity"
    code, content = evaluated(folder, both, kinds, "protocol.alignment=disparity")
    assert code == 0
    assert {name: scores["full"]["AbsRel"] < 2e-6 for name, scores in content["scores"].items()} == {
        "metric_depth": True,
        "affine_disparity": True,
    }
    assert "their scale or shift is not scored" in capsys.readouterr().out


def test_missing_pixels_are_refused_or_count_as_errors(folder, capsys):
    def holed(truth):
        values = truth.copy()
        values[:12] = 0
        values[12:16] = np.nan
        return values

    path = written(folder, "holes", holed)
    assert evaluated(folder, path)[0] == 2
    assert "Append missing=error to count them as errors" in " ".join(capsys.readouterr().err.split())
    for alignment in ("none", "median", "disparity", "scale_shift_l1"):
        _, content = evaluated(folder, path, "missing=error", f"protocol.alignment={alignment}")
        scores = content["scores"]["holes"]["full"]
        assert scores["AbsRel"] == pytest.approx(1 / 3, abs=1e-6)
        assert scores["delta1"] == pytest.approx(2 / 3)
        assert (scores["missing"], scores["nonpositive"], scores["nonfinite"]) == (4 * 16 * 64, 0, 0)
        assert "4096 valid pixels have no prediction and count as errors" in " ".join(capsys.readouterr().out.split())


def test_pixels_that_an_alignment_makes_negative_are_counted(folder, capsys):
    path = written(folder, "steep", lambda t: np.where((ROWS > 43) & (COLUMNS < 1), -1.0, t))
    images = folder / "images.csv"
    settings = "{fit: weighted_l1, parts: scale_shift, weights: inverse_truth}"
    given = "kind=affine_depth", f"protocol.alignment={settings}", f"per_image={images}"
    _, content = evaluated(folder, path, *given)
    scores = content["scores"]["steep"]["full"]
    assert scores["nonpositive"] == 4 * 4
    assert scores["delta1"] == pytest.approx(1 - 4 / (48 * 64))
    assert scores["RMSElog"] is None
    assert "16 valid pixels are aligned to 0 m or below" in " ".join(capsys.readouterr().out.split())
    hits = evaluated(folder, path, given[0], given[1].replace("}", ", nonpositive: hit}"))[1]
    assert hits["scores"]["steep"]["full"]["delta1"] == 1
    assert len(list(csv.DictReader(images.open()))) == 4


def test_arrays_in_memory_have_kinds_too():
    truths = np.stack(list(TRUTHS.values()))
    protocol = EvalProtocol(name="x", alignment="disparity")
    found = score_arrays(7 / truths + 0.9, truths, protocol, kind="affine_disparity")
    assert found.scores["x"]["AbsRel"] < 2e-6
    with pytest.raises(UserError, match="takes predictions as they are, which is not a measure of disparity"):
        score_arrays(7 / truths + 0.9, truths, kind="affine_disparity")


def test_a_result_of_an_earlier_version_is_of_metric_depth(tmp_path):
    write_scores(tmp_path / "scores.json", {}, {"full": {"AbsRel": 1.0}}, OutputKind.AFFINE_DEPTH)
    content = json.loads((tmp_path / "scores.json").read_text())
    assert kind_of(content) == OutputKind.AFFINE_DEPTH
    assert read_scores(tmp_path / "scores.json") == {"full": {"AbsRel": 1.0}}
    del content["kind"]
    assert kind_of(content) == kind_of({"kind": {"AbsRel": 1.0}}) == kind_of(None) == OutputKind.METRIC_DEPTH


def test_one_fit_for_the_whole_set_and_none_for_sequences_that_are_not_known(folder, capsys):
    path = written(folder, "pooled", lambda t: 0.4 * t + 0.3)
    given = "kind=affine_depth", "protocol.alignment={fit: least_squares, parts: scale_shift, over: set}"
    _, content = evaluated(folder, path, *given)
    assert content["scores"]["pooled"]["full"]["AbsRel"] < 2e-6
    assert evaluated(folder, path, given[0], "protocol.alignment=scale_shift_sequence")[0] == 2
    assert "takes the folder of a frame's name as its sequence" in " ".join(capsys.readouterr().err.split())

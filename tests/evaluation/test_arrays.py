"""Predictions in memory: the scores and intervals of prediction files."""

import json

import numpy as np
import pytest
import torch

from depthbench.annotations import Annotations, stack_annotations
from depthbench.errors import UserError
from depthbench.evaluate import main
from depthbench.evaluation import score_arrays
from depthbench.metrics import EdgeScores, MDECEdgeError, NormalError, TemporalError
from depthbench.metrics.functional import EXTENDED_SCORES
from depthbench.protocols import EvalProtocol
from tests.commands import make_frames

RULES = [EvalProtocol(name="a", max_depth=4.0), EvalProtocol(name="b", reduction="pixel", region=[2, 60, 3, 50])]


def pairs(count=6):
    rng = np.random.default_rng(0)
    truths = rng.uniform(1, 5, (count, 64, 64)).astype(np.float32)
    return truths * rng.uniform(0.8, 1.3, truths.shape).astype(np.float32), truths


def test_numbers_are_those_of_files(tmp_path):
    root = make_frames(tmp_path / "frames", test=6)
    import cv2

    files = sorted((root / "test").glob("depth_*.png"))
    truths = np.stack([cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files]).astype(np.float32)
    truths *= np.float32(0.001)
    predictions = truths * np.random.default_rng(1).uniform(0.8, 1.3, truths.shape).astype(np.float32)
    np.save(tmp_path / "stack.npy", predictions)
    arguments = ["data=folder", f"data.root={root}", "data.scale=0.001", f"predictions={tmp_path / 'stack.npy'}"]
    assert main([*arguments, "structure=edges", f"output={tmp_path / 'scores.json'}"]) == 0
    content = json.loads((tmp_path / "scores.json").read_text())
    found = score_arrays(predictions, truths, structure={"edges": EdgeScores()})
    (scores,), (limits,) = content["scores"].values(), content["intervals"].values()
    assert found.scores == scores
    assert {name: list(pair) for name, pair in found.intervals["full"].items()} == limits["full"]


@pytest.mark.parametrize("form", ["double", "tensor", "list", "half size"])
def test_every_form_of_array(form):
    predictions, truths = pairs()
    expected = score_arrays(predictions, truths, RULES)
    if form == "half size":
        found = score_arrays(predictions[:, ::2, ::2], truths, "full")
        assert found.scores["full"]["images"] == 6
        return
    change = {
        "double": np.float64,
        "tensor": torch.from_numpy,
        "list": lambda maps: [torch.from_numpy(m) for m in maps],
    }
    found = score_arrays(change[form](predictions), change[form](truths), RULES)
    assert found == expected
    assert found.scores.keys() == {"a", "b"}
    assert len(found.per_image["a"]["AbsRel"]) == 6


def test_intrinsics_of_all_or_of_each():
    predictions, truths = pairs(3)
    camera = np.array([[60.0, 0, 31.5], [0, 60.0, 31.5], [0, 0, 1]])
    normals = {"surface": NormalError(use_intrinsics=True)}
    one = score_arrays(predictions, truths, "full", camera, normals)
    assert one == score_arrays(predictions, truths, "full", np.stack([camera] * 3), normals)
    expected = normals["surface"].per_image(
        *(torch.from_numpy(maps)[:, None] for maps in (predictions, truths)),
        intrinsics=torch.tensor(camera).expand(3, 3, 3),
    )
    assert one.per_image["full"]["surface_degrees"] == pytest.approx(expected["surface_degrees"].tolist(), rel=1e-9)


def test_mistakes():
    predictions, truths = pairs(2)
    surface = {"surface": NormalError(use_intrinsics=True)}
    for arguments, sentence in [
        ((predictions[:1], truths), "as many predictions as truths, got 1 and 2"),
        ((predictions[:0], truths[:0]), "got 0 and 0"),
        ((predictions[0], truths), r"predictions have the shape \(64, 64\), not \(N, H, W\)"),
        ((predictions.astype(int), truths), "holds torch.int64; give floats"),
        (([predictions], [truths]), r"Map 0 of the predictions has the shape \(2, 64, 64\)"),
        ((-predictions, truths), "'0' has 4096 of 4096 pixels at or below 0 m"),
        ((predictions, truths, "eigne"), "protocol=eigne does not exist; did you mean eigen"),
        ((predictions, truths, "eigen"), "defined on truth of 480x640"),
        ((predictions, truths, "full", np.eye(4)), r"intrinsics have the shape \(4, 4\)"),
        ((predictions, truths, "full", None, surface), "needs intrinsics of the camera; give them"),
    ]:
        with pytest.raises(UserError, match=sentence):
            score_arrays(*arguments)


def test_extended_scores_and_annotated_metrics():
    """Scores have intervals, as all others; an input that is missing is named before anything is scored."""
    rng = np.random.default_rng(0)
    truths = rng.uniform(1, 5, (4, 24, 32))
    predictions = truths * rng.uniform(0.9, 1.2, truths.shape)
    notes = [Annotations(edges=torch.from_numpy(rng.random((1, 24, 32)) < 0.1)) for _ in truths]
    metric = {"mdec_edges": MDECEdgeError()}
    found = score_arrays(predictions, truths, structure=metric, annotations=notes, extended=True)
    rows = [
        metric["mdec_edges"].per_image(*(torch.from_numpy(x)[None, None].float() for x in pair), annotations=batch)
        for pair, batch in zip(zip(predictions, truths, strict=True), map(one_of, notes), strict=True)
    ]
    for name in ("edge_accuracy", "edge_completeness"):
        assert found.per_image["full"][name] == pytest.approx([row[name].item() for row in rows])
    assert found.scores["full"]["MAE"] == pytest.approx(np.abs(predictions - truths).mean(), rel=1e-6)
    for name in (*EXTENDED_SCORES, "edge_accuracy"):
        low, high = found.intervals["full"][name]
        assert low <= found.scores["full"][name] <= high
    with pytest.raises(UserError, match="MDECEdgeError needs annotated edges; give them"):
        score_arrays(predictions, truths, structure=metric)
    with pytest.raises(UserError, match="annotations of each of the 4"):
        score_arrays(predictions, truths, structure=metric, annotations=notes[:2])


def one_of(annotations):
    """The annotations as a batch of one."""
    return stack_annotations([annotations])


def test_metrics_of_cameras_and_clips_are_no_structure():
    maps = np.ones((2, 8, 8), np.float32)
    with pytest.raises(UserError, match="TemporalError scores no single map; update it by itself"):
        score_arrays(maps, maps, structure={"tae": TemporalError()})

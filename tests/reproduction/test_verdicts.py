"""Verdicts on made-up results: a number is compared only with the same model, set, kind and rules."""

import json
import math
from dataclasses import asdict, replace

import pytest

from depthbench.output_kinds import OutputKind
from depthbench.protocols import load_protocol
from depthbench.report.read.runs import Run
from depthbench.reproduction.cells import read_cells
from depthbench.reproduction.found import FoundResult, read_results_file
from depthbench.reproduction.verdicts import CellOutcome, verdicts_of, why_not

NAME = "moge_nyu_affine_disparity"


@pytest.fixture(scope="module")
def cell():
    """AbsRel 0.0420 with 5 %, to four digits: 0.03985 to 0.04415 are within."""
    return next(cell for cell in read_cells(["moge"]) if cell.data == "NYUv2 (MoGe)" and cell.metric == "AbsRel")


@pytest.fixture(scope="module")
def share():
    return next(cell for cell in read_cells(["moge"]) if cell.data == "NYUv2 (MoGe)" and cell.metric == "delta1")


@pytest.fixture(scope="module")
def protocols():
    return json.loads(json.dumps({NAME: asdict(load_protocol(NAME))}))


@pytest.fixture
def result(protocols):
    def made(**scores):
        rows = {NAME: {"images": 654.0, **scores}}
        name = "hf:depth-anything/Depth-Anything-V2-Large-hf"
        return FoundResult(name, "scores.json", OutputKind.AFFINE_DISPARITY, "NYUv2 (MoGe)", protocols, rows)

    return made


@pytest.mark.parametrize(
    ("ours", "outcome"),
    [
        (0.0420, CellOutcome.WITHIN),
        (0.04415, CellOutcome.WITHIN),
        (0.0442, CellOutcome.WORSE),
        (0.0398, CellOutcome.BETTER),
        (math.nan, CellOutcome.NOT_COMPARABLE),
    ],
)
def test_an_error(cell, result, ours, outcome):
    (verdict,) = verdicts_of(cell, [result(AbsRel=ours)])
    assert verdict.outcome == outcome
    assert verdict.results == (outcome != CellOutcome.NOT_COMPARABLE)


@pytest.mark.parametrize(
    ("ours", "outcome"), [(0.9825, CellOutcome.WITHIN), (0.9835, CellOutcome.BETTER), (0.9805, CellOutcome.WORSE)]
)
def test_a_share(share, result, ours, outcome):
    (verdict,) = verdicts_of(share, [result(delta1=ours)])
    assert verdict.outcome == outcome


def test_nothing_of_this_model_is_not_run(cell, result):
    other = replace(result(AbsRel=0.042), name="depth_anything_v2_vits")
    assert [one.outcome for one in verdicts_of(cell, [other])] == [CellOutcome.NOT_RUN]


@pytest.mark.parametrize("name", ["Depth Anything V2 L", "depth_anything_v2_l", "predictions/depth_anything_v2_vitl"])
def test_a_model_is_found_by_each_of_its_names(cell, result, name):
    (verdict,) = verdicts_of(cell, [replace(result(AbsRel=0.042), name=name)])
    assert verdict.outcome == CellOutcome.WITHIN


def test_why_a_result_is_not_comparable(cell, result, protocols):
    ours = result(AbsRel=0.042)
    shifted = {NAME: protocols[NAME] | {"alignment": {"name": "median"}, "max_depth": 8.0}}
    older = {NAME: protocols[NAME] | {"version": 0}}
    reasons = {
        "scored on eth3d, not on NYUv2 (MoGe)": replace(ours, data="eth3d"),
        "scored on NYUv2, not on NYUv2 (MoGe)": replace(ours, data="NYUv2"),
        "does not say whether it was scored on NYUv2 (MoGe)": replace(ours, data=None),
        "ours is metric depth, the number is of disparity": replace(ours, kind=OutputKind.METRIC_DEPTH),
        f"scored under eigen; evaluate it with protocol={NAME}": replace(ours, scores={"eigen": {"AbsRel": 0.05}}),
        f"scored under {NAME} with another max_depth, alignment": replace(ours, protocols=shifted),
        "scored under version 0": replace(ours, protocols=older),
        "does not hold the fields": replace(ours, protocols={}),
        "scored on 20 images, the number is of 654": replace(ours, scores={NAME: {"AbsRel": 0.042, "images": 20.0}}),
        "it has no AbsRel": result(RMSE=0.2),
    }
    for reason, one in reasons.items():
        said = why_not(cell, one)
        assert said is not None
        assert reason in said
    for same in (None, "nyu_labeled", "NYUv2"):
        assert why_not(replace(cell, data="NYUv2"), replace(ours, data=same)) is None


def test_runs_of_a_study_are_found_by_their_choices_and_seeds_are_averaged(tmp_path):
    cell = next(cell for cell in read_cells(["carvalho2018"]) if cell.metric == "AbsRel")  # 0.135
    protocols = json.loads(json.dumps({"carvalho2018": asdict(load_protocol("carvalho2018"))}))

    def ran(seed, value, *more, state=("DONE",)):
        overrides = ["experiment=carvalho2018/losses", "loss=gan", f"seed={seed}", *more]
        choices = {"experiment": "carvalho2018/losses", "loss": "gan", "data": "nyu"}
        missing = () if state else ("DONE",)
        run = Run(
            tmp_path / str(seed),
            {"choices": choices, "overrides": overrides},
            {"data": {"split": "230k"}},
            {},
            {},
            {"carvalho2018": {"AbsRel": value}},
            missing,
        )
        scores = {"carvalho2018": {"AbsRel": value, "images": 654.0}}
        return FoundResult("gan", str(seed), OutputKind.METRIC_DEPTH, "nyu", protocols, scores, run)

    first, second = ran(0, 0.130), ran(1, 0.144)
    (verdict,) = verdicts_of(cell, [first, second])
    assert (verdict.outcome, verdict.ours, verdict.results) == (CellOutcome.WITHIN, pytest.approx(0.137), 2)
    apart = verdicts_of(cell, [first, second, ran(2, 0.2, "optim.lr=1")])
    assert [(one.outcome, one.results) for one in apart] == [(CellOutcome.WITHIN, 2), (CellOutcome.WORSE, 1)]
    (unfinished,) = verdicts_of(cell, [ran(3, 0.130, state=())])
    assert "is not done" in unfinished.reasons[0]
    (rooms,) = verdicts_of(cell, [replace(first, data="rooms")])
    assert rooms.reasons == ("scored on rooms, not on NYUv2",)
    smaller = replace(first.run, config={"data": {"split": "795"}})
    assert verdicts_of(cell, [replace(first, run=smaller)])[0].outcome == CellOutcome.NOT_RUN


def test_a_runs_own_scores_are_read_like_those_of_evaluate(tmp_path, protocols):
    rows = {NAME: {"AbsRel": 0.042, "RMSE": None}}
    for kinds, scores in (({"kind": "affine_disparity"}, rows), ({"kinds": {"x": "affine_disparity"}}, {"x": rows})):
        file = tmp_path / "scores.json"
        file.write_text(json.dumps({"format": 2, "protocols": protocols, "scores": scores, **kinds}))
        (found,) = read_results_file(file)
        assert found.kind == OutputKind.AFFINE_DISPARITY
        assert found.scores[NAME]["AbsRel"] == 0.042
        assert math.isnan(found.scores[NAME]["RMSE"])

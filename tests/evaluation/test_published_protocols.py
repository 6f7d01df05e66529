"""One name for a publication: rows that fit the data and the kind of prediction are scored, others say why not."""

import json

import cv2
import numpy as np
import pytest

from depthbench.evaluate import help_text, main

ROWS, COLUMNS = np.mgrid[:480, :640]
TRUTHS = {f"{place:05d}": 2 + 1.5 * np.sin(ROWS / 90 + place) + COLUMNS / 200 for place in range(2)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("published")
    for part in ("train", "test"):
        (root / "data" / part).mkdir(parents=True)
        for name, truth in TRUTHS.items():
            cv2.imwrite(str(root / "data" / part / f"rgb_{name}.png"), np.zeros((480, 640, 3), np.uint8))
            cv2.imwrite(str(root / "data" / part / f"depth_{name}.png"), np.rint(truth * 1000).astype(np.uint16))
    for kind, make in {"metric_depth": lambda t: t, "affine_disparity": lambda t: 7 / t + 0.9}.items():
        (root / kind).mkdir()
        for name, truth in TRUTHS.items():
            np.save(root / kind / f"{name}.npy", make(np.rint(truth * 1000) / 1000).astype(np.float32))
    return root


def evaluated(folder, kind, *arguments):
    output = folder / "scores.json"
    given = [f"predictions={folder / kind}", f"kind={kind}", f"output={output}", *arguments]
    code = main(
        ["data=nyu_labeled", f"data.root={folder / 'data'}", "data.scale=0.001", "data.test_frames=null", *given]
    )
    return json.loads(output.read_text()) if code == 0 else None


def test_a_stronger_kind_is_scored_as_every_weaker_one(folder, capsys):
    content = evaluated(folder, "metric_depth", "protocol=moge")
    scores = content["scores"]["metric_depth"]
    assert list(scores) == [f"moge_nyu_{row}" for row in ("metric", "scale", "affine_depth", "affine_disparity")]
    assert max(row["AbsRel"] for row in scores.values()) < 2e-6
    assert content["protocols"]["moge_nyu_scale"]["source"].startswith("microsoft/MoGe")
    assert content["protocols"]["moge_nyu_scale"]["alignment"]["fit"] == "weighted_l1"
    told = capsys.readouterr().out
    assert "moge_kitti_metric" in told
    assert "is of KITTI, not of NYUv2" in " ".join(told.split()) or "of KITTI, not of NYUv2" in " ".join(told.split())


def test_rows_that_do_a_kind_no_justice_are_left_out(folder, capsys):
    content = evaluated(folder, "affine_disparity", "protocol=moge_nyu,marigold")
    scores = content["scores"]["affine_disparity"]
    assert list(scores) == ["moge_nyu_affine_disparity", "marigold_nyu_disparity"]
    assert max(row["AbsRel"] for row in scores.values()) < 2e-6
    assert "not a measure of disparity up to scale and shift" in " ".join(capsys.readouterr().out.split())


def test_all_protocols_of_the_data_and_the_kind(folder):
    content = evaluated(folder, "affine_disparity", "protocol=all")
    scores = content["scores"]["affine_disparity"]
    assert {"moge_nyu_affine_disparity", "depth_anything_v2_nyu_relative"} <= scores.keys()
    assert max(row["AbsRel"] for row in scores.values()) < 2e-6
    assert {"eigen", "unidepth_v2_nyu_ssi", "ppd_nyu", "marigold_kitti_disparity"} <= content["refused"].keys()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["protocol=mdec"], "is of SYNS-Patches, not of NYUv2"),
        (
            ["protocol=marigold", "protocol.max_depth=8"],
            "marigold is published, so its fields can't be changed",
        ),
        (
            ["protocol=metric3d_nyu", "protocol.max_depth=8"],
            "published, so max_depth can't be changed under its name",
        ),
    ],
)
def test_refusals(arguments, sentence, folder, capsys):
    assert evaluated(folder, "metric_depth", *arguments) is None
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_fields_change_under_a_name_of_ones_own(folder):
    content = evaluated(folder, "metric_depth", "protocol=metric3d_nyu", "protocol.max_depth=2", "protocol.name=mine")
    assert content["protocols"]["mine"]["max_depth"] == 2


def test_help_names_them():
    assert "depth_anything_v2, depth_pro, dust3r, marigold" in help_text()

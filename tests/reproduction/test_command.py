"""The command: results in, verdicts out, and mistakes in a sentence."""

import csv
import json
from dataclasses import asdict

import cv2
import numpy as np
import pytest

from depthbench.protocols import load_protocol
from depthbench.reproduction.__main__ import main

NAME = "moge_nyu_affine_disparity"


@pytest.fixture
def scores(tmp_path):
    content = {
        "format": 2,
        "data": "NYUv2 (MoGe)",
        "kinds": {"maps": "affine_disparity"},
        "protocols": {NAME: asdict(load_protocol(NAME))},
        "scores": {"maps": {NAME: {"AbsRel": 0.0421, "delta1": 0.9, "images": 654}}},
    }
    (tmp_path / "scores.json").write_text(json.dumps(content))
    return tmp_path / "scores.json"


def test_results_of_evaluate_beside_the_published_ones(scores, tmp_path, capsys):
    files = [tmp_path / f"verdicts{end}" for end in (".json", ".csv", ".md")]
    given = [str(scores), "as=Depth Anything V2 L", "cells=moge", f"output={','.join(map(str, files))}"]
    assert main(given) == 0
    told = capsys.readouterr().out
    assert "1 within tolerance, 1 worse, 9 not comparable, 8 not run." in told
    verdicts = {
        (row["set"], row["metric"]): row
        for row in json.loads(files[0].read_text())["verdicts"]
        if row["model"] == "Depth Anything V2 L"
    }
    assert verdicts["NYUv2 (MoGe)", "AbsRel"]["verdict"] == "within tolerance"
    assert verdicts["NYUv2 (MoGe)", "AbsRel"]["ours"] == 0.0421
    assert verdicts["NYUv2 (MoGe)", "delta1"]["verdict"] == "worse"
    assert verdicts["KITTI (MoGe)", "AbsRel"]["reasons"] == ["scored on NYUv2 (MoGe), not on KITTI (MoGe)"]
    assert [row["theirs"] for row in csv.DictReader(files[1].open())][:2] == ["0.0420", "0.9820"]
    assert "| within tolerance |" in files[2].read_text()


def test_predictions_are_evaluated_under_the_protocols_of_the_numbers(tmp_path, capsys):
    rows, columns = np.mgrid[:480, :640]
    truth = np.rint((2 + 1.5 * np.sin(rows / 90) + columns / 200) * 1000) / 1000
    (tmp_path / "maps").mkdir()
    np.save(tmp_path / "maps" / "00000.npy", (7 / truth + 0.9).astype(np.float32))
    for part in ("train", "test"):
        (tmp_path / "data" / part).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "data" / part / "rgb_00000.png"), np.zeros((480, 640, 3), np.uint8))
        cv2.imwrite(str(tmp_path / "data" / part / "depth_00000.png"), np.rint(truth * 1000).astype(np.uint16))
    data = ["data=nyu_labeled", f"data.root={tmp_path / 'data'}", "data.scale=0.001", "data.test_frames=null"]
    model = [f"predictions={tmp_path / 'maps'}", "kind=affine_disparity", "as=Depth Anything V2 L"]
    assert main([*data, *model, f"output={tmp_path / 'verdicts.json'}"]) == 0
    assert "depth_anything_v2_nyu_relative" in capsys.readouterr().out
    found = json.loads((tmp_path / "verdicts.json").read_text())["verdicts"]
    told = {row["protocol"]: row["reasons"] for row in found if row["verdict"] == "not comparable"}
    # A perfect map, but not of the whole set.
    assert told["depth_anything_v2_nyu_relative"] == ["scored on 1 images, the number is of 654"]
    assert told[NAME] == ["scored on NYUv2, not on NYUv2 (MoGe)"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["cells=mogee", "x.json"], "cells=mogee does not exist; did you mean moge?"),
        (["as=Nobody", "x.json"], "as=Nobody names no model of the published numbers"),
        (["data=kitti"], "data=kitti is for evaluate, which needs predictions=, model= or run= to score."),
        (["cells=moge"], "There is nothing to compare"),
        (["list=yes"], "list=yes is unknown; write list=true, or leave it out."),
        (["data=matterport3d", "predictions=x"], "No published number fits matterport3d"),
    ],
)
def test_mistakes(words, sentence, capsys):
    assert main(words) == 2
    assert sentence in capsys.readouterr().err


def test_damaged_and_foreign_files(tmp_path, capsys):
    for text, sentence in (("{", "is not readable JSON"), ("[1]", "holds no scores"), ('{"scores": 3}', "no scores")):
        (tmp_path / "x.json").write_text(text)
        assert main([str(tmp_path / "x.json")]) == 2
        assert sentence in capsys.readouterr().err


def test_the_list_names_numbers_and_sources(capsys):
    assert main(["list=true", "cells=marigold"]) == 0
    told = capsys.readouterr().out
    assert "marigold_kitti_affine_depth" in told
    assert "Ke et al. 2024" in told

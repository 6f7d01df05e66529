"""What captions say of runs."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from depthbench.output_kinds import OutputKind
from depthbench.report import read_runs, write_report
from depthbench.report.analyze.captions import kinds_note, lead, networks, not_finite, notices, starts_note
from depthbench.report.analyze.study import studies
from depthbench.report.read.runs import Run


def run(model: str | None, encoder: str | None) -> Run:
    config = {"model": {"encoder": {"name": encoder}}} if encoder else {}
    choices = {"model": model} if model else {}
    return Run(Path("run"), {"choices": choices}, config, {}, {}, {}, ())


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([("unet", "vgg16")], "unet on vgg16"),
        ([("unet", "vgg16"), ("hu", "vgg16"), ("unet", "vgg16")], "unet, hu on vgg16"),
        ([("d3net", "densenet121"), ("lee", "densenet161")], "d3net on densenet121, lee on densenet161"),
        ([("unet", "vgg16"), ("unet", "resnet50")], "unet on vgg16, unet on resnet50"),
        ([("own", None)], "own"),
        ([("own", None), ("unet", "vgg16")], "own, unet on vgg16"),
        ([(None, "vgg16")], "vgg16"),
        ([(None, None)], "not recorded"),
        ([(None, None), ("unet", "vgg16")], "unet on vgg16"),
    ],
)
def test_networks(runs, said):
    assert networks(run(*choices) for choices in runs) == said


@pytest.mark.parametrize(
    ("starts", "said"),
    [
        ([None, None], ""),
        (["/x/networks/small/model.safetensors"] * 2, "All runs start from a trained network (small); the amounts"),
        ([None, "/x/net.ckpt"], "1 of 2 runs start from a trained network (net.ckpt)"),
        (["/x/runs/loss-l1-1a2b/checkpoints/last.ckpt"], "All runs start from a trained network (loss-l1-1a2b)"),
    ],
)
def test_trained_starts_are_said(starts, said):
    found = starts_note([Run(Path("run"), {}, {"init": start}, {}, {}, {}, ()) for start in starts])
    assert found.startswith(said)
    assert bool(found) == bool(said)


def spoil(path, score, pixels, images):
    """Some predictions of a run are not finite: its means over images aren't either."""
    scores = json.loads((path / "scores.json").read_text())
    scores["eigen"] |= {"AbsRel": score, "RMSE": score, "nonfinite": float(pixels)}
    (path / "scores.json").write_text(json.dumps(scores))
    rows = list(csv.reader((path / "per_image.csv").open()))
    with (path / "per_image.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*rows[0], "nonfinite"])
        for index, row in enumerate(rows[1:]):
            broken = ["nan", row[3], "nan", *row[5:]] if index < images else row[2:]
            writer.writerow([*row[:2], *broken, pixels if index < images else 0])


@pytest.mark.parametrize("score", [None, float("nan")])
def test_scores_that_are_nan_are_called_so_with_their_reason(tmp_path, make_run, score):
    for loss in ("l1", "eigen", "gan"):
        path = make_run(tmp_path, loss=loss, images=20, panels=False)
    spoil(path, score, 1200, 3)
    (study,) = studies(read_runs([tmp_path]))
    (said,) = [notice for notice in notices(study) if "finite" in notice]
    assert said == (
        "loss=gan,data.split=795,seed=0: AbsRel, RMSE under the protocol eigen are NaN, because 1\u202f200 predicted "
        "pixels of 3 test images are not finite numbers; means over seeds leave it out."
    )
    write_report(read_runs([tmp_path]), tmp_path / "page.html", figures=False)
    page = (tmp_path / "page.html").read_text()
    assert '<td data-value="">NaN</td>' in page
    assert "leaves those out" not in page
    table = (tmp_path / "page_files" / "eigen-scores.md").read_text()
    assert "| gan | 1 | NaN |" in table
    latex = (tmp_path / "page_files" / "eigen-scores.tex").read_text()
    assert "gan & 1 & NaN &" in latex


def test_pixels_that_no_score_suffers_from_are_said_too(tmp_path, make_run):
    path = make_run(tmp_path, images=9, panels=False)
    scores = json.loads((path / "scores.json").read_text())
    scores["eigen"] |= {"nonfinite": 7.0, "images_nonfinite": 1.0}
    (path / "scores.json").write_text(json.dumps(scores))
    (run,) = read_runs([tmp_path])
    assert not_finite(run).endswith(
        "7 predicted pixels of 1 test image are not finite numbers, under the protocol eigen."
    )


def test_training_and_test_images_are_never_one_word(tmp_path, make_run):
    for loss in ("l1", "eigen"):
        path = make_run(tmp_path, loss=loss, split="96", images=96, panels=False)
    (study,) = studies(read_runs([tmp_path]))
    assert "trained on 96 images" in lead(study, "eigen")
    assert "96 test images" in lead(study, "eigen")
    write_report(read_runs([tmp_path]), tmp_path / "page.html", figures=False)
    page = (tmp_path / "page.html").read_text()
    assert " at 96 training images (" in page
    assert "n = 1 seed, 96 test images" in page
    assert path.exists()


def test_rows_of_one_kind_are_not_called_different():
    relative = replace(run("unet", None), kind=OutputKind.AFFINE_DEPTH)
    all_alike = kinds_note([relative, relative])
    assert all_alike == "All rows predict depth up to scale and shift, fitted to the truth before scoring."
    assert kinds_note([relative, run("unet", None)]).endswith("The others are metric depth.")
    assert kinds_note([run("unet", None)]) == ""
    two = kinds_note([relative, replace(relative, kind=OutputKind.SCALE_DEPTH)])
    assert "different kinds" in two
    assert "others" not in two

"""The page of results: its numbers are those of the kept runs, and results that share runs test a claim once."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from depthbench.report import read_runs, studies
from depthbench.reproduction.kept import KeptResult
from tests.report.conftest import write_run

ROOT = Path(__file__).parents[2]
LOSSES, AMOUNTS, SEEDS = ("l1", "gan"), ("100", "200", "795"), (0, 1)


@pytest.fixture(scope="module")
def page():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import results_page
    finally:
        sys.path.pop(0)
    return results_page


@pytest.fixture(scope="module")
def one(page, tmp_path_factory):
    """A kept result of two losses by three amounts of data."""
    root = tmp_path_factory.mktemp("kept")
    for loss in LOSSES:
        for split in AMOUNTS:
            for seed in SEEDS:
                path = write_run(root, loss=loss, split=split, seed=seed, images=20, panels=False)
                told = json.loads((path / "run.json").read_text())
                told["choices"]["experiment"] = "carvalho2018/losses"
                (path / "run.json").write_text(json.dumps(told))
    (study,) = studies(read_runs([root]))
    words = ("experiment=carvalho2018/losses",)
    result = KeptResult("carvalho2018/x", "two losses", words, ("data.root",), root, 1.5, 0.2, "one core", BASE)
    return page.KeptStudy(result, study)


BASE = "loss=l1,data.split=795"


def mean(one, loss, split):
    """AbsRel of a row over its seeds, from the files."""
    runs = [run for run in one.study.runs if (run.value("loss"), str(run.value("data.split"))) == (loss, split)]
    return np.mean([json.loads((run.path / "scores.json").read_text())["eigen"]["AbsRel"] for run in runs])


def test_every_place_of_the_page_is_written(page, one):
    found = page.parts([one])
    text = page.TEMPLATE.read_text(encoding="utf-8")
    marks = set(re.findall(r"<!-- computed: ([\w ]+) -->", text))
    assert found.keys() == marks
    page.replaced(text, found)


def test_the_worth_of_a_choice_is_its_difference(page, one):
    table = page.worth_table([one])
    choices = {
        ("gan", "795"): "gan instead of l1",
        ("l1", "100"): "100 instead of 795 training images (l1)",
        ("l1", "200"): "200 instead of 795 training images (l1)",
    }
    for (loss, split), words in choices.items():
        change = mean(one, loss, split) - mean(one, "l1", "795")
        assert f"{change:+.4f}" in next(line for line in table.splitlines() if f"| {words} |" in line)
    assert len(table.strip().splitlines()) == 2 + len(choices)  # no other row differs in one thing only


def test_a_study_of_a_single_row_has_scores_and_no_choice(page, one):
    runs = [run for run in one.study.runs if (run.value("loss"), str(run.value("data.split"))) == ("l1", "795")]
    (study,) = studies(runs)
    single = page.KeptStudy(replace(one.result, shows="one recipe", baseline="loss=l1"), study)
    found = page.parts([single, one])
    assert "**one recipe** (protocol `eigen`, n = 2 seeds, one core)" in found["scores"]
    assert f"{mean(one, 'l1', '795'):.3f}" in page.score_table(single)
    assert single.worth == []
    assert found["worth"] == page.parts([one])["worth"]


def test_scores_are_means_over_seeds(page, one):
    table = page.score_table(one)
    for loss in LOSSES:
        for split in AMOUNTS:
            row = next(line for line in table.splitlines() if f"{loss}, {split} training" in line)
            assert f"| {mean(one, loss, split):.3f} [" in row


def test_laws_lead_on(page, one):
    text = page.amounts_text([one])
    amounts = np.log([float(amount) for amount in AMOUNTS])
    slope, start = np.polyfit(amounts, [np.log(mean(one, "gan", amount)) for amount in AMOUNTS], 1)
    row = next(line for line in text.splitlines() if line.startswith("| gan"))
    assert f"| {slope:.3f} [" in row
    assert f"| {np.exp(start + slope * np.log(12_000)):.3f} [" in row


def test_results_that_share_runs_test_a_claim_once(page, one):
    claims = page.parts([one])["claims"]
    assert page.parts([one, one])["claims"] == claims


def test_pictures(page, one, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "PICTURE", tmp_path / "worth.png")
    monkeypatch.setattr(page, "AMOUNTS", tmp_path / "amounts")
    page.draw([one])
    page.draw_amounts([one])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["amounts.png", "worth.png"]


def test_a_claim_names_its_study_and_rows(page, one, tmp_path):
    """Two networks were trained with both losses: each has its own line, which names its study and its rows alone."""
    other = tmp_path / "other"
    for loss in LOSSES:
        for seed in SEEDS:
            path = write_run(other, loss=loss, split="795", seed=seed, images=20, panels=False)
            told = json.loads((path / "run.json").read_text())
            told["choices"] |= {"experiment": "carvalho2018/losses", "model": "d3net"}
            (path / "run.json").write_text(json.dumps(told))
            path.rename(path.with_name(f"{path.name}-d3net"))
    (study,) = studies(read_runs([other]))
    every = [one, page.KeptStudy(replace(one.result, name="carvalho2018/d3net", baseline="loss=l1"), study)]
    table = page.parts(every)["claims"]
    lines = [line for line in table.splitlines() if "L1 is better than the adversarial loss" in line]
    assert [line.split(" | ")[0] for line in lines] == ["| carvalho2018/d3net", "| carvalho2018/x"]
    assert all("l1, 795 training images against gan, 795 training images" in line for line in lines)

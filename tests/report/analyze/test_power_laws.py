import csv
import json

import numpy as np
import pytest
from scipy import stats

from depthbench.report import build_table, read_runs, studies
from depthbench.report.analyze.power_laws import fit_power_law
from depthbench.report.draw.error_by_amount import by_amount
from depthbench.report.draw.style import Look

AMOUNTS = {"795": 795.0, "12k": 12000.0, "230k": 230000.0}


def study_of(root, make_run, seeds=(0, 1, 2), splits=AMOUNTS, images=60):
    for split in splits:
        for seed in seeds:
            make_run(root, split=split, seed=seed, images=images, panels=False)
    return studies(read_runs([root]))[0]


def rescore(root, law, noise, seed=0, per_image=True):
    """Give every run an error that follows a law, with noise of its own seed and of its images."""
    generator = np.random.default_rng(seed)
    for path in sorted(root.iterdir()):
        config = json.loads((path / "run.json").read_text())
        amount = AMOUNTS[next(item for item in config["overrides"] if "split" in item).partition("=")[2]]
        error = law(amount) * np.exp(noise * generator.standard_normal())
        scores = error * np.exp(0.2 * generator.standard_normal(60))
        scores *= error / scores.mean()
        (path / "scores.json").write_text(json.dumps({"eigen": {"AbsRel": error, "images": 60}}))
        with (path / "per_image.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["protocol", "name", "AbsRel"])
            if per_image:
                writer.writerows(["eigen", f"scene{index:04d}", score] for index, score in enumerate(scores))


def test_a_law_is_found_again(tmp_path, make_run):
    study_of(tmp_path, make_run)
    rescore(tmp_path, lambda amount: 0.7 * amount**-0.2, noise=0)
    (study,) = studies(read_runs([tmp_path]))
    law = fit_power_law(study.cells, "eigen", "AbsRel")
    assert (law.factor, law.exponent) == pytest.approx((0.7, -0.2))
    assert law.misfit < 1e-9
    assert law.over == "seeds and test images"
    low, high = law.band(np.array([795.0, 12000.0]))
    curve = 0.7 * np.array([795.0, 12000.0]) ** -0.2
    assert np.all(low < curve)
    assert np.all(curve < high)


def test_the_fit_is_least_squares_in_logarithms(tmp_path, make_run):
    study = study_of(tmp_path, make_run, seeds=(0,))
    law = fit_power_law(study.cells, "eigen", "AbsRel")
    x, y = (np.log([value(cell) for cell in study.cells]) for value in (lambda c: c.amount, score))
    wanted = stats.linregress(x, y)
    assert (law.exponent, np.log(law.factor)) == pytest.approx((wanted.slope, wanted.intercept))
    assert law.over == "test images"


def score(cell):
    return np.mean([run.scores["eigen"]["AbsRel"] for run in cell.runs])


@pytest.mark.slow
def test_the_interval_covers_the_truth_about_as_often_as_it_says(tmp_path, make_run):
    study_of(tmp_path, make_run, seeds=range(5))
    hits = 0
    for trial in range(60):
        rescore(tmp_path, lambda amount: 0.7 * amount**-0.2, noise=0.05, seed=trial, per_image=False)
        low, high = fit_power_law(studies(read_runs([tmp_path]))[0].cells, "eigen", "AbsRel").interval()
        hits += low < -0.2 < high
    assert hits / 60 > 0.75  # a bootstrap of five seeds is known to be somewhat narrow; 95 % would need many


@pytest.mark.parametrize(
    ("splits", "per_image", "said"),
    [
        (("795", "12k"), True, "No power law is fitted: it needs 3 amounts of data; a line passes through any two."),
        (AMOUNTS, True, "fitted power law with its 95 % band (bootstrap over test images;"),
        (AMOUNTS, False, "Thin dashes: fitted power law; exponent of AbsRel: l1: −0."),
    ],
)
def test_the_caption_says_what_was_fitted(tmp_path, make_run, splits, per_image, said):
    study_of(tmp_path, make_run, seeds=(0,), splits=splits)
    rescore(tmp_path, lambda amount: 0.7 * amount**-0.2, noise=0.02, per_image=per_image)
    (study,) = studies(read_runs([tmp_path]))
    figure = by_amount(study, build_table(study, "eigen"), Look(study.methods), "About.")
    assert said in figure.caption
    assert len(figure.svgs("x")) == 1


def test_a_method_with_too_few_amounts_is_named(tmp_path, make_run):
    study_of(tmp_path, make_run, seeds=(0,))
    make_run(tmp_path, loss="l2", images=60, panels=False)
    (study,) = studies(read_runs([tmp_path]))
    figure = by_amount(study, build_table(study, "eigen"), Look(study.methods), "")
    assert "Not fitted, for want of 3 amounts: l2." in figure.caption

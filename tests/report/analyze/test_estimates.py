import csv
import io
import json

import numpy as np
import pytest
from scipy import stats

from depthbench.report.analyze import estimates as evidence
from depthbench.report.analyze.study import studies
from depthbench.report.analyze.table import build_table
from depthbench.report.read.runs import read_runs
from depthbench.report.write.table_files import comparisons_csv, to_csv, to_latex, to_markdown


def only(root):
    (study,) = studies(read_runs([root]))
    return study


def test_two_equal_methods_can_not_be_told_apart(tmp_path, make_run):
    for loss in ("l1", "eigen"):
        make_run(tmp_path, loss=loss, quality=1.0, images=300, panels=False)
        scale_to_mean(tmp_path, 0.2)
    (group,) = build_table(only(tmp_path), "eigen").groups
    (sentence,) = group.sentences
    (pair,) = group.comparisons
    assert sentence.endswith(f"can't be told apart at 795 images (p = {pair.p:.1g}, n = 1 seed, 300 images).")
    assert not any("AbsRel" in row.best for row in group.rows)


def scale_to_mean(root, mean):
    """Give every run the same mean AbsRel, with different images good and bad."""
    for path in root.glob("*/per_image.csv"):
        rows = list(csv.reader(io.StringIO(path.read_text())))
        column = rows[0].index("AbsRel")
        factor = mean / np.mean([float(row[column]) for row in rows[1:]])
        for row in rows[1:]:
            row[column] = f"{float(row[column]) * factor:.8f}"
        path.write_text("\n".join(",".join(row) for row in rows) + "\n")
        scores = json.loads((path.parent / "scores.json").read_text())
        scores["eigen"]["AbsRel"] = mean
        (path.parent / "scores.json").write_text(json.dumps(scores))


def test_a_clear_winner_is_marked_and_named(tmp_path, make_run):
    for loss, quality in (("l1", 1.0), ("l2", 1.2), ("eigen", 0.8)):
        make_run(tmp_path, loss=loss, quality=quality, images=300, panels=False)
    (group,) = build_table(only(tmp_path), "eigen").groups
    best = {row.label: row.best for row in group.rows}
    assert {"AbsRel", "RMSE", "delta1"} <= best["eigen"]
    assert not best["l1"]
    assert not best["l2"]
    assert group.sentences[0].startswith("eigen is better than l1 and l2 at 795 images (AbsRel 0.1")
    assert group.sentences[0].endswith("p < 0.001, n = 1 seed, 300 images).")


def test_three_seeds_must_agree_before_anything_is_best(tmp_path, make_run):
    """Every network differs from every other over images, but seeds scatter as much as losses do."""
    for loss, qualities in (("l1", (0.9, 1.0, 1.1)), ("eigen", (0.88, 1.02, 1.09))):
        for seed, quality in enumerate(qualities):
            make_run(tmp_path, loss=loss, seed=seed, quality=quality, images=300, panels=False)
    study = only(tmp_path)
    (pair,) = evidence.compare(study.cells, "eigen", "AbsRel")
    seeds = [evidence.seed_scores(cell, "eigen", "AbsRel") for cell in (pair.a, pair.b)]
    assert pair.p >= stats.ttest_ind(*seeds, equal_var=False).pvalue > 0.3
    item = evidence.estimate(study.cells[0], "eigen", "AbsRel")
    scores = evidence.seed_scores(study.cells[0], "eigen", "AbsRel")
    low, high = stats.t.interval(0.95, 2, np.mean(scores), stats.sem(scores))
    assert (item.over, item.value) == ("seeds", pytest.approx(np.mean(scores)))
    assert (item.low, item.high) == (pytest.approx(low), pytest.approx(high))


def test_intervals_follow_the_protocols_reduction(tmp_path, make_run):
    """Root of the mean square over images is recognized; a pooled score that no reduction gives has no interval."""
    path = make_run(tmp_path, images=200, panels=False)
    run = read_runs([tmp_path])[0]
    values = run.per_image["eigen"]
    scores = json.loads((path / "scores.json").read_text())
    scores["eigen"] |= {
        "RMSE": float(np.sqrt(np.mean(values["RMSE"] ** 2))),
        "SqRel": 2 * float(np.mean(values["SqRel"])),
    }
    (path / "scores.json").write_text(json.dumps(scores))
    (cell,) = only(tmp_path).cells
    found = {metric: evidence.estimate(cell, "eigen", metric) for metric in ("AbsRel", "RMSE", "SqRel")}
    assert [item.over for item in found.values()] == ["images", "images", ""]
    half = 1.96 * np.std(values["AbsRel"]) / np.sqrt(200)
    assert found["AbsRel"].high - found["AbsRel"].value == pytest.approx(half, rel=0.2)
    assert found["RMSE"].low < scores["eigen"]["RMSE"] < found["RMSE"].high


def test_without_scores_of_images_nothing_is_claimed(tmp_path, make_run):
    for loss in ("l1", "eigen"):
        (make_run(tmp_path, loss=loss, panels=False) / "per_image.csv").unlink()
    (group,) = build_table(only(tmp_path), "eigen").groups
    assert group.sentences == ("No test between the rows at 795 images: they share no scores of single images.",)
    assert not any(row.best for row in group.rows)


def test_images_are_paired_by_name(tmp_path, make_run):
    make_run(tmp_path, loss="l1", images=50, panels=False)
    make_run(tmp_path, loss="eigen", images=80, panels=False)
    (pair,) = evidence.compare(only(tmp_path).cells, "eigen", "AbsRel")
    assert pair.images == 50


def test_many_rows_are_tested_against_the_best_only(tmp_path, make_run):
    for index in range(evidence.ALL_PAIRS + 2):
        make_run(tmp_path, loss=f"loss{index:02d}", quality=1 + 0.02 * index, images=40, panels=False)
    study = only(tmp_path)
    pairs = evidence.compare(study.cells, "eigen", "AbsRel")
    best = evidence.rank(study.cells, "eigen", "AbsRel")[0]
    assert len(pairs) == evidence.ALL_PAIRS + 1
    assert all(pair.a is best for pair in pairs)


def test_tables_as_text_hold_the_inputs(sweep):
    study = only(sweep)
    table = build_table(study, "eigen")
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    expected = {(run.value("loss"), run.value("data.split")): run.scores["eigen"] for run in read_runs([sweep])}
    assert len(rows) == len(expected) == 9
    names = {"795": "795", "12000": "12k", "230000": "230k"}
    for row in rows:
        scores = expected[row["method"], names[row["images"]]]
        assert float(row["AbsRel"]) == scores["AbsRel"]
        assert float(row["delta1_low"]) < scores["delta1"] < float(row["delta1_high"])
    markdown, latex = to_markdown(table, "About."), to_latex(table, "50 % of a_b")
    assert f"**{min(s['AbsRel'] for s in expected.values()):.3f}**" in markdown
    assert "\\caption{50 \\% of a\\_b}" in latex
    assert latex.count("\\midrule") == 3
    assert len(comparisons_csv(table).splitlines()) == 1 + 3 * 3


def test_latex_and_markdown_escape_names(tmp_path, make_run):
    for loss in ("a|b_c", "50%&x"):
        make_run(tmp_path, loss=loss, images=20, panels=False)
    table = build_table(only(tmp_path), "eigen")
    assert "a\\|b_c" in to_markdown(table, "")
    assert "a|b\\_c" in to_latex(table, "")
    assert "50\\%\\&x" in to_latex(table, "")

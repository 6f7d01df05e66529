import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from depthbench.evaluation.evaluate import evaluation_of
from depthbench.evaluation.scoring import Scored
from depthbench.metrics.functional import STANDARD
from depthbench.metrics.pixel_sums import masked_sums
from depthbench.protocols import EvalProtocol
from depthbench.report.analyze import estimates as evidence
from depthbench.report.analyze.study import Cell, studies
from depthbench.report.analyze.table import build_table
from depthbench.report.read.runs import Run, read_runs
from depthbench.report.write.table_files import comparisons_csv, to_csv, to_latex, to_markdown
from depthbench.stats import image_sums, permutation
from depthbench.stats.image_scores import FORMS, form_of
from depthbench.stats.wording import p_text
from tests.report.analyze.test_study import change


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
    said = f"can't be told apart at 795 training images ({p_text([pair.p])}, n = 1 seed, 300 test images)."
    assert sentence.endswith(said)
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
    assert group.sentences[0].startswith("eigen is better than l1 and l2 at 795 training images (AbsRel 0.1")
    assert group.sentences[0].endswith("p < 0.001, n = 1 seed, 300 test images).")


def test_three_seeds_must_agree_before_anything_is_best(tmp_path, make_run):
    """Every network differs from every other over images, but seeds scatter as much as losses do."""
    for loss, qualities in (("l1", (0.9, 1.0, 1.1)), ("eigen", (1.02, 0.88, 1.09))):
        for seed, quality in enumerate(qualities):
            make_run(tmp_path, loss=loss, seed=seed, quality=quality, images=300, panels=False)
    study = only(tmp_path)
    ((pair,),) = evidence.compare_cells([study.cells], "eigen", "AbsRel")
    seeds = [np.array(evidence.seed_scores(cell, "eigen", "AbsRel")) for cell in (pair.a, pair.b)]
    assert pair.p >= stats.ttest_rel(*seeds).pvalue > 0.3
    assert pair.seeds == (3, 3)
    item = evidence.estimate_of(study.cells[0], "eigen", "AbsRel")
    scores = evidence.seed_scores(study.cells[0], "eigen", "AbsRel")
    low, high = stats.t.interval(0.95, 2, np.mean(scores), stats.sem(scores))
    assert (item.over, item.value) == ("seeds and images", pytest.approx(np.mean(scores)))
    assert item.low < low < high < item.high  # images add to the uncertainty of seeds


def test_a_difference_that_is_the_same_for_each_seed_is_told(tmp_path, make_run):
    """Two losses whose seeds scatter alike: paired by seed they differ, by Welch's test they don't."""
    for seed, level in enumerate((0.9, 1.0, 1.1)):
        for loss, factor in (("l1", 1.0), ("eigen", 0.985)):
            path = make_run(tmp_path, loss=loss, seed=seed, images=300, panels=False)
            rescale(path, level * factor * (1 + 0.0002 * seed))
    (group,) = build_table(only(tmp_path), "eigen").groups
    (pair,) = group.comparisons
    seeds = [evidence.seed_scores(cell, "eigen", "AbsRel") for cell in (pair.a, pair.b)]
    assert stats.ttest_ind(*seeds, equal_var=False).pvalue > 0.5
    assert pair.p < 0.05
    assert group.sentences[0].startswith("eigen is better than l1 at 795 training images")


def rescale(path, factor):
    """Scores of the same images, whatever the run: AbsRel grows with the place of the image."""
    rows = list(csv.reader(io.StringIO((path / "per_image.csv").read_text())))
    column = rows[0].index("AbsRel")
    for place, row in enumerate(rows[1:]):
        row[column] = repr(factor * (0.15 + 0.0003 * place))
    (path / "per_image.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")
    scores = json.loads((path / "scores.json").read_text())
    scores["eigen"]["AbsRel"] = float(np.mean([float(row[column]) for row in rows[1:]]))
    (path / "scores.json").write_text(json.dumps(scores))


def test_runs_that_repeat_a_seed_count_once(tmp_path, make_run):
    """Three runs of one seed that differ in callbacks alone are no three seeds."""
    for loss, quality in (("l1", 1.0), ("eigen", 0.8)):
        for panels in (1, 2, 3):
            path = make_run(tmp_path / str(panels), loss=loss, quality=quality, images=80, panels=False)
            change(path, {"callbacks.panels": panels})
    study = only(tmp_path)
    assert [len(cell.runs) for cell in study.cells] == [3, 3]
    (group,) = build_table(study, "eigen").groups
    assert [pair.seeds for pair in group.comparisons] == [(1, 1)]
    assert all(row.estimates["AbsRel"].over == "images" for row in group.rows)
    assert all(row.estimates["AbsRel"].low < row.estimates["AbsRel"].high for row in group.rows)
    assert "l1 at 795 training images: 3 runs of seed 0 are averaged and count as one seed." in group.sentences
    assert [line.split(",")[3] for line in to_csv(build_table(study, "eigen")).splitlines()] == ["seeds", "1", "1"]


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
    found = {metric: evidence.estimate_of(cell, "eigen", metric) for metric in ("AbsRel", "RMSE", "SqRel")}
    assert [item.over for item in found.values()] == ["images", "images", ""]
    half = 1.96 * np.std(values["AbsRel"]) / np.sqrt(200)
    assert found["AbsRel"].high - found["AbsRel"].value == pytest.approx(half, rel=0.2)
    assert found["RMSE"].low < scores["eigen"]["RMSE"] < found["RMSE"].high


def test_without_scores_of_images_nothing_is_claimed(tmp_path, make_run):
    for loss in ("l1", "eigen"):
        (make_run(tmp_path, loss=loss, panels=False) / "per_image.csv").unlink()
    (group,) = build_table(only(tmp_path), "eigen").groups
    assert group.sentences == (
        "No test between the rows at 795 training images: they share no scores of single images.",
    )
    assert not any(row.best for row in group.rows)


def test_images_are_paired_by_name(tmp_path, make_run):
    for loss, images in (("l1", 50), ("eigen", 80)):
        (make_run(tmp_path, loss=loss, images=images, panels=False) / "data.json").unlink()
    ((pair,),) = evidence.compare_cells([only(tmp_path).cells], "eigen", "AbsRel")
    assert pair.images == 50


def test_all_pairs_of_all_groups_are_one_family(tmp_path, make_run):
    for split in ("795", "12k"):
        for index in range(6):
            make_run(tmp_path, loss=f"loss{index:02d}", split=split, quality=1 + 0.004 * index, images=20, panels=False)
    study = only(tmp_path)
    groups = list(study.groups("eigen").values())
    together = evidence.compare_cells(groups, "eigen", "AbsRel")
    assert [len(group) for group in together] == [15, 15]
    alone = [evidence.compare_cells([group], "eigen", "AbsRel")[0] for group in groups]
    for one, other in zip(together, alone, strict=True):
        assert all(pair.p >= same.p for pair, same in zip(one, other, strict=True))
    sums = [sum(pair.p for group in tests for pair in group) for tests in (together, alone)]
    assert sums[0] > sums[1]


def test_at_most_5_percent_of_pages_of_many_equal_rows_call_one_better(monkeypatch):
    """13 equal rows, of which the best was chosen and tested against 12 others: 14 % of pages once said so."""
    monkeypatch.setattr(permutation, "PERMUTATIONS", 300)
    monkeypatch.setattr(image_sums, "RESAMPLES", 50)
    rng, false, pages = np.random.default_rng(0), 0, 40
    for _ in range(pages):
        common = rng.normal(0.2, 0.05, 60)
        cells = [made_cell(f"m{row}", common + rng.normal(0, 0.02, 60)) for row in range(13)]
        (pairs,) = evidence.compare_cells([cells], "p", "AbsRel")
        false += any(evidence.is_better(pair, "AbsRel") for pair in pairs)
    assert false <= stats.binom.ppf(0.9999, pages, 0.05)


def made_cell(method, values):
    info = {"choices": {"loss": method}}
    run = Run(Path(method), info, {"seed": 0}, {}, {}, {"p": {"AbsRel": float(values.mean())}}, ())
    names = np.array([f"{index:03d}" for index in range(len(values))])
    run.__dict__["per_image"] = {"p": {"name": names, "AbsRel": values}}
    return Cell(method, 795, (run,))


@pytest.mark.parametrize("reduction", ["image", "mse_image", "pixel"])
def test_evaluate_and_report_print_the_same_p_and_the_same_interval(tmp_path, make_run, reduction):
    """Two runs of 40 images, seen by both commands."""
    rng = np.random.default_rng(0)
    names = [f"scene{index % 40:04d}" for index in rng.permutation(40)]  # a data set's own order
    rules, scored = EvalProtocol(name="eigen", reduction=reduction), []
    for loss, error in (("l1", 0.30), ("eigen", 0.28)):
        true = torch.rand(40, 1, 6, 6, generator=torch.Generator().manual_seed(9)) * 4 + 1
        true[torch.rand(true.shape, generator=torch.Generator().manual_seed(8)) < 0.3] = 0
        noise = torch.rand(true.shape, generator=torch.Generator().manual_seed(ord(loss[0])))
        sums = masked_sums(true * (1 + error * noise) + 0.01, true, true > 0)
        one = Scored(name=loss, frames=names, sums={"eigen": sums}, batch_size=8)
        scored.append(one)
        path = make_run(tmp_path, loss=loss, images=3, panels=False)
        (path / "scores.json").write_text(json.dumps({"eigen": one.scores(rules)}))
        columns = one.per_image(rules)
        with (path / "per_image.csv").open("w", newline="") as file:
            csv.writer(file).writerow(["protocol", "name", *columns])
            rows = zip(names, *columns.values(), strict=True)
            csv.writer(file).writerows(["eigen", *row] for row in rows)
    (pair,) = evaluation_of(scored, [rules], {}, [], 0).paired
    cells = {cell.method: cell for cell in only(tmp_path).cells}
    limits = evaluation_of(scored, [rules], {}, [], 0).limits
    compared = 0
    for metric in STANDARD:
        if metric == "SILog" and reduction != "image":  # can't be read from scores of single images
            assert evidence.compare_cells([list(cells.values())], "eigen", metric) == [[]]
            continue
        ((found,),) = evidence.compare_cells([list(cells.values())], "eigen", metric)
        compared += 1
        sign = 1 if found.a.method == "l1" else -1
        expected = pair.differences[metric]
        value, low, high, p = found.tested.difference
        assert (p, found.p) == (expected.p_value, pair.adjusted[metric])
        assert sign * value == pytest.approx(expected.value, rel=1e-9)
        assert sorted((sign * low, sign * high)) == pytest.approx([expected.low, expected.high], rel=1e-6)
        for loss, cell in cells.items():
            item = evidence.estimate_of(cell, "eigen", metric)
            assert (item.low, item.high) == pytest.approx(limits[loss]["eigen"][metric], rel=1e-9)
    assert compared >= 8


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
    assert "50 \\% of a\\_b}" in latex
    assert latex.count("\\midrule") == 3
    assert len(comparisons_csv(table).splitlines()) == 1 + 3 * 3


def test_latex_and_markdown_escape_names(tmp_path, make_run):
    for loss in ("a|b_c", "50%&x"):
        make_run(tmp_path, loss=loss, images=20, panels=False)
    table = build_table(only(tmp_path), "eigen")
    assert "a\\|b_c" in to_markdown(table, "")
    assert "a|b\\_c" in to_latex(table, "")
    assert "50\\%\\&x" in to_latex(table, "")


def test_rows_whose_images_have_equally_many_pixels_are_read_in_one_form():
    """Mean of images and mean of pixels are then equal but for rounding, which must not choose for each row."""
    rng = np.random.default_rng(0)
    forms = set()
    for _ in range(200):
        values = rng.uniform(0.1, 0.4, 17)
        score = float(np.sum(values * 2640.0) / (17 * 2640.0)) if rng.random() < 0.5 else float(values.mean())
        forms.add(form_of([(values, np.full(17, 2640.0), score)]))
    assert forms == {FORMS[0]}


def test_rows_of_almost_equally_many_pixels_are_compared_in_one_form():
    """Archives keep four digits: rounding must not give one row of a protocol another form than the next."""
    rng = np.random.default_rng(3)
    names = np.array([f"scene{index:03d}" for index in range(100)])
    pixels = np.round(4800 * (1 - 0.01 * rng.random(100)))

    def row(loss):
        values = rng.uniform(0.05, 0.17, 100)
        table = {"name": names, "AbsRel": np.array([float(f"{value:.4g}") for value in values]), "pixels": pixels}
        config, info = {"seed": 0}, {"choices": {"loss": loss}}
        scores = {"eigen": {"AbsRel": float(values.mean())}}
        run = Run(Path(loss), info, config, {"state": "done"}, {"x": 1}, scores, ())
        vars(run)["per_image"] = {"eigen": table}
        return Cell(loss, 795, (run,))

    cells = [row(f"loss{index}") for index in range(20)]
    (pairs,) = evidence.compare_cells([cells], "eigen", "AbsRel")
    assert len(pairs) == 190
    assert evidence.shared_form(cells, "eigen", "AbsRel") == FORMS[0]


def test_a_row_that_is_worse_on_all_seeds_and_better_on_those_it_shares_is_called_so(tmp_path, make_run):
    """In the middle of a sweep the best row by its mean may lose the test over the seeds that both rows have."""
    for seed in range(4):
        make_run(tmp_path, loss="l1", seed=seed, quality=1.5 if seed == 0 else 1.0, images=200, panels=False)
    make_run(tmp_path, loss="eigen", seed=0, quality=1.3, images=200, panels=False)
    (group,) = build_table(only(tmp_path), "eigen").groups
    assert group.comparisons[0].p < 0.05
    told = " ".join(group.sentences)
    assert "eigen is better than l1 at 795 training images (p" in told
    assert "On the seeds and images that they share" in told
    assert "can't be told apart" not in told

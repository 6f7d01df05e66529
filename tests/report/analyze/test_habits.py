"""Old habits: what single seeds and best epochs would have said, with made-up runs whose truth is known."""

import csv

import numpy as np
import pytest

from depthbench.report import read_runs, studies
from depthbench.report.analyze.habits import best_epochs, one_seed_habit


@pytest.fixture
def rows(tmp_path, make_run):
    """A function from the quality of each loss by seed to the rows of the study."""

    def made(qualities):
        for loss, by_seed in qualities.items():
            for seed, quality in enumerate(by_seed):
                make_run(tmp_path, loss=loss, quality=quality, seed=seed, images=60, panels=False)
        (study,) = studies(read_runs([tmp_path]))
        return list(study.cells)

    return made


def test_seeds_that_oppose_each_other(rows):
    found = one_seed_habit(rows({"l1": [1.0, 1.0, 1.0], "eigen": [0.7, 1.4, 1.0]}), "eigen", "AbsRel")
    assert (found.pairs, found.seeds, found.all_seeds) == (1, 3, 0)
    assert found.opposed == (("l1", "eigen"),)
    assert found.one_seed >= 2 / 3
    assert found.unconfirmed == 1
    assert found.orders == 2


def test_seeds_that_agree_confirm_each_other(rows):
    given = {"l1": [1.0] * 4, "eigen": [0.7] * 4, "gan": [1.4] * 4}
    found = one_seed_habit(rows(given), "eigen", "AbsRel")
    assert (found.pairs, found.all_seeds, found.one_seed, found.unconfirmed) == (3, 3, 3, 0)
    assert found.opposed == ()
    assert found.firsts == {"eigen": 4}
    assert found.orders == 1


def test_a_score_of_which_more_is_better(rows):
    found = one_seed_habit(rows({"l1": [1.0] * 3, "eigen": [0.6] * 3}), "eigen", "delta1")
    assert found.firsts == {"eigen": 3}
    assert found.unconfirmed == 0


def test_only_seeds_that_all_rows_have_count(rows):
    assert one_seed_habit(rows({"l1": [1.0, 1.0, 1.0], "eigen": [0.7]}), "eigen", "AbsRel") is None


def test_no_rows(rows):
    assert one_seed_habit([], "eigen", "AbsRel") is None


@pytest.mark.parametrize(("metric", "pick"), [("AbsRel", min), ("delta1", max)])
def test_best_epochs_against_the_tables(rows, metric, pick, tmp_path):
    cells = rows({"l1": [1.0, 1.1], "eigen": [0.9, 0.8]})
    for cell in cells:
        for run in cell.runs:  # delta1 is not among the made-up curves
            path = run.path / "metrics.csv"
            path.write_text(path.read_text().replace("val/AbsRel", f"val/{metric}"))
    found = {row.row: row for row in best_epochs(cells, metric)}
    for cell in cells:
        last, best = [], []
        for run in cell.runs:
            with (run.path / "metrics.csv").open() as file:
                curve = [float(row[f"val/{metric}"]) for row in csv.DictReader(file) if row[f"val/{metric}"]]
            last.append(curve[-1])
            best.append(pick(curve))
        assert found[cell.method].last == pytest.approx(np.mean(last))
        assert found[cell.method].best == pytest.approx(np.mean(best))


def test_rows_without_curves_are_left_out(rows):
    assert best_epochs(rows({"l1": [1.0], "eigen": [0.9]}), "RMSE") == []

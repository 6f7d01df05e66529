"""Times that runs recorded: in the figure of error against time, and beside a paper's."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas

from depthbench.report import read_runs, write_report
from depthbench.report.analyze.published_tables import Paper, exhibits, read_published
from depthbench.report.analyze.study import studies
from depthbench.report.write.data_section import Chapter


def record(path, **times):
    """Change what a run's marker says."""
    done = json.loads((path / "DONE").read_text())
    (path / "DONE").write_text(json.dumps(done | times))


def figure(root):
    """The figure of error against time, if there is one."""
    (study,) = studies(read_runs([root]))
    return next((found for found in Chapter(study, "data").figures if found.key == "time"), None)


def drawn(panel):
    """The quantity that a panel is against, its points and its ticks."""
    ax = Canvas().subplots()
    panel(ax)
    points = sorted({(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in ax.lines})
    return ax.get_xlabel(), points, ax.get_xticks(), ax.get_xlim()


def test_error_stands_against_both_times(tmp_path, make_run):
    times = {"l1": (0.004, 50), "eigen": (0.02, 300)}
    for loss, (image, whole) in times.items():
        record(make_run(tmp_path, loss=loss, images=3, panels=False), seconds_per_image=image, seconds=whole)
    error = {run.value("loss"): run.scores["eigen"]["AbsRel"] for run in read_runs([tmp_path])}
    panels = [drawn(panel) for panel in figure(tmp_path).panels]
    assert [label for label, *_ in panels] == [
        "milliseconds per image, one at a time",
        "minutes of training and testing, whole run",
    ]
    np.testing.assert_allclose(panels[0][1], [(4, error["l1"]), (20, error["eigen"])])
    np.testing.assert_allclose(panels[1][1], [(50 / 60, error["l1"]), (300 / 60, error["eigen"])])


@pytest.mark.parametrize(
    ("times", "panels"),
    [
        ([{}, {}], ["whole run"]),  # by a version that recorded none for an image
        ([{"seconds_per_image": 0.1}, {}], ["whole run"]),
        ([{"seconds_per_image": 0.1, "seconds": 0}, {"seconds_per_image": 0.2}], ["one at a time"]),
        ([{"seconds": None}, {}], None),
    ],
)
def test_a_panel_needs_two_runs(tmp_path, make_run, times, panels):
    for loss, known in zip(("l1", "eigen"), times, strict=True):
        record(make_run(tmp_path, loss=loss, images=3, panels=False), **known)
    found = figure(tmp_path)
    assert panels == (found and [drawn(panel)[0].rpartition(", ")[2] for panel in found.panels])


@pytest.mark.parametrize("seconds", [(0.0014, 0.0014), (0.007, 0.0072), (0.03, 0.05), (0.002, 0.9)])
def test_the_axis_has_ticks_however_short_it_is(tmp_path, make_run, seconds):
    for loss, one in zip(("l1", "eigen"), seconds, strict=True):
        record(make_run(tmp_path, loss=loss, images=3, panels=False), seconds_per_image=one)
    _, _, ticks, (low, high) = drawn(figure(tmp_path).panels[0])
    assert 2 <= len(ticks) <= 9
    assert all(low <= tick <= high for tick in ticks)


def test_times_stand_beside_a_papers(tmp_path, make_run):
    paper = tmp_path / "paper2020" / "published.csv"
    paper.parent.mkdir()
    rows = ["table 7,one,loss=l1,seconds_per_step,1.63,TITAN X", "table 7,testing,loss=eigen,seconds_per_image,0.047,"]
    paper.write_text("\n".join(["exhibit,row,select,metric,value,note", *rows]))
    for seed, step in enumerate((0.2, 0.3, 0.7)):
        record(make_run(tmp_path / "runs", loss="l1", seed=seed, images=3, panels=False), seconds_per_step=step)
    record(make_run(tmp_path / "runs", loss="eigen", images=3, panels=False), seconds_per_image=0.031)
    runs = read_runs([tmp_path / "runs"])
    (study,) = studies(runs)
    (table,) = exhibits(study, Paper("paper2020", tuple(read_published(paper)), given=True))
    step, image = table.lines[0].here["seconds_per_step"], table.lines[1].here["seconds_per_image"]
    assert (step.value, step.over) == (pytest.approx(0.4), "seeds")
    assert (image.value, image.over) == (0.031, "")
    write_report(runs, tmp_path / "page.html", figures=False, published=[paper])
    page = (tmp_path / "page.html").read_text()
    assert "seconds per step ↓ published" in page
    assert "Times are those of the machine named under Runs." in page
    assert "seconds_per_step" not in (tmp_path / "page_files" / "eigen-scores.csv").read_text()


def test_points_of_several_amounts_are_told_apart(tmp_path, make_run):
    for split in ("96", "960"):
        for loss in ("l1", "eigen"):
            record(make_run(tmp_path, loss=loss, split=split, images=3, panels=False), seconds_per_image=0.01)
    found = figure(tmp_path)
    assert found.caption.startswith("The number beside a point is that of its training images.")
    ax = Canvas().subplots()
    found.panels[0](ax)
    assert sorted(text.get_text() for text in ax.texts) == ["96", "96", "960", "960"]
    by_place = {round(float(text.xy[1]), 9): text.get_text() for text in ax.texts}
    for run in read_runs([tmp_path]):
        assert by_place[round(run.scores["eigen"]["AbsRel"], 9)] == run.value("data.split")


def test_curves_have_a_title_on_both_axes(tmp_path, make_run):
    make_run(tmp_path, images=3, panels=False)
    (study,) = studies(read_runs([tmp_path]))
    (curves,) = [found for found in Chapter(study, "data").figures if found.key == "convergence"]
    ax = Canvas().subplots()
    curves.panels[0](ax)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("step", "validation AbsRel", "795 training images")

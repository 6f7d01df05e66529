import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from depthbench.palette import MISSING, ColorRange, color_depth
from depthbench.report import read_runs, write_report
from depthbench.report.__main__ import main
from depthbench.report.analyze.estimates import estimate_of
from depthbench.report.analyze.study import studies
from depthbench.report.draw.pictures import data_uri
from tests.report.analyze.test_study import change

VOID = {"meta", "link", "img", "input", "br", "path", "use", "rect", "circle", "line"}


class Page(HTMLParser):
    """The page's tables, references and text; checks that tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.references, self.rows, self.tags, self.text, self.cell = [], [], [], [], [], None
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        self.references += [
            value for key, value in attrs.items() if key in ("src", "href", "xlink:href", "action", "srcset")
        ]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append(attrs.get("data-value", ""))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(data)


def build(root, output, **options):
    write_report(read_runs([root]), output, **options)
    text = output.read_text(encoding="utf-8")
    return text, Page(text)


@pytest.fixture(scope="module")
def built(sweep, tmp_path_factory):
    output = tmp_path_factory.mktemp("page") / "page.html"
    return output, *build(sweep, output)


def test_the_table_shows_the_runs_numbers(sweep, built):
    shown = {value for row in built[2].rows for value in row if value}
    for run in read_runs([sweep]):
        for metric in ("AbsRel", "RMSE", "delta1"):
            assert repr(run.scores["eigen"][metric]) in shown
            assert f"{run.scores['eigen'][metric]:.3f}" in built[1]


def test_the_page_refers_to_nothing_outside(built):
    _, text, page = built
    assert not re.search(r"https?://|//[a-z]|@import|\burl\((?!#)", re.sub(r"data:[^\"]*", "", text))
    assert all(reference.startswith(("data:", "#")) for reference in page.references)
    anchors = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {reference[1:] for reference in page.references if reference.startswith("#")} <= anchors
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_the_page_says_what_it_shows(built):
    said = " ".join("".join(built[2].text).split())
    assert "Rooms are a procedural world drawn by depthbench, not photographs." in said
    assert "3 losses (l1, eigen, gan) at 3 amounts of training data (795, 12 000, 230 000 images)" in said
    assert re.search(r"eigen is better than l1 and gan at 230 000 training images \(AbsRel 0\.\d+, p", said)
    captions = re.findall(r'class="caption">(.*?)</', built[1])
    assert len(captions) >= 4
    for caption in captions:
        assert "network small on resnet10t; seeds: 1 (seed 0)" in caption
        assert "code 0.1.0 (58917e6)" in caption


def test_figures_and_tables_lie_beside_the_page(built):
    files = {path.name for path in built[0].with_name("page_files").iterdir()}
    tables = {f"eigen-{name}" for name in ("scores.csv", "scores.md", "scores.tex", "tests.csv")}
    names = ("amount", "convergence", "profiles", "time", "gallery-795")
    assert files == tables | {f"{name}.{kind}" for name in names for kind in ("png", "pdf")}
    assert built[1].count("<svg") > 7
    assert len(built[1]) < 1_000_000


def test_failed_and_unfinished_runs_are_listed_with_their_reason(tmp_path, make_run):
    for loss in ("l1", "eigen"):
        make_run(tmp_path, loss=loss, images=20, panels=False)
    failed = make_run(tmp_path, loss="gan", images=20, panels=False)
    (failed / "DONE").unlink()
    status = {"state": "failed", "reason": "out of <memory>", "step": 7, "steps": 90}
    (failed / "status.json").write_text(json.dumps(status))
    text, page = build(tmp_path, tmp_path / "page.html", figures=False)
    assert '<span class="state failed">failed</span>' in text
    assert "out of &lt;memory&gt;" in text
    assert "step 7 of 90" in "".join(page.text)
    assert "1 of 3 runs are missing from every table and figure" in text
    assert "gan is better" not in text


def test_a_page_without_any_score_is_still_a_page(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "status.json").write_text('{"state": "waiting"}')
    text, _ = build(tmp_path, tmp_path / "page.html")
    assert "No run has been scored yet." in text


@pytest.mark.parametrize(
    "name", ["config.yaml", "run.json", "status.json", "metrics.csv", "per_image.csv", "panels.npz", "profiles.npz"]
)
def test_missing_files_are_named_and_do_no_harm(tmp_path, make_run, name):
    for loss in ("l1", "eigen"):
        (make_run(tmp_path, loss=loss, images=20) / name).unlink()
    text, _ = build(tmp_path, tmp_path / "page.html", figures=False)
    assert name in text


def test_names_cannot_become_markup(tmp_path, make_run):
    evil = "\"><script>alert(1)</script><img src=x onerror=alert(2)>$x_1$ '&amp;"
    for loss in ("l1", evil):
        make_run(
            tmp_path / str(len(loss)),
            loss="l1",
            images=20,
            name=evil,
            choices={"data": evil, "loss": loss, "model": evil},
        )
    _, page = build(tmp_path, tmp_path / "page.html", title=evil, figures=False)
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(key.startswith("on") for _, attrs in page.tags for key in attrs)
    assert not any(attrs.get("src") == "x" for _, attrs in page.tags)


def test_a_trace_of_the_loss_becomes_bubbles(tmp_path, make_run):
    for loss in ("l1", "eigen"):
        path = make_run(tmp_path, loss=loss, images=20, panels=False)
    terms = ("D/0", 4, -1), ("N/0", 1, 0), ("N/1", 0, 1)
    lines = [f"{k},0,{k},{term},{k + w},{w},{w + s * k}" for k in range(5) for term, w, s in terms]
    (path / "loss_trace.csv").write_text("\n".join(["period,epoch,step,name,loss,weight,contribution", *lines]))
    trace = read_runs([path])[0].trace
    np.testing.assert_array_equal(trace["D/0"], [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]])
    text, _ = build(tmp_path, tmp_path / "page.html", figures=False)
    assert "Contributions to the loss" in text
    assert ">N/1</text>" in text
    assert "Map of the losses" in text
    assert ", period 4<" in text


def test_metrics_beyond_the_usual_ones_are_in_the_csv_alone(tmp_path, make_run):
    path = make_run(tmp_path, images=20, panels=False)
    scores = json.loads((path / "scores.json").read_text())
    scores["eigen"] |= {"SILog_other": 3.25, "pixels": 99.0, "nonfinite": 7.0}
    (path / "scores.json").write_text(json.dumps(scores))
    text, _ = build(tmp_path, tmp_path / "page.html", figures=False)
    header, row = (tmp_path / "page_files" / "eigen-scores.csv").read_text().splitlines()
    assert (header.split(",")[-1], row.split(",")[-1]) == ("SILog_other", "3.25")
    assert "SILog_other" not in text
    assert "are not finite numbers" in text


def test_two_data_sets_make_two_chapters(tmp_path, make_run):
    for data in ("rooms", "nyu_labeled"):
        for loss in ("l1", "eigen"):
            make_run(tmp_path / data, loss=loss, data=data, images=20)
    text, _ = build(tmp_path, tmp_path / "page.html", figures=False)
    assert '<h2 id="data0">nyu_labeled</h2>' in text
    assert '<h2 id="data1">rooms</h2>' in text
    assert (tmp_path / "page_files" / "rooms-eigen-scores.csv").is_file()


def test_own_data_is_called_by_its_folder_everywhere(tmp_path, make_run):
    choices = {"data": "folder", "protocol": "eigen", "model": "small"}
    for loss in ("l1", "eigen"):
        path = make_run(tmp_path / "runs", loss=loss, images=20, panels=False, choices=choices | {"loss": loss})
        change(path, {"data.root": "/disks/my kitchen", "data.split": None})
    text, page = build(tmp_path / "runs", tmp_path / "page.html", figures=False)
    assert "Loss on my kitchen" in text
    assert "Data: my kitchen at 96×128" in text
    assert "795 training images" in text
    for words in ("unknown amount", "folder at", "on folder"):
        assert words not in "".join(page.text)


def test_text_tables_have_the_spread_and_the_number_of_seeds(tmp_path, make_run):
    for loss in ("l1", "eigen"):
        for seed in (0, 1, 2):
            make_run(tmp_path / "runs", loss=loss, seed=seed, images=40, panels=False)
    build(tmp_path / "runs", tmp_path / "page.html", figures=False)
    (study,) = studies(read_runs([tmp_path / "runs"]))
    files = tmp_path / "page_files"
    markdown, latex = ((files / f"eigen-scores.{kind}").read_text() for kind in ("md", "tex"))
    for cell in study.cells:
        item = estimate_of(cell, "eigen", "RMSE")
        interval = f"[{item.low:.3f}, {item.high:.3f}]"
        assert interval in markdown
        assert interval in latex
        assert f"| {cell.method} | 3 |" in markdown
        assert f"{cell.method} & 3 &" in latex
    assert "method & seeds & AbsRel" in latex
    for text in (markdown, latex.replace("\\%", "%")):
        assert "Means over seeds. In brackets: 95 % intervals over " in text


def test_pictures_keep_one_scale():
    depth = np.array([[0.0, 2.0], [4.0, 9.0]])
    colors = color_depth(depth, ColorRange(0, 4))
    assert tuple(colors[0, 0]) == MISSING
    np.testing.assert_array_equal(colors[1, 0], colors[1, 1])  # beyond the scale: its end
    assert not np.array_equal(colors[0, 1], colors[1, 0])
    assert data_uri(colors).startswith("data:image/webp;base64,")


def test_the_command_writes_the_page(sweep, tmp_path, capsys):
    output = tmp_path / "new" / "folder" / "page.html"  # it is made
    assert main([str(sweep), "--output", str(output), "--title", "A <title>", "--no-figures"]) == 0
    assert capsys.readouterr().out == f"{output}\nNext: open {output.as_uri()} in a browser.\n"
    assert "<h1>A &lt;title&gt;</h1>" in output.read_text()
    assert {path.suffix for path in (output.parent / "page_files").iterdir()} == {".csv", ".md", ".tex"}


@pytest.mark.processes
def test_a_report_of_running_and_finished_runs_never_imports_torch(sweep, tmp_path):
    """Importing torch would cost each of many reports seconds and gigabytes."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "status.json").write_text('{"state": "running"}')
    (tmp_path / "more" / ".lock").touch()
    code = (
        "import sys; from depthbench.report.__main__ import main; "
        "assert main(sys.argv[1:]) == 0; print(sorted({'torch', 'pytorch_lightning', 'timm'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, sweep, tmp_path, "--output", tmp_path / "page.html", "--no-figures"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_a_gallery_nothing_written_holds_a_picture(tmp_path, make_run):
    for name in ("metrics.csv", "profiles.npz"):  # spares the time that their figures take
        (make_run(tmp_path / "runs", loss=f"without {name}", images=9) / name).unlink()
    output, files = tmp_path / "page.html", tmp_path / "page_files"
    files.mkdir()
    (files / "gallery-795.png").write_text("an earlier report's")
    assert main([str(tmp_path / "runs"), "--output", str(output), "--no-gallery"]) == 0
    text = output.read_text()
    Page(text)
    assert "data:image" not in text
    assert "<img" not in text
    assert "-gallery" not in text
    assert not list(files.glob("gallery*"))
    assert (files / "time.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{root}/empty"], "No run folder found"),
        (["{root}/absent"], "is not a run folder; give one"),
        (["{root}/runs", "--output", "{root}"], "is a folder; --output takes the name of the page"),
        (["{root}/broken"], "is not readable JSON"),
    ],
)
def test_mistakes_end_in_one_sentence(tmp_path, make_run, capsys, arguments, words):
    make_run(tmp_path / "runs", images=5, panels=False)
    (make_run(tmp_path / "broken", images=5, panels=False) / "scores.json").write_text("{")
    (tmp_path / "empty").mkdir()
    assert main([argument.format(root=tmp_path) for argument in arguments]) == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1


@pytest.mark.slow
def test_two_hundred_runs_stay_small(tmp_path, make_run):
    for index in range(200):
        loss, split, seed = f"loss{index % 25}", ("795", "12k")[index // 25 % 2], index // 50
        make_run(tmp_path / "runs", loss=loss, split=split, seed=seed, images=654)
    text, _ = build(tmp_path / "runs", tmp_path / "page.html", figures=False)
    assert len(text) < 20_000_000


def test_a_browser_opens_the_page(built, tmp_path):
    """The script runs without an error, a click sorts, and the page does not overflow sideways."""
    browser = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if not browser:
        pytest.skip("needs Chromium or Chrome, which is not installed")
    probe = """<script>
    const errors = [];
    addEventListener("error", (event) => errors.push(event.message));
    addEventListener("load", () => {
      const table = document.querySelector("table.scores"), head = table.tHead.rows[0].cells[2];
      const rows = (body) => [...body.querySelectorAll("[data-filter]")];
      const order = () => [...table.tBodies].map((body) => rows(body).map((row) => +row.cells[2].dataset.value));
      head.querySelector("button").click();
      const up = order();
      head.querySelector("button").click();
      const down = order(), search = document.querySelector("input[type=search]");
      search.value = "gan";
      search.dispatchEvent(new Event("input"));
      const shown = rows(table).filter((row) => row.offsetHeight).length;
      document.querySelector(".panel > svg").dispatchEvent(new Event("click"));
      const zoomed = document.getElementById("zoom").open;
      const wide = document.documentElement.scrollWidth - innerWidth;
      document.title = JSON.stringify({errors, up, down, shown, zoomed, wide});
    });
    </script></head>"""
    page = tmp_path / "page.html"
    page.write_text(built[1].replace("</head>", probe, 1), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=500,900"]
    command += [
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--screenshot={tmp_path / 'page.png'}",
        "--dump-dom",
        page.as_uri(),
    ]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    title = re.search(r"<title>(\{.*?\})</title>", dom)
    seen = json.loads(title[1])
    assert seen["errors"] == []
    assert all(rows == sorted(rows) and len(rows) == 3 for rows in seen["up"])
    assert seen["down"] == [rows[::-1] for rows in seen["up"]]
    assert (seen["shown"], seen["zoomed"]) == (3, True)
    assert seen["wide"] <= 0
    picture = np.asarray(Image.open(tmp_path / "page.png").convert("L"))
    assert picture.std() > 10

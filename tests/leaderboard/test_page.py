"""The page of a leaderboard: ranks, tables, files and pictures, from results alone and without torch."""

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml

from depthbench.errors import UserError
from depthbench.output_kinds import OutputKind
from depthbench.report.__main__ import main
from depthbench.report.analyze.board import extremes, frames_apart, rules_tables
from depthbench.report.read.boards import read_shown
from depthbench.results.board import BoardCell, add_cells, ask
from depthbench.results.records import DataRecord, ModelRecord, rules_hash
from depthbench.results.writing import result_text
from depthbench.stats import compare
from depthbench.stats.ranks import critical_difference

FIELDS = {"version": 1, "alignment": {"name": "none", "fit": "none"}, "reduction": "image", "region": "full"}
IMAGES = 40
LEVELS = {"good": 0.10, "same": 0.10, "bad": 0.14}
SETS = ("attic", "cellar", "garage")


def scores_of(model: str, data: str) -> np.ndarray:
    """AbsRel of each image: difficult images are difficult for all; on the last set good and bad change places."""
    rng = np.random.default_rng([IMAGES, SETS.index(data)])
    difficulty = rng.uniform(0.7, 1.3, IMAGES)
    level = {"good": 0.14, "same": 0.10, "bad": 0.10}[model] if data == "garage" else LEVELS[model]
    own = np.random.default_rng([list(LEVELS).index(model), SETS.index(data)])
    return level * difficulty * own.uniform(0.97, 1.03, IMAGES)


def write_result(
    path: Path, model: str, data: str, kind: OutputKind = OutputKind.METRIC_DEPTH, called: str | None = None
) -> None:
    """A file of results as evaluate writes it, from arithmetic alone."""
    values = scores_of(model, data)
    images = {"AbsRel": values, "delta1": 1 - values, "pixels": np.full(IMAGES, 100.0)}
    scores = {name: float(images[name].mean()) for name in ("AbsRel", "delta1")}
    scores |= {"images": IMAGES, "missing": 0.0}
    limits = {name: (scores[name] - 0.01, scores[name] + 0.01) for name in ("AbsRel", "delta1")}
    rules = {"name": "house", **FIELDS}
    more = {"intervals": {model: {"house": limits}}, "differences": [], "refused": {}, "notes": []}
    names = [f"{place:03d}" for place in range(IMAGES)]
    record = DataRecord(called or data, images=IMAGES)
    of_images = {model: {"house": {name: one.tolist() for name, one in images.items()}}}
    text = result_text(
        [ModelRecord(model, kind)], record, {"house": rules}, {model: {"house": scores}}, more, names, of_images
    )
    path.write_text(text)


@pytest.fixture(scope="module")
def board(tmp_path_factory) -> Path:
    """Three models on three sets, one that can't be scored, one that failed; pictures of one model."""
    folder = tmp_path_factory.mktemp("boards") / "board"
    (folder / "results").mkdir(parents=True)
    cells = {}
    for model in LEVELS:
        for data in SETS:
            file = f"results/{model}-{data}.json"
            write_result(folder / file, model, data)
            cells[f"{model} {data}"] = BoardCell(model, data, "house", "done", file)
    cells["flat attic"] = BoardCell(
        "flat", "attic", "house", "empty", reason="it is not a measure of a <flat> & wide world"
    )
    cells["lost attic"] = BoardCell("lost", "attic", "house", "failed", reason="its process was killed by SIGKILL")
    ask(folder, [*LEVELS, "flat", "lost"], SETS, cells)
    add_cells(folder, cells)
    rows = np.mgrid[:12, :16][0].astype(np.float32)
    truth = np.stack([2 + rows / 4] * 2)
    x = np.linspace(0.2, 0.8, 50, dtype=np.float32)
    np.savez(
        folder / "results" / "good-attic.npz",
        image=np.full((2, 12, 16, 3), 90, np.uint8),
        truth=truth,
        before=1 / truth + 0.3,
        after=truth * 1.01,
        x=np.stack([x] * 2),
        y=np.stack([1.5 * x] * 2),
        scale=np.array([1.5, np.nan]),
        shift=np.array([-0.25, np.nan]),
        name=np.array(["000", "001"]),
        protocol=np.array("house"),
        alignment=np.array("disparity"),
        space=np.array("disparity"),
        quantity=np.array("disparity"),
    )
    return folder


@pytest.fixture(scope="module")
def page(board) -> str:
    output = board.with_name("page.html")
    assert main([str(board), "--output", str(output), "--no-figures"]) == 0
    return output.read_text()


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open()))


def test_ranks_and_their_intervals(board, page):
    rows = {(row["data"], row["model"]): row for row in rows_of(board.with_name("page_files") / "ranks.csv")}
    found = {key: float(row["rank"]) for key, row in rows.items()}
    means = {key: scores_of(*reversed(key)).mean() for key in found if key[0] != "all"}
    for (data, model), rank in found.items():
        if data != "all":
            others = [value for key, value in means.items() if key[0] == data]
            assert rank == 1 + sum(value < means[data, model] for value in others)
    for model in LEVELS:
        assert found["all", model] == pytest.approx(np.mean([found[data, model] for data in SETS]))
    # 40 % worse for sure, whichever images are drawn; of two equal ones nobody can say it.
    assert (rows["attic", "bad"]["low"], rows["attic", "bad"]["high"]) == ("3.0", "3.0")
    assert (rows["attic", "same"]["low"], rows["attic", "same"]["high"]) == ("1.0", "2.0")
    # Over sets the order may turn, and the interval of the mean rank says so.
    assert float(rows["all", "bad"]["low"]) <= 2
    assert float(rows["attic", "good"]["critical_difference"]) == pytest.approx(critical_difference(3, IMAGES))


def test_differences_are_those_of_compare(board, page):
    rows = [row for row in rows_of(board.with_name("page_files") / "differences.csv") if row["data"] == "attic"]
    pairs = compare({model: scores_of(model, "attic") for model in LEVELS})
    for row, pair in zip(rows, pairs, strict=True):
        assert (row["first"], row["second"]) == (pair.first, pair.second)
        assert float(row["difference"]) == pytest.approx(pair.difference, rel=1e-6)
        assert float(row["p_adjusted"]) == pytest.approx(pair.p_adjusted)


def test_bold_is_only_what_a_test_shows(board, page):
    tables = rules_tables(read_shown([str(board)]).cells, read_shown([str(board)]).results)
    assert [one.best for one in tables[0].sets] == [None, None, None]
    assert "\\textbf" not in (board.with_name("page_files") / "house.tex").read_text()


def test_a_clear_winner_is_bold(tmp_path, capsys):
    for model in ("same", "bad"):
        write_result(tmp_path / f"{model}.json", model, "attic")
    words = [str(tmp_path / "same.json"), str(tmp_path / "bad.json"), "--output", str(tmp_path / "page.html")]
    assert main([*words, "--no-figures"]) == 0
    value = f"{scores_of('same', 'attic').mean():.3f}"
    assert f"\\textbf{{{value}}}" in (tmp_path / "page_files" / "house.tex").read_text()
    assert f"**{value}**" in (tmp_path / "page_files" / "house.md").read_text()
    assert f"<b>{value}</b>" in (tmp_path / "page.html").read_text()


class Balanced(HTMLParser):
    """Every element is closed where it was opened."""

    EMPTY = ("meta", "link", "img", "input", "br", "path")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.EMPTY:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_says_why_cells_are_empty(page):
    parser = Balanced()
    parser.feed(re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL))
    assert parser.open == []
    assert "9 of 11 cells have numbers; 1 can&#x27;t be scored by their rules; 1 failed." in page
    assert "not a measure of a &lt;flat&gt; &amp; wide world" in page
    assert "killed by SIGKILL" in page
    assert not re.search(r"(src|href)=\"https?:", page)


def test_the_alignment_is_drawn(page):
    assert page.count("As predicted, 00") == 2
    assert "house, disparity: disparity = 1.5 · prediction − 0.25" in page
    assert "house: not aligned" in page
    assert page.count("1 / depth (1/m) against the prediction") == 2  # label and title of one cloud


def test_where_each_is_best_and_worst(board):
    shown = read_shown([str(board)])
    tables = rules_tables(shown.cells, shown.results)
    best, worst = extremes("bad", tables)
    assert (best.data, worst.rank) == ("garage", 3)
    ahead, behind = frames_apart("good", tables[0].sets[0])
    apart = scores_of("good", "attic") - np.median([scores_of(one, "attic") for one in ("same", "bad")], axis=0)
    assert [name for name, _ in ahead] == [f"{place:03d}" for place in np.argsort(apart)[:3]]
    assert [name for name, _ in behind] == [f"{place:03d}" for place in np.argsort(-apart)[:3]]
    assert ahead[0][1] == pytest.approx(apart.min(), rel=1e-6)


def test_files_for_papers_cards_and_sites(board, page):
    files = board.with_name("page_files")
    tex = (files / "house.tex").read_text()
    assert tex.count("\\begin{tabular}{llrrrrrrr}") == tex.count("\\end{tabular}}") == tex.count("\\resizebox{") == 1
    body = tex[tex.index("\\midrule") : tex.index("\\bottomrule")]
    assert {line.count(" & ") for line in body.splitlines() if "&" in line} == {8}
    assert "\\multicolumn{2}{c}{attic}" in tex
    cells = rows_of(files / "cells.csv")
    assert len(cells) == 9 * 2 + 2
    assert {row["state"] for row in cells} == {"done", "empty", "failed"}
    card = yaml.safe_load((files / "card-good.yaml").read_text())["model-index"]
    assert [one["dataset"]["name"] for one in card[0]["results"]] == [f"{data}, protocol house" for data in SETS]
    assert "| attic (metric) | good |" in (files / "verify.md").read_text()


def test_models_on_other_images_are_not_ranked(tmp_path, board):
    folder = tmp_path / "board"
    (folder / "results").mkdir(parents=True)
    cells = {}
    for model in ("good", "same"):
        cells[model] = BoardCell(model, "attic", "house", "done", f"results/{model}.json")
        write_result(folder / "results" / f"{model}.json", model, "attic")
    cells["bad"] = BoardCell("bad", "attic", "house", "done", "results/bad.json")
    write_result(folder / "results" / "bad.json", "bad", "cellar")
    ask(folder, ["good", "same", "bad"], ["attic"], cells)
    add_cells(folder, cells)
    shown = read_shown([str(folder)])
    (table,) = rules_tables(shown.cells, shown.results)
    assert (list(table.sets[0].ranked), table.sets[0].other) == (["good", "same"], ("bad",))
    assert main([str(folder), "--output", str(tmp_path / "page.html"), "--no-figures"]) == 0
    assert "Not ranked, because scored on other images or by other rules: bad." in (tmp_path / "page.html").read_text()


def filled(folder: Path, sets: dict[str, str], model: str = "good") -> str:
    """A leaderboard of one model; ``sets`` holds the name of the set by option of ``data=``."""
    (folder / "results").mkdir(parents=True)
    cells = {}
    for option, called in sets.items():
        file = f"results/{option}.json"
        write_result(folder / file, model, "attic", called=called)
        cells[option] = BoardCell(model, option, "house", "done", file)
    cells["lost"] = BoardCell(model, "lost", "house", "failed", reason="no such folder")
    ask(folder, [model], [*sets, "lost"], cells)
    add_cells(folder, cells)
    return str(folder)


def test_a_set_of_a_bundle_and_the_published_one_share_no_cell(tmp_path):
    """Options say neither which set of the bundle was scored nor that two of them read the same set."""
    one = filled(tmp_path / "one", {"moge": "ETH3D (MoGe)", "eth3d": "ETH3D"})
    other = filled(tmp_path / "other", {"moge": "DIODE (MoGe)"})
    write_result(tmp_path / "bad.json", "bad", "attic", called="ETH3D")
    write_result(tmp_path / "same.json", "same", "attic", called="ETH3D (MoGe)")
    shown = read_shown([one, *(str(tmp_path / f"{name}.json") for name in ("bad", "same"))])
    (table,) = rules_tables(shown.cells, shown.results)
    assert {each.data: list(each.ranked) for each in table.sets} == {
        "ETH3D (MoGe)": ["good", "same"],
        "ETH3D": ["good", "bad"],
    }
    assert [cell.data for cell in read_shown([one]).cells] == ["ETH3D (MoGe)", "ETH3D", "lost"]
    assert [cell.data for cell in read_shown([other]).cells] == ["DIODE (MoGe)", "lost"]


def test_two_options_of_one_set_keep_their_names(tmp_path):
    """Two cuts of one set are two columns."""
    place = filled(tmp_path / "cuts", {"nyu_labeled": "NYUv2", "nyu_densedepth": "NYUv2", "eth3d": "ETH3D"})
    assert [cell.data for cell in read_shown([place]).cells] == ["nyu_labeled", "nyu_densedepth", "ETH3D", "lost"]


def test_rules_are_hashed_without_their_name():
    assert rules_hash({"name": "a", **FIELDS}) == rules_hash({"name": "b", **FIELDS, "source": "x"})


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["board", "runs"], "runs is of runs, the rest are results of evaluate; make a page of each"),
        (["board", "--published", "x.csv"], "--published is for runs"),
        (["none.json"], "There is no file none.json"),
        (["board", "board"], "is there twice"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(words, sentence, board, monkeypatch, capsys):
    monkeypatch.chdir(board.parent)
    assert main([*words, "--output", "other.html"]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert len(told.strip().splitlines()) == 1


def test_damaged_pictures_are_refused_in_a_sentence(tmp_path, board):
    folder = tmp_path / "board"
    (folder / "results").mkdir(parents=True)
    write_result(folder / "results" / "good.json", "good", "attic")
    cells = {"good": BoardCell("good", "attic", "house", "done", "results/good.json")}
    ask(folder, ["good"], ["attic"], cells)
    add_cells(folder, cells)
    with np.load(board / "results" / "good-attic.npz") as file:
        arrays = dict(file)
    for changed in ({"truth": arrays["truth"][:1]}, {"x": None}):
        kept = {name: one for name, one in {**arrays, **changed}.items() if one is not None}
        np.savez(folder / "results" / "good.npz", **kept)
        with pytest.raises(UserError, match=r"good\.npz"):
            read_shown([str(folder)])
    (folder / "results" / "good.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match=r"good\.npz"):
        read_shown([str(folder)])
    assert len(read_shown([str(folder)], panels=False).cells) == 1
    content = json.loads((folder / "results" / "good.json").read_text())
    content["scores"]["good"]["house"]["AbsRel"] /= 2
    (folder / "results" / "good.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"good\.json is damaged"):
        read_shown([str(folder)], panels=False)

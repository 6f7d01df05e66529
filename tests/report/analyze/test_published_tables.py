import json

import pytest

from depthbench.errors import UserError
from depthbench.report import read_runs, write_report
from depthbench.report.__main__ import main
from depthbench.report.analyze.published_tables import Number, Paper, columns, exhibits, read_papers, read_published
from depthbench.report.analyze.study import studies
from tests.report.analyze.test_study import change

HEADER = "exhibit,row,select,metric,value,note\n"
PUBLISHED = {"l1": 0.142, "l2": 0.161, "huber": 0.15, "berhu": 0.139}


@pytest.fixture
def paper(tmp_path):
    """A paper with a table of four losses and a row of somebody else, and a table of which nothing was run."""
    rows = [f'table 1,{loss},"loss={loss},data.split=795",AbsRel,{value},' for loss, value in PUBLISHED.items()]
    rows += ['table 1,l1,"loss=l1,data.split=795",RMSE,0.55,', "table 1,Somebody (2014),,AbsRel,0.215,as cited"]
    rows += ["table 2,gan,loss=gan,AbsRel,0.2,"]
    (tmp_path / "paper2018").mkdir()
    path = tmp_path / "paper2018" / "published.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def run_all(root, make_run, qualities, **options):
    for loss, quality in zip(PUBLISHED, qualities, strict=True):
        for seed in (0, 1, 2):
            make_run(root, loss=loss, quality=quality, seed=seed, images=40, panels=False, **options)
    return read_runs([root])


def test_each_published_row_stands_beside_the_run_that_it_names(tmp_path, make_run, paper):
    runs = run_all(tmp_path / "runs", make_run, (1.0, 1.2, 1.1, 0.9))
    make_run(tmp_path / "runs", loss="l1", split="12k", images=40, panels=False)
    (study,) = studies(read_runs([tmp_path / "runs"]))
    (table,) = exhibits(study, Paper("paper2018", tuple(read_published(paper)), given=True))
    assert (table.name, table.metrics) == ("table 1", ("AbsRel", "RMSE"))
    assert [line.label for line in table.lines] == [*PUBLISHED, "Somebody (2014)"]
    for line in table.lines[:4]:
        scores = [run.scores["eigen"]["AbsRel"] for run in runs if run.value("loss") == line.label]
        assert line.here["AbsRel"].value == pytest.approx(sum(scores) / 3)
        assert (line.published["AbsRel"], line.seeds) == (PUBLISHED[line.label], 3)
        assert line.here["AbsRel"].over == "seeds and images"
    assert set(table.lines[0].here) == {"AbsRel", "RMSE"}
    assert (table.lines[4].here, table.lines[4].notes) == ({}, ("as cited",))


@pytest.mark.parametrize(
    ("qualities", "said"),
    [
        ((1.0, 1.2, 1.1, 0.9), "By AbsRel, 4 rows show no evidence of paper2018's order (Kendall's τ 1.00, p = 0.083)"),
        ((1.2, 0.9, 1.0, 1.1), "no evidence of"),
    ],
)
def test_an_order_is_claimed_only_with_evidence(tmp_path, make_run, paper, qualities, said):
    (study,) = studies(run_all(tmp_path / "runs", make_run, qualities))
    assert said in exhibits(study, Paper("paper2018", tuple(read_published(paper)), given=True))[0].sentence


def test_five_rows_in_the_papers_order_are_evidence(tmp_path, make_run, paper):
    paper.write_text(HEADER + "\n".join(f"t,{k},optim.lr={k},AbsRel,{k}," for k in range(1, 7)))
    for k in range(1, 7):
        change(make_run(tmp_path / f"runs{k}", quality=1 + k, images=4, panels=False), {"optim.lr": k})
    (study,) = studies(read_runs(sorted(tmp_path.glob("runs*"))))
    (table,) = exhibits(study, Paper("paper2018", tuple(read_published(paper)), given=True))
    assert "By AbsRel, 6 rows show paper2018's order (Kendall's τ 1.00" in table.sentence


@pytest.mark.parametrize(
    ("data", "scale", "words"),
    [
        ("rooms", "paper", "No number on this data set compares with a published one."),
        ("rooms_ood", "paper", "No number on this data set compares with a published one."),
        ("rooms_to_nyu", "machine", "the order of rows may be compared, the numbers may not."),  # tested on photographs
        ("nyu_labeled", "machine", "the order of rows may be compared, the numbers may not."),
        ("nyu_labeled", "paper", "These runs are at the paper's scale"),
    ],
)
def test_a_number_of_ours_never_stands_without_its_data_and_scale(tmp_path, make_run, paper, data, scale, words):
    choices = {"model": "small", "protocol": "eigen", "data": data, "scale": scale}
    for loss in ("l1", "l2"):
        make_run(tmp_path / "runs", loss=loss, images=9, panels=False, choices=choices | {"loss": loss})
    page = tmp_path / "page.html"
    write_report(read_runs([tmp_path / "runs"]), page, figures=False, published=[paper])
    files = [page, *(tmp_path / "page_files" / f"published.{kind}" for kind in ("md", "tex"))]
    for text in (file.read_text().replace("\\_", "_").replace("&#x27;", "'") for file in files):
        assert words in text
        assert f"here ({data}, scale {scale})" in text
        assert "Somebody (2014)" in text
        assert "table 2" not in text
    table = (tmp_path / "page_files" / "published.csv").read_text().splitlines()
    assert table[0].startswith("paper,exhibit,row,metric,published,here,low,high")
    assert len(table) == 1 + 6


def test_two_files_of_one_folder_are_both_read_and_none_twice(tmp_path, make_run, paper, monkeypatch):
    other = paper.with_name("more.csv")
    other.write_text(HEADER + "table 3,l2,loss=l2,AbsRel,0.3,\n")
    for loss in ("l1", "l2"):
        make_run(tmp_path / "runs", loss=loss, images=9, panels=False)
    monkeypatch.chdir(paper.parent)
    given = ["published.csv", str(paper), "more.csv"]
    assert (
        main([str(tmp_path / "runs"), "--output", str(tmp_path / "p.html"), "--no-figures", "--published", *given]) == 0
    )
    table = (tmp_path / "p_files" / "published.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in table[1:]] == [["paper2018", "table 1"]] * 6 + [["paper2018", "table 3"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "published.csv is not a file"),
        ("exhibit,row,metric,value,note\na,b,c,1,\n", "lacks the column select"),
        (HEADER + "a,b,loss=l1,AbsRel,many,\n", "line 2: the value 'many' is not a number"),
        (HEADER + "a,b,loss=[l1,AbsRel,1,\n", "line 2: 'loss=[l1' can't be read"),
    ],
)
def test_a_bad_file_of_numbers_ends_in_one_sentence(tmp_path, make_run, capsys, content, words):
    make_run(tmp_path / "runs", images=5, panels=False)
    path = tmp_path / "published.csv"
    if content:
        path.write_text(content)
    assert main([str(tmp_path / "runs"), "--output", str(tmp_path / "p.html"), "--published", str(path)]) == 2
    assert words in capsys.readouterr().err


def test_commas_in_brackets_belong_to_a_value(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text(HEADER + 'a,b,"data.size=[96,128],seed=0",AbsRel,1,\n')
    assert read_published(path)[0].select == {"data.size": [96, 128], "seed": 0}
    path.write_text(HEADER.strip())
    with pytest.raises(UserError, match="absent"):
        read_published(tmp_path / "absent" / "published.csv")


def test_columns_come_in_the_papers_order_though_no_early_row_has_them_all(tmp_path):
    path = tmp_path / "published.csv"
    rows = ["t,one,,AbsRel,1,", "t,one,,RMSE,1,", "t,one,,delta1,1,", "t,two,,RMSE,1,", "t,two,,RMSElog,1,"]
    rows += [f"t,three,,{metric},1," for metric in ("AbsRel", "log10", "RMSE", "RMSElog", "delta1")]
    path.write_text(HEADER + "\n".join(rows))
    assert columns(read_published(path)) == ("AbsRel", "log10", "RMSE", "RMSElog", "delta1")


def test_columns_of_rows_that_contradict_each_other_are_all_kept(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text(HEADER + "t,one,,AbsRel,1,\nt,one,,RMSE,1,\nt,two,,RMSE,1,\nt,two,,AbsRel,1,\n")
    assert sorted(columns(read_published(path))) == ["AbsRel", "RMSE"]


def two_papers(root, make_run):
    """Runs of two papers on one data set, scored by protocols of their own, and one run of no paper."""
    made = {}
    for paper, loss, protocol in (
        ("alhashim2018", "l1", "eigen"),
        ("mehrzadeh2020", "l2", "hu"),
        (None, "huber", "eigen"),
    ):
        choices = {"data": "nyu_densedepth", "loss": loss, "protocol": protocol}
        choices |= {"experiment": f"{paper}/nyu"} if paper else {}
        path = make_run(root, loss=loss, images=20, panels=False, choices=choices)
        scores = json.loads((path / "scores.json").read_text())["eigen"]
        named = {protocol: scores} | ({"eigen_scaled": scores | {"AbsRel": 0.05}} if paper == "alhashim2018" else {})
        (path / "scores.json").write_text(json.dumps(named))
        text = (path / "per_image.csv").read_text()
        (path / "per_image.csv").write_text(text.replace("\neigen,", f"\n{protocol},"))
        made[paper] = scores["AbsRel"]
    return made


def numbers_of(*rows):
    return tuple(Number("table 1", row, select, "AbsRel", 0.1, "") for row, select in rows)


def test_a_papers_table_has_rows_of_its_own_studies_under_its_own_protocol(tmp_path, make_run):
    made = two_papers(tmp_path, make_run)
    (study,) = studies(read_runs([tmp_path]))
    ours = numbers_of(("Ours", {"data": "nyu_densedepth"}), ("Somebody", {}))
    for paper in ("alhashim2018", "mehrzadeh2020"):
        (table,) = exhibits(study, Paper(paper, ours))
        assert [line.label for line in table.lines] == ["Ours", "Somebody"]
        assert table.lines[0].here["AbsRel"].value == pytest.approx(made[paper])
    assert exhibits(study, Paper("carvalho2018", ours)) == []


def test_a_given_file_also_takes_runs_of_no_paper(tmp_path, make_run):
    made = two_papers(tmp_path, make_run)
    (study,) = studies(read_runs([tmp_path]))
    (table,) = exhibits(study, Paper("own", numbers_of(("Ours", {"data": "nyu_densedepth"})), given=True))
    assert [line.here["AbsRel"].value for line in table.lines] == [pytest.approx(made[None])]


def test_a_row_may_name_another_protocol(tmp_path, make_run):
    made = two_papers(tmp_path, make_run)
    (study,) = studies(read_runs([tmp_path]))
    rows = numbers_of(
        ("Ours", {"experiment": "alhashim2018/nyu"}),
        ("Ours (scaled)", {"experiment": "alhashim2018/nyu", "protocol": "eigen_scaled"}),
        ("Ours (other)", {"experiment": "alhashim2018/nyu", "protocol": "bts"}),
    )
    (table,) = exhibits(study, Paper("alhashim2018", rows))
    assert [line.here["AbsRel"].value for line in table.lines[:2]] == [pytest.approx(made["alhashim2018"]), 0.05]
    assert (table.lines[2].label, table.lines[2].here) == ("Ours (other)", {})


def test_each_row_of_table_7_stands_once(tmp_path, make_run):
    """The same losses were trained in the study of the loss space, too."""
    for name in ("times", "loss_space"):
        for loss in ("lee2020_d0", "lee2020_l345", "lee2020_all"):
            choices = {"data": "nyu_raw", "loss": loss, "protocol": "eigen", "experiment": f"lee2020/{name}"}
            path = make_run(tmp_path / name, loss=loss, images=9, panels=False, choices=choices)
            done = json.loads((path / "DONE").read_text())
            (path / "DONE").write_text(json.dumps(done | {"seconds_per_step": 0.2, "seconds_per_image": 0.01}))
            change(path, {"trainer.limit_train_batches": 400 if name == "times" else None})
    runs = read_runs([tmp_path])
    (study,) = studies(runs)
    (paper,) = read_papers(runs)
    (table,) = [table for table in exhibits(study, paper) if table.name == "table 7"]
    assert [line.label for line in table.lines] == ["D at scale 0", "scales 3 to 5", "all", "testing"]
    assert all(line.here for line in table.lines)

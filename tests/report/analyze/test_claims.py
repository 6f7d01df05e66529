"""Claims of papers: each verdict with made-up runs, the family, and mistakes in the file."""

import csv
import json

import pytest

from depthbench.config.compose import group_options
from depthbench.errors import UserError
from depthbench.report import read_runs, studies, write_report
from depthbench.report.analyze.claims import CONTRADICTED, OPEN, SUPPORTED, claims_file, family, read_claims

PAPERS = ("alhashim2018", "carvalho2018", "lee2020", "li2017", "mehrzadeh2020")
BETTER = """
- claim: Eigen's loss is better.
  where: figure 2
  metric: {metric}
  better: loss=eigen,data.split=795
  worse: {worse}
"""
ALIKE = """
- claim: Both are alike.
  where: table 1
  metric: AbsRel
  alike: [loss=eigen, loss=l1]
  margin: {margin}
"""


@pytest.fixture
def claims(tmp_path):
    """A function from the text of a file to its claims."""

    def read(text):
        path = tmp_path / "claims.yaml"
        path.write_text(text)
        return read_claims(path)

    return read


def verdicts(root, found):
    (study,) = studies(read_runs([root]))
    return family(study, "eigen", "paper", found).verdicts


@pytest.mark.parametrize(
    ("quality", "metric", "verdict"),
    [
        (0.8, "AbsRel", SUPPORTED),
        (0.8, "delta1", SUPPORTED),
        (1.2, "AbsRel", CONTRADICTED),
        (1.2, "delta1", CONTRADICTED),
    ],
)
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2, 3)])
def test_a_difference_supports_or_contradicts(tmp_path, make_run, claims, quality, metric, verdict, seeds):
    for seed in seeds:
        make_run(tmp_path / "runs", loss="eigen", quality=quality, seed=seed, images=60, panels=False)
        make_run(tmp_path / "runs", loss="l1", quality=1.0, seed=seed, images=60, panels=False)
    (found,) = verdicts(tmp_path / "runs", claims(BETTER.format(metric=metric, worse="loss=l1")))
    assert found.verdict == verdict
    assert found.p < 0.05
    assert found.tested.seeds == ((1, 1) if len(seeds) == 1 else (4, 4))
    assert found.tested.difference.low < found.tested.difference.value < found.tested.difference.high


def test_seeds_that_disagree_leave_a_claim_open(tmp_path, make_run, claims):
    for seed, qualities in enumerate([(0.8, 1.2), (1.2, 0.8), (0.9, 1.0)]):
        for loss, quality in zip(("eigen", "l1"), qualities, strict=True):
            make_run(tmp_path / "runs", loss=loss, quality=quality, seed=seed, images=60, panels=False)
    (found,) = verdicts(tmp_path / "runs", claims(BETTER.format(metric="AbsRel", worse="loss=l1")))
    assert found.verdict == OPEN
    assert found.p > 0.05


@pytest.mark.parametrize(
    ("huber", "verdict", "decides"),
    [(1.1, SUPPORTED, "l1"), (0.65, CONTRADICTED, "huber"), (0.8, OPEN, "huber")],
)
def test_better_than_each_takes_every_comparison(tmp_path, make_run, claims, huber, verdict, decides):
    for loss, quality in (("eigen", 0.8), ("l1", 1.0), ("huber", huber)):
        path = make_run(tmp_path / "runs", loss=loss, quality=quality, images=60, panels=False)
        if loss == "huber" and huber == 0.8:
            same_scores(path, next((tmp_path / "runs").glob("loss=eigen*")))
    (found,) = verdicts(tmp_path / "runs", claims(BETTER.format(metric="AbsRel", worse="[loss=l1, loss=huber]")))
    assert (found.verdict, found.second.method) == (verdict, decides)


def same_scores(path, other):
    for name in ("per_image.csv", "scores.json"):
        (path / name).write_text((other / name).read_text())


@pytest.mark.parametrize(
    ("quality", "margin", "verdict"), [(1.0, 0.1, SUPPORTED), (1.5, 0.02, CONTRADICTED), (1.0, 0.0001, OPEN)]
)
def test_alike_takes_a_margin(tmp_path, make_run, claims, quality, margin, verdict):
    for seed in range(4):
        first = make_run(tmp_path / "runs", loss="eigen", seed=seed, images=200, panels=False, quality=1.0)
        second = make_run(tmp_path / "runs", loss="l1", seed=seed, images=200, panels=False, quality=quality)
        if quality == 1.0:
            scaled(first, second, 1 + 0.002 * seed)
    (found,) = verdicts(tmp_path / "runs", claims(ALIKE.format(margin=margin)))
    assert found.verdict == verdict


def scaled(path, other, factor):
    rows = list(csv.DictReader((other / "per_image.csv").open()))
    with (path / "per_image.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"AbsRel": factor * float(row["AbsRel"])} for row in rows)
    scores = json.loads((other / "scores.json").read_text())
    scores["eigen"]["AbsRel"] *= factor
    (path / "scores.json").write_text(json.dumps(scores))


def test_claims_are_one_family_and_those_without_runs_are_listed(tmp_path, make_run, claims):
    for loss, quality in (("eigen", 0.8), ("l1", 1.0), ("l2", 1.005)):
        make_run(tmp_path / "runs", loss=loss, quality=quality, images=60, panels=False)
    one = BETTER.format(metric="AbsRel", worse="loss=l1")
    listed = claims(
        one + one.replace("=eigen", "=l1").replace("worse: loss=l1", "worse: loss=l2") + ALIKE.format(margin=0.5)
    )
    (study,) = studies(read_runs([tmp_path / "runs"]))
    found = family(study, "eigen", "paper", [*listed, *claims(BETTER.format(metric="AbsRel", worse="loss=gan"))])
    raw = [verdict.tested.difference.p_value for verdict in found.verdicts]
    assert found.verdicts[0].p == pytest.approx(min(3 * raw[0], 1), rel=0.5)
    assert len(found.missing) == 1
    assert all(verdict.p >= p for verdict, p in zip(found.verdicts[:2], raw, strict=False))


def test_a_claim_is_tested_at_each_amount_that_it_does_not_name(tmp_path, make_run, claims):
    for loss, quality in (("eigen", 0.8), ("l1", 1.0)):
        for split in ("795", "12k"):
            make_run(tmp_path / "runs", loss=loss, split=split, quality=quality, images=60, panels=False)
    text = BETTER.format(metric="AbsRel", worse="loss=l1").replace(",data.split=795", "")
    found = verdicts(tmp_path / "runs", claims(text))
    assert [(v.first.amount, v.second.amount) for v in found] == [(795, 795), (12000, 12000)]
    named = text.replace("loss=eigen", "loss=eigen,data.split=12k").replace(
        "worse: loss=l1", "worse: 'loss=eigen,data.split=795'"
    )
    (found,) = verdicts(tmp_path / "runs", claims(named))
    assert (found.first.amount, found.second.amount) == (12000, 795)


@pytest.mark.parametrize("paper", PAPERS)
def test_the_papers_claims_can_be_read_and_name_options_that_exist(paper):
    found = read_claims(claims_file(paper))
    assert len(found) >= 5
    known = {group: set(group_options(group)) for group in ("loss", "model")}
    for claim in found:
        for selection in (claim.first, *claim.others):
            for key, value in selection.items():
                if key in known:
                    assert str(value) in known[key], claim
                elif key.startswith("experiment/"):
                    assert (claims_file(paper).parent / key.rpartition("/")[2] / f"{value}.yaml").is_file(), claim
                else:
                    assert key == "data.split"
    assert f"{paper}/claims" not in group_options("experiment")


def test_claims_come_first_on_the_page_and_as_a_file(tmp_path, make_run):
    for loss, quality in (("l1", 1.0), ("l2", 1.3), ("eigen", 0.9)):
        choices = {"data": "rooms", "loss": loss, "protocol": "eigen", "experiment": "carvalho2018/losses"}
        make_run(tmp_path / "runs", loss=loss, quality=quality, images=40, panels=False, choices=choices)
    page = tmp_path / "page.html"
    write_report(read_runs([tmp_path / "runs"]), page, figures=False)
    text = page.read_text()
    assert "Claims of carvalho2018" in text
    assert text.index("Claims of carvalho2018") < text.index('class="findings"')
    rows = list(csv.DictReader((tmp_path / "page_files" / "claims.csv").open()))
    assert {row["verdict"] for row in rows} == {"no runs"}  # each of them takes more losses or amounts
    assert len(rows) == len(read_claims(claims_file("carvalho2018")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not readable YAML"),
        ("a: 1", "must be a list of claims"),
        ("- claim: x\n  where: y\n  metric: z\n  wurst: a=b", "claim 1: there is no key wurst"),
        ("- where: y\n  metric: z\n  better: a=b\n  worse: a=c", "claim 1: 'claim' is missing"),
        ("- claim: x\n  where: y\n  metric: z\n  better: a=b", "needs either better and worse, or alike and margin"),
        ("- claim: x\n  where: y\n  metric: z\n  better: ab\n  worse: a=c", "'ab' is not key=value"),
        ("- claim: x\n  where: y\n  metric: z\n  better: [a=b, a=d]\n  worse: a=c", "'better' takes one row, not 2"),
        ("- claim: x\n  where: y\n  metric: z\n  better: a=b\n  worse: 3", "'worse' takes key=value"),
        (
            "- claim: x\n  where: y\n  metric: z\n  better: a=b\n  worse: a=c\n  margin: 0.1",
            "a margin belongs to 'alike'",
        ),
        ("- claim: x\n  where: y\n  metric: z\n  alike: [a=b]\n  margin: 0.1", "'alike' takes two rows, not 1"),
        ("- claim: x\n  where: y\n  metric: z\n  alike: [a=b, a=c]", "needs a margin between 0 and 1"),
    ],
)
def test_a_mistake_in_the_file_gets_a_sentence(claims, text, message):
    with pytest.raises(UserError, match=message.replace("[", r"\[")):
        claims(text)

"""A paper's own claims as hypotheses that are named beforehand, tested as one family.

``experiments/PAPER/claims.yaml`` lists them::

    - claim: On the 795 pairs, L1 has a smaller error than L2.
      where: section 4, figure 2
      metric: AbsRel
      better: loss=l1,data.split=795
      worse: [loss=l2,data.split=795]       # one or several rows: better than each of them
    - claim: SSIM makes no difference.
      where: table 1
      metric: RMSE
      alike: [loss=a, loss=b]
      margin: 0.02                          # alike means: within 2 % of the mean of both scores

A claim is *supported* if its p-value, adjusted for all the paper's claims whose rows were run, is below 0.05 in the
claimed direction; *contradicted* if it is in the other; else the question is open. "Alike" is supported by two
one-sided tests against the margin, and contradicted by a difference beyond it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from depthbench.config.compose import config_dir
from depthbench.config.reading import read_yaml
from depthbench.errors import UserError
from depthbench.report.analyze.axes import AMOUNT
from depthbench.report.analyze.estimates import compare_pairs, seed_scores
from depthbench.report.analyze.published_tables import Paper, chosen_protocol, paper_of
from depthbench.report.analyze.selection import Selection, read_selection, selected
from depthbench.report.analyze.study import Cell, Study, row_label
from depthbench.stats.crossed import Tested, beyond_p, equivalence_p
from depthbench.stats.directions import higher_is_better
from depthbench.stats.intervals import LEVEL
from depthbench.stats.multiple_comparisons import holm

KEYS = {"claim", "where", "metric", "better", "worse", "alike", "margin"}
SUPPORTED, CONTRADICTED, OPEN = "supported", "contradicted", "can't be told"


@dataclass(frozen=True)
class Claim:
    """One claim of a paper.

    Attributes:
        text: the claim in a sentence.
        where: section, table or figure.
        metric: in which it is tested.
        first: the row that is better, or one of two that are alike.
        others: rows that the first is better than, or the other of two that are alike.
        margin: of "alike", as a share of the mean score; None for "better".
    """

    text: str
    where: str
    metric: str
    first: Selection
    others: tuple[Selection, ...]
    margin: float | None


@dataclass(frozen=True)
class Verdict:
    """Verdict of the runs on a claim.

    Attributes:
        claim: that was tested.
        first: the row that the claim is about.
        second: the row whose comparison decides.
        tested: the comparison.
        p: adjusted for all claims of the paper whose rows were run.
        verdict: ``supported``, ``contradicted`` or ``can't be told``.
    """

    claim: Claim
    first: Cell
    second: Cell
    tested: Tested
    p: float
    verdict: str

    @property
    def rows(self) -> str:
        """Names of both rows."""
        return f"{row_label(self.first, '')} against {row_label(self.second, '')}"


@dataclass(frozen=True)
class TestedClaims:
    """The claims of a paper: verdicts, and claims that could not be tested."""

    paper: str
    protocol: str
    verdicts: tuple[Verdict, ...]
    missing: tuple[Claim, ...]


def claims_file(paper: str) -> Path:
    """The file of a paper's claims."""
    return config_dir() / "experiment" / paper / "claims.yaml"


def read_claims(path: Path) -> list[Claim]:
    """Read and check the claims of a paper.

    Raises:
        UserError: if the file is no list of claims, or one lacks a key, has an unknown one, or can't be read.
    """
    content = read_yaml(path)
    if not isinstance(content, list) or not all(isinstance(item, Mapping) for item in content):
        raise UserError(f"{path} must be a list of claims, each with claim, where, metric, better and worse.")
    return [_claim(path, number, item) for number, item in enumerate(content, 1)]


def _claim(path: Path, number: int, item: Mapping[str, Any]) -> Claim:
    place = f"{path}, claim {number}"
    if unknown := set(item) - KEYS:
        raise UserError(f"{place}: there is no key {', '.join(sorted(unknown))}; keys are {', '.join(sorted(KEYS))}.")
    for key in ("claim", "where", "metric"):
        if not isinstance(item.get(key), str) or not item[key].strip():
            raise UserError(f"{place}: '{key}' is missing; it takes a text.")
    alike = "alike" in item
    if alike == ("better" in item) or alike == ("worse" in item):
        raise UserError(f"{place} needs either better and worse, or alike and margin.")
    if alike:
        rows, margin = _texts(place, "alike", item["alike"]), item.get("margin")
        if len(rows) != 2:
            raise UserError(f"{place}: 'alike' takes two rows, not {len(rows)}.")
        if not isinstance(margin, int | float) or isinstance(margin, bool) or not 0 < margin < 1:
            raise UserError(f"{place}: 'alike' needs a margin between 0 and 1, such as 0.02 for 2 % of the score.")
    else:
        first = _texts(place, "better", item["better"])
        if len(first) != 1:
            raise UserError(f"{place}: 'better' takes one row, not {len(first)}.")
        rows, margin = [*first, *_texts(place, "worse", item["worse"])], None
        if "margin" in item:
            raise UserError(f"{place}: a margin belongs to 'alike', not to 'better'.")
    try:
        selections = [read_selection(text) for text in rows]
    except ValueError as error:
        raise UserError(f"{place}: {error}; a row is named as loss=l1,data.split=795.") from error
    return Claim(item["claim"], item["where"], item["metric"], selections[0], tuple(selections[1:]), margin)


def _texts(place: str, key: str, value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise UserError(f"{place}: '{key}' takes key=value,key=value, or a list of these.")
    return texts


def tested_claims(study: Study) -> list[TestedClaims]:
    """The claims of each paper whose studies' runs are here, tested on those runs under the protocol chosen for them.

    Raises:
        UserError: if a file of claims can't be read.
    """
    papers = sorted({paper_of(run) for run in study.runs} - {""})
    files = {paper: claims_file(paper) for paper in papers if claims_file(paper).is_file()}
    own = {paper: Paper(paper, ()).own(study) for paper in files}
    return [family(own[paper], chosen_protocol(own[paper]), paper, read_claims(files[paper])) for paper in files]


def family(study: Study, protocol: str, paper: str, claims: Sequence[Claim]) -> TestedClaims:
    """Test claims as one family; a claim that several sets of rows fit is tested for each of them."""
    instances = [(claim, rows) for claim in claims for rows in _instances(study, claim)]
    decided = [found for claim, rows in instances if (found := _decide(claim, rows, protocol))]
    adjusted = holm([verdict.p for verdict in decided])
    verdicts = [
        Verdict(v.claim, v.first, v.second, v.tested, p, v.verdict if p < LEVEL else OPEN)
        for v, p in zip(decided, adjusted, strict=True)
    ]
    known = [verdict.claim for verdict in verdicts]
    return TestedClaims(paper, protocol, tuple(verdicts), tuple(claim for claim in claims if claim not in known))


def _instances(study: Study, claim: Claim) -> Iterator[tuple[Cell, ...]]:
    """Rows that fit: the first, and one for each of the others; alike in all that no selection names."""
    named = {key for selection in (claim.first, *claim.others) for key in selection}
    fixed = [axis for axis in (*study.axes, AMOUNT) if axis not in named]
    fits = [[cell for cell in study.cells if selected(cell, one)] for one in (claim.first, *claim.others)]
    for rows in product(*fits):
        if all(len({str(cell.scored[0].value(axis)) for cell in rows}) == 1 for axis in fixed):
            yield rows


def _decide(claim: Claim, rows: tuple[Cell, ...], protocol: str) -> Verdict | None:
    """The comparison that decides a claim, with its own p-value; None where rows share no scores of images."""
    first, *others = rows
    pairs = compare_pairs([(first, other) for other in others], protocol, claim.metric)
    tests = [(other, tested) for other, tested in zip(others, pairs, strict=True) if tested]
    if len(tests) < len(others):
        return None
    if claim.margin is not None:
        ((other, tested),) = tests
        margin = claim.margin * float(np.mean([np.mean(seed_scores(cell, protocol, claim.metric)) for cell in rows]))
        same, apart = equivalence_p(tested, margin), beyond_p(tested, margin)
        return Verdict(claim, first, other, tested, min(same, apart), SUPPORTED if same < apart else CONTRADICTED)
    return _better(claim, first, tests)


def _better(claim: Claim, first: Cell, tests: Sequence[tuple[Cell, Tested]]) -> Verdict:
    """Better than each: all tests must say so (Berger 1982), so the largest p counts; one against it contradicts.

    A single one against it is found among several, so that its p is multiplied by their number.
    """
    sign = 1 if higher_is_better(claim.metric) else -1
    against = [test for test in tests if sign * test[1].difference.value <= 0]
    if not against:
        other, tested = max(tests, key=lambda test: test[1].difference.p_value)
        return Verdict(claim, first, other, tested, tested.difference.p_value, SUPPORTED)
    other, tested = min(against, key=lambda test: test[1].difference.p_value)
    p = min(1.0, len(tests) * tested.difference.p_value)
    return Verdict(claim, first, other, tested, p, CONTRADICTED)

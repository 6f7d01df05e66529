"""Writes docs/results.md and its pictures from the runs that experiments/*/results.yaml lists.

python benchmarks/results_page.py

Nothing is trained: the kept files hold the scores of each seed and each image.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from disagreements_page import replaced
from matplotlib.transforms import blended_transform_factory

from depthbench.report import read_runs
from depthbench.report.analyze.claims import OPEN, TestedClaims, Verdict, tested_claims
from depthbench.report.analyze.effort import MOST_IMAGES, MOST_SEEDS, effort
from depthbench.report.analyze.estimates import compare_pairs, estimate_of
from depthbench.report.analyze.habits import best_epochs, one_seed_habit
from depthbench.report.analyze.power_laws import fit_power_law
from depthbench.report.analyze.published_tables import chosen_protocol
from depthbench.report.analyze.selection import read_selection, selected
from depthbench.report.analyze.sentences import count_text
from depthbench.report.analyze.study import Cell, Study, number_text, studies
from depthbench.report.analyze.table import build_table
from depthbench.report.draw.error_by_amount import by_amount
from depthbench.report.draw.style import APART, INK, MUTED, RC, SERIES, Look
from depthbench.report.read.runs import Run
from depthbench.report.write.claims import evidence
from depthbench.report.write.text_tables import to_markdown_text
from depthbench.reproduction.kept import KeptResult, kept_results, study_folders
from depthbench.runs.archive import unpacked
from depthbench.stats.crossed import Tested, better
from depthbench.stats.power_law import ENOUGH_AMOUNTS
from depthbench.stats.wording import p_number

PAGE = Path(__file__).parents[1] / "docs" / "results.md"
TEMPLATE = Path(__file__).with_name("results.template.md")
PICTURE = PAGE.parent / "images" / "worth.png"
AMOUNTS = PICTURE.with_name("amounts")
AHEAD = (12_000.0, 230_000.0)  # carvalho2018's larger amounts, to which the laws are extrapolated
LAWS = (
    "The table gives the power laws through the measured amounts and extrapolates them by factors of 15 and 290. The "
    "extrapolation assumes that the law still holds there."
)
METRIC = "AbsRel"
SHOWN = ("AbsRel", "RMSE", "delta1")


@dataclass(frozen=True)
class KeptStudy:
    """A kept result with its runs."""

    result: KeptResult
    study: Study

    @cached_property
    def protocol(self) -> str:
        """Under which the runs were to be scored."""
        return chosen_protocol(self.study)

    @cached_property
    def rows(self) -> list[Cell]:
        """Rows with scores."""
        return [cell for cell in self.study.cells if cell.scored]

    @cached_property
    def baseline(self) -> Cell:
        """The row with which the others are compared."""
        chosen = read_selection(self.result.baseline)
        (row,) = [cell for cell in self.rows if selected(cell, chosen)]
        return row

    @cached_property
    def others(self) -> list[Cell]:
        """Rows that differ from the baseline in one thing: the method, or the amount of data."""
        base = self.baseline
        near = [cell for cell in self.rows if (cell.method == base.method) != (cell.amount == base.amount)]
        return [cell for cell in near if cell is not base]

    def choice(self, cell: Cell) -> str:
        """The choice of a row that differs from the baseline's."""
        base = self.baseline
        if cell.method == base.method and cell.amount and base.amount:
            of = f" ({cell.method})" if self.study.methods[1:] else ""
            return f"{number_text(cell.amount)} instead of {number_text(base.amount)} training images{of}"
        return f"{cell.method} instead of {base.method}"

    @cached_property
    def worth(self) -> list[tuple[Cell, Tested]]:
        """Differences of the other rows from the baseline; negative is a smaller error."""
        tests = compare_pairs([(cell, self.baseline) for cell in self.others], self.protocol, METRIC)
        return [(cell, test) for cell, test in zip(self.others, tests, strict=True) if test]

    @property
    def seeds(self) -> int:
        """The number of seeds that every row has."""
        return min(len(cell.by_seed) for cell in self.rows)


def kept() -> list[KeptStudy]:
    """All results whose runs are in the repository."""
    found = []
    for folder in study_folders():
        if not (PAGE.parents[1] / "experiments" / folder / "results.yaml").is_file():
            continue
        for result in kept_results(folder):
            (study,) = studies(read_runs([unpacked(result.runs)]))
            found.append(KeptStudy(result, study))
    return found


def study_table(every: Sequence[KeptStudy]) -> str:
    """A row per kept result: what it shows, how much of it there is, the command that makes it again."""
    rows = [
        [
            one.result.shows,
            f"`depthbench reproduce {one.result.name} {' '.join(f'{key}=...' for key in one.result.give)}`",
            str(len(one.rows)),
            str(one.seeds),
            f"{one.result.core_hours:g}",
        ]
        for one in every
    ]
    return to_markdown_text(["study", "command", "rows", "seeds", "core-hours"], 2, rows, [])


def score_table(one: KeptStudy) -> str:
    """A row per network: mean over seeds with its interval."""
    rows = []
    for cell in one.rows:
        found = [estimate_of(cell, one.protocol, metric) for metric in SHOWN]
        cells = [f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]" if e else "" for e in found]
        rows.append([one.study.row_name(cell), str(len(cell.by_seed)), *cells])
    return to_markdown_text(["row", "seeds", *SHOWN], 1, rows, [])


def claims_table(found: Sequence[TestedClaims], every: Sequence[KeptStudy]) -> str:
    """Each claim that the kept runs test, with its verdict."""
    rows = []
    for claims in found:
        for verdict in claims.verdicts:
            study, named = in_one_study(verdict, every)
            rows.append([study or claims.paper, named.claim.text, named.claim.where, named.verdict, evidence(named)])
    return to_markdown_text(["study", "claim", "where", "verdict", "evidence"], 5, rows, [])


def in_one_study(verdict: Verdict, every: Sequence[KeptStudy]) -> tuple[str, Verdict]:
    """The study that has both rows of a verdict, and the verdict with this study's names of the rows.

    Rows of several studies of a paper are named by all that differs between the studies.
    """
    for one in every:
        rows = {_run_names(cell): cell for cell in one.rows}
        first, second = (rows.get(_run_names(cell)) for cell in (verdict.first, verdict.second))
        if first and second:
            return one.result.name, replace(verdict, first=first, second=second)
    return "", verdict


def _run_names(cell: Cell) -> frozenset[str]:
    return frozenset(run.path.name for run in cell.scored)


def claims_text(found: Sequence[TestedClaims]) -> str:
    """Count the claims that hold, and those that lack runs."""
    verdicts = [verdict.verdict for claims in found for verdict in claims.verdicts]
    counts = ", ".join(f"{verdicts.count(kind)} {kind}" for kind in ("supported", "contradicted", OPEN))
    missing = sum(len(claims.missing) for claims in found)
    return f"Of {len(verdicts)} tested claims: {counts}. {missing} claims of these papers lack the runs to test them."


def worth_table(every: Sequence[KeptStudy]) -> str:
    """A row per choice: its difference from the baseline of its study."""
    rows = []
    for one in every:
        for cell, test in one.worth:
            value, low, high, _ = test.difference
            told = {1: "better", -1: "worse", 0: "can't be told"}[better(test, False)]
            rows.append(
                [
                    one.result.name,
                    one.choice(cell),
                    f"{value:+.4f} [{low:+.4f}, {high:+.4f}]",
                    p_number(test.p_adjusted),
                    told,
                ]
            )
    return to_markdown_text(["study", "choice", f"change of {METRIC}", "p", "verdict"], 2, rows, [])


def habit_text(one: KeptStudy) -> str:
    """Say which findings single seeds would have made."""
    groups = one.study.groups(one.protocol)
    lines = []
    for title, cells in groups.items():
        found = one_seed_habit(cells, one.protocol, METRIC)
        if found is None:
            continue
        firsts = ", ".join(f"{name} with {count}" for name, count in found.firsts.items())
        lines.append(
            f"- {one.result.name}{f', {title}' if title else ''}: {found.pairs} pairs of rows, {found.seeds} seeds. "
            f"The test over all seeds and images separates {found.all_seeds} of them. The test of one seed over images "
            f"alone separates {found.one_seed:.1f} on average; {100 * found.unconfirmed:.0f} % of these findings are "
            f"not confirmed, and two seeds separate {len(found.opposed)} pairs in opposite directions. The seeds give "
            f"{found.orders} different orders of the rows; the first row is {firsts}."
        )
    return "\n".join(lines)


def epoch_table(every: Sequence[KeptStudy]) -> str:
    """The last epoch, and the best one by the frames that training watched."""
    rows = []
    for one in every:
        found = best_epochs([cell for cell in one.rows if cell.amount == one.baseline.amount], METRIC)
        last, best = (sorted(found, key=lambda row: getattr(row, key)) for key in ("last", "best"))
        rows += [
            [
                one.result.name,
                row.row,
                f"{row.last:.4f}",
                f"{row.best:.4f}",
                f"{row.best / row.last - 1:+.1%}",
                f"{last.index(row) + 1} to {best.index(row) + 1}",
            ]
            for row in found
        ]
    return to_markdown_text(["study", "row", "last epoch", "best epoch", "change", "rank"], 2, rows, [])


def effort_table(every: Sequence[KeptStudy]) -> str:
    """Seeds and images that would tell each row from its baseline."""
    rows = []
    for one in every:
        for cell, test in one.worth:
            if test.seeds[0] < 2:
                continue
            _, low, high, _ = test.difference
            ends = sorted((abs(low), abs(high))) if low * high > 0 else [0.0, max(abs(low), abs(high))]
            here, few = effort(test), effort(test, ends[1])
            rows.append(
                [
                    one.result.name,
                    f"{one.study.row_name(cell)}; {one.study.row_name(one.baseline)}",
                    f"{test.difference.value:+.4f}",
                    _count(here.seeds, MOST_SEEDS),
                    _count(few.seeds, MOST_SEEDS),
                    _count(here.images, MOST_IMAGES),
                ]
            )
    header = ["study", "rows", f"difference of {METRIC}", "seeds", "seeds at least", "images"]
    return to_markdown_text(header, 2, rows, [])


def _count(value: int | None, most: int) -> str:
    return f"more than {most:,}" if value is None else f"{value:,}"


def amounts_text(every: Sequence[KeptStudy]) -> str:
    """Scores by amount of data, the power laws through them, and where these lead."""
    found = []
    for one in every:
        amounts = [amount for amount in one.study.amounts if amount]
        if len(amounts) < ENOUGH_AMOUNTS:
            continue
        rows = []
        for method in one.study.methods:
            cells = {cell.amount: cell for cell in one.rows if cell.method == method}
            law = fit_power_law(list(cells.values()), one.protocol, METRIC)
            if law is None:
                continue
            known = [
                estimate_of(cells[amount], one.protocol, METRIC) if amount in cells else None for amount in amounts
            ]
            low, high = law.interval()
            (lows, highs), ahead = law.band(np.array(AHEAD)), law.factor * np.array(AHEAD) ** law.exponent
            rows.append(
                [
                    method,
                    *(f"{point.value:.3f} [{point.low:.3f}, {point.high:.3f}]" if point else "" for point in known),
                    f"{law.exponent:.3f} [{low:.3f}, {high:.3f}]",
                    *(f"{a:.3f} [{b:.3f}, {c:.3f}]" for a, b, c in zip(ahead, lows, highs, strict=True)),
                ]
            )
        text = f"![AbsRel against the number of training pairs](images/{AMOUNTS.name}.png)\n\n{LAWS}\n\n"
        header = [METRIC, *map(number_text, amounts), "exponent", *(f"at {number_text(int(n))}" for n in AHEAD)]
        found.append(f"{text}**{one.result.shows}** ({counts(one)})\n\n{to_markdown_text(header, 1, rows, [])}")
    return "\n".join(found) or "No study of several amounts is kept yet."


def draw_amounts(every: Sequence[KeptStudy]) -> None:
    """Error against amount of data, of the study with the most amounts."""
    one = max(every, key=lambda one: len(one.study.amounts))
    table, look = build_table(one.study, one.protocol), Look(one.study.methods)
    figure = by_amount(one.study, table, look, "") if table else None
    if figure:
        figure.save(AMOUNTS, look)
        AMOUNTS.with_suffix(".pdf").unlink()


def draw(every: Sequence[KeptStudy]) -> None:
    """Every choice's change of AbsRel with its interval, a study above the other."""
    every = [one for one in every if one.worth]
    heights = np.cumsum([0, *(len(one.worth) + 1 for one in every)])  # a line for the study's name, then its rows
    with plt.rc_context(RC):
        figure, axes = plt.subplots(figsize=(9, 1.0 + 0.28 * heights[-1]), layout="constrained")
        places, names = [], []
        for number, (one, top) in enumerate(zip(every, heights, strict=False)):
            color = SERIES[APART[number % len(APART)]]
            left = blended_transform_factory(figure.transFigure, axes.transData)
            heading = axes.text(0.01, top, one.result.shows, transform=left, va="center", color=MUTED)
            heading.set_in_layout(False)
            for row, (cell, test) in enumerate(one.worth, int(top) + 1):
                value, low, high, _ = test.difference
                sure = better(test, False)
                axes.plot([low, high], [row, row], color=color, linewidth=2.2 if sure else 1.0)
                axes.plot([value], [row], "o", color=color, markerfacecolor=color if sure else "none")
                places.append(row)
                names.append(one.choice(cell))
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(places, names)
        axes.set_ylim(heights[-1], -1)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"change of {METRIC} with its 95 % interval (left is better; filled: told apart)")
        figure.savefig(PICTURE, dpi=110)


def parts(every: Sequence[KeptStudy]) -> dict[str, str]:
    """The computed parts of the page, by the name of their place."""
    claims = [found for study in by_paper(every) for found in tested_claims(study)]
    scores = "\n".join(f"**{one.result.shows}** ({counts(one)})\n\n{score_table(one)}" for one in every)
    return {
        "studies": study_table(every),
        "scores": scores,
        "claims": f"{claims_text(claims)}\n\n{claims_table(claims, every)}",
        "worth": worth_table(every),
        "one seed": "\n".join(filter(None, map(habit_text, every))),
        "best epoch": epoch_table(every),
        "effort": effort_table(every),
        "amounts": amounts_text(every),
    }


def by_paper(every: Sequence[KeptStudy]) -> list[Study]:
    """One study per paper and test set: a claim may need runs of several results, and two results may share runs."""
    runs: dict[str, dict[str, Run]] = {}
    for one in every:
        paper = one.result.name.partition("/")[0]
        runs.setdefault(paper, {}).update({run.path.name: run for run in one.study.runs})
    return [study for named in runs.values() for study in studies(list(named.values()))]


def counts(one: KeptStudy) -> str:
    """``n = 10 seeds, 654 test images``, with the protocol and the machine; a single row is compared with nothing."""
    tests = [test for _, test in one.worth]
    number = count_text(tests) if tests else f"n = {one.seeds} seeds"
    return f"protocol `{one.protocol}`, {number}, {one.result.machine}"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    every = kept()
    content: Mapping[str, str] = parts(every)
    PAGE.write_text(replaced(TEMPLATE.read_text(encoding="utf-8"), content), encoding="utf-8")
    draw(every)
    draw_amounts(every)
    print(PAGE)


if __name__ == "__main__":
    main()

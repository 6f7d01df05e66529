"""A paper's claims as the first thing of its part of the page, and as CSV."""

from collections.abc import Sequence

from depthbench.files import csv_text
from depthbench.report.analyze.claims import TestedClaims, Verdict
from depthbench.report.analyze.sentences import count_text
from depthbench.report.analyze.study import row_label, symbol
from depthbench.report.draw.style import html
from depthbench.stats.wording import p_text

NOTE = (
    "Each claim is tested in the metric and direction named; p is adjusted for all claims of the paper that could be "
    "tested here (Holm). Of papers none of whose claims hold, at most 5 % would have one supported or contradicted. "
    "Intervals are of each difference alone."
)


def render_claims(claims: Sequence[TestedClaims], key: str, caption: str) -> str:
    """A table per paper: claim, where it stands, verdict, evidence."""
    return "".join(_section(one, f"{key}-claims-{one.paper}", caption) for one in claims if one.verdicts or one.missing)


def _section(claims: TestedClaims, key: str, caption: str) -> str:
    head = "".join(f'<th scope="col" class="text">{name}</th>' for name in ("Claim", "Where", "Verdict", "Evidence"))
    rows = "".join(_row(verdict) for verdict in claims.verdicts)
    table = (
        f'<div class="framed scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        if rows
        else ""
    )
    missing = ""
    if claims.missing:
        listed = "".join(f"<li>{html(claim.text)} ({html(claim.where)})</li>" for claim in claims.missing)
        count = len(claims.missing)
        words = (
            f"{count} claim{'s' if count > 1 else ''} without the runs that would test {'them' if count > 1 else 'it'}"
        )
        missing = f"<details><summary>{words}</summary><ul>{listed}</ul></details>"
    note = f"Protocol {claims.protocol}. {NOTE} {caption}"
    return (
        f'<section id="{key}"><h2>Claims of {html(claims.paper)}</h2>{table}'
        f'<p class="caption">{html(note)}</p>{missing}</section>'
    )


def _row(verdict: Verdict) -> str:
    claim = verdict.claim
    bold = f"<b>{html(verdict.verdict)}</b>" if verdict.verdict != "can't be told" else html(verdict.verdict)
    return (
        f'<tr><td class="text">{html(claim.text)}</td><td class="text">{html(claim.where)}</td>'
        f'<td class="text">{bold}</td><td class="text">{html(evidence(verdict))}</td></tr>'
    )


def evidence(verdict: Verdict) -> str:
    """``l1 against l2: AbsRel -0.0104 [-0.0121, -0.0087], p < 0.001, n = 3 seeds, 654 images``."""
    value, low, high, _ = verdict.tested.difference
    numbers = f"{symbol(verdict.claim.metric)} {value:+.4f} [{low:+.4f}, {high:+.4f}]"
    margin = f" (alike: within {verdict.claim.margin:.0%})" if verdict.claim.margin else ""
    return f"{verdict.rows}: {numbers}{margin}, {p_text([verdict.p])}, {count_text([verdict.tested])}"


def claims_csv(claims: Sequence[TestedClaims]) -> str:
    """One line per claim and set of rows; claims without runs have no numbers."""
    numbers = ["difference", "low", "high", "p", "p_adjusted", "images", "scenes", "seeds_a", "seeds_b"]
    header = ["paper", "protocol", "claim", "where", "metric", "margin", "verdict", "a", "b", *numbers]
    rows: list[list[object]] = [list(header)]
    for one in claims:
        for verdict in one.verdicts:
            claim, tested = verdict.claim, verdict.tested
            names = [row_label(verdict.first, ""), row_label(verdict.second, "")]
            start = [one.paper, one.protocol, claim.text, claim.where, claim.metric, claim.margin or ""]
            counts = [tested.images, tested.scenes or "", *tested.seeds]
            rows.append([*start, verdict.verdict, *names, *tested.difference, verdict.p, *counts])
        for claim in one.missing:
            start = [one.paper, one.protocol, claim.text, claim.where, claim.metric, claim.margin or "", "no runs"]
            rows.append([*start, *[""] * (len(header) - len(start))])
    return csv_text(rows)

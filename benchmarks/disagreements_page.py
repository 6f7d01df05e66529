"""Writes the tables and the picture of docs/disagreements.md from the numbers of benchmarks/disagreements.py.

python benchmarks/disagreements_page.py NUMBERS.json
"""

import argparse
import json
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import matplotlib.pyplot as plt

from depthbench.report.draw.style import APART, MARKERS, RC, SERIES
from depthbench.report.write.text_tables import to_markdown_text
from depthbench.stats.directions import higher_is_better

PAGE = Path(__file__).parents[1] / "docs" / "disagreements.md"
PICTURE = PAGE.parent / "images" / "disagreements.png"
METRICS = ("AbsRel", "delta1", "RMSE")
NONE = "eigen"
ALIGNED = ("median", "scale_l1", "scale_shift", "scale_shift_l1", "disparity")
RANKED = (NONE, *(f"alignment: {name}" for name in ALIGNED))
ALIKE = 0.01  # relative difference up to which two predictions share a rank

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]  # by variant, reduction and metric

# What is changed, from which variant to which, and the reduction of the second.
CHOICES: tuple[tuple[str, str, str, str], ...] = (
    ("pixels pooled instead of images averaged", NONE, NONE, "pixel"),
    ("root of the mean MSE", NONE, NONE, "mse_image"),
    ("whole frame instead of Eigen's crop", NONE, "region: full", "image"),
    ("toolbox's crop instead of Eigen's", NONE, "region: toolbox", "image"),
    ("whole frame, both aligned in disparity", "alignment: disparity", "region: full, alignment: disparity", "image"),
    ("up to 5 m instead of 10 m", NONE, "max_depth: 5", "image"),
    ("prediction not limited to 10 m", NONE, "clamp: none", "image"),
    ("aligned disparity not limited", "alignment: disparity", "alignment: disparity, not limited", "image"),
    ("truth near depth edges left out", NONE, "eigen, edges left out", "image"),
    (
        "truth near depth edges left out, both aligned in disparity",
        "alignment: disparity",
        "alignment: disparity, edges left out",
        "image",
    ),
    ("missing pixels left out instead of counted", NONE, "eigen, missing pixels left out", "image"),
)


def short(variant: str) -> str:
    """The heading of a column."""
    return "none" if variant == NONE else variant.removeprefix("alignment: ")


def value(scores: Scores, variant: str, metric: str, reduction: str = "image") -> float:
    return scores[variant][reduction][metric]


def alignment_table(found: Mapping[str, Scores], metric: str) -> str:
    """A row per degradation, a column per alignment."""
    variants = [name for name in next(iter(found.values())) if name == NONE or _is_alignment(name)]
    rows = [[name, *(f"{value(scores, one, metric):.4f}" for one in variants)] for name, scores in found.items()]
    return to_markdown_text([f"{metric}", *map(short, variants)], 1, rows, [])


def _is_alignment(name: str) -> bool:
    return name.startswith("alignment: ") and "," not in name


def choice_table(found: Mapping[str, Scores]) -> str:
    """A row per choice: the largest relative change of each metric, and of which prediction."""
    rows = []
    for told, before, after, reduction in CHOICES:
        cells = []
        for metric in METRICS:
            changes = {
                name: change(value(scores, before, metric), value(scores, after, metric, reduction))
                for name, scores in found.items()
                if after in scores
            }
            name = max(changes, key=lambda one: abs(changes[one]))
            cells.append("0" if abs(changes[name]) < 0.0005 else f"{100 * changes[name]:+.1f} % ({name})")
        rows.append([told, *cells])
    return to_markdown_text(["choice", *METRICS], 1, rows, [])


def change(before: float, after: float) -> float:
    """Relative; 0 where both are errors of rounding."""
    return 0.0 if max(abs(before), abs(after)) < 1e-4 else (after - before) / max(abs(before), 1e-4)


def ranks(found: Mapping[str, Scores], variant: str, metric: str = "AbsRel") -> dict[str, int]:
    """1 for the best."""
    sign = -1 if higher_is_better(metric) else 1
    ordered = sorted(found, key=lambda name: sign * value(found[name], variant, metric))
    return {name: place for place, name in enumerate(ordered, 1)}


def rank_table(found: Mapping[str, Scores]) -> str:
    """A row per degradation: its rank under each alignment."""
    columns = [ranks(found, variant) for variant in RANKED]
    rows = [[name, *(str(column[name]) for column in columns)] for name in columns[0]]
    return to_markdown_text(["rank by AbsRel", *map(short, RANKED)], 1, rows, [])


def flip_table(found: Mapping[str, Scores], metric: str = "AbsRel") -> str:
    """Count the pairs of predictions that change their order from one alignment to another."""
    rows = []
    for one in RANKED:
        cells = ["" if one == other else str(len(flips(found, one, other, metric))) for other in RANKED]
        rows.append([short(one), *cells])
    return to_markdown_text(["order changes", *map(short, RANKED)], 1, rows, [])


def flips(found: Mapping[str, Scores], one: str, other: str, metric: str) -> list[tuple[str, str]]:
    """Pairs that differ by more than :data:`ALIKE` under both alignments, the other way round under the second."""
    return [
        (a, b)
        for a, b in combinations(found, 2)
        if order(found, a, b, one, metric) * order(found, a, b, other, metric) < 0
    ]


def order(found: Mapping[str, Scores], a: str, b: str, variant: str, metric: str) -> int:
    first, second = (value(found[name], variant, metric) for name in (a, b))
    if abs(first - second) <= max(ALIKE * max(first, second), 1e-4):
        return 0
    return 1 if first > second else -1


def draw(found: Mapping[str, Scores]) -> None:
    """AbsRel of each prediction under each alignment, and the ranks that follow."""
    with plt.rc_context(RC):
        figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
        places = range(len(RANKED))
        columns = [ranks(found, variant) for variant in RANKED]
        for index, (name, scores) in enumerate(found.items()):
            look = {"color": SERIES[APART[index % len(APART)]], "marker": MARKERS[index % len(MARKERS)], "label": name}
            left.plot(places, [max(value(scores, one, "AbsRel"), 1e-4) for one in RANKED], **look)
            right.plot(places, [column[name] for column in columns], **look)
        left.set(yscale="log", ylabel="AbsRel", title="AbsRel under each alignment")
        right.set(ylabel="rank", title="the ranks that follow", yticks=range(1, len(found) + 1))
        right.invert_yaxis()
        for axes in (left, right):
            axes.set_xticks(places, map(short, RANKED), rotation=20)
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
        figure.savefig(PICTURE, dpi=110)


def replaced(text: str, parts: Mapping[str, str]) -> str:
    """The page with what stands between the marks of each part written anew."""
    for name, content in parts.items():
        start, end = f"<!-- computed: {name} -->", f"<!-- end: {name} -->"
        before, _, rest = text.partition(start)
        assert end in rest, f"the page has no {end}"
        text = f"{before}{start}\n\n{content.strip()}\n\n{end}{rest.partition(end)[2]}"
    return text


def main() -> None:
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("numbers", type=Path, help="a file of benchmarks/disagreements.py")
    numbers = json.loads(command.parse_args().numbers.read_text())
    found: Mapping[str, Scores] = numbers["scores"]
    parts = {
        "pairs": f"{_pairs_text(numbers['pairs'])}, {len(found)} predictions each.",
        "alignments": "\n".join(alignment_table(found, metric) for metric in METRICS),
        "choices": choice_table(found),
        "ranks": rank_table(found),
        "flips": _flip_text(found),
    }
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), parts), encoding="utf-8")
    draw(found)
    print(PAGE)


def _pairs_text(count: int) -> str:
    return "All 654 test pairs of NYUv2" if count == 654 else f"{count} of the 654 test pairs of NYUv2, drawn at random"


def _flip_text(found: Mapping[str, Scores]) -> str:
    pairs = len(found) * (len(found) - 1) // 2
    worst = max(combinations(RANKED, 2), key=lambda two: len(flips(found, *two, "AbsRel")))
    told = f"Of {pairs} pairs of predictions, {len(flips(found, *worst, 'AbsRel'))} change their order between "
    told += f"`{short(worst[0])}` and `{short(worst[1])}`."
    return f"{flip_table(found)}\n{told}"


if __name__ == "__main__":
    main()

"""Error rates, powers and coverages of the statistics, simulated; writes the tables of docs/statistics.md.

    python -m benchmarks.error_rates [--pages 400]

A page is a table of rows whose truth is known. Rows are made of an effect per image (shared by all rows), an effect of
image and row, and, with several seeds, effects of seed, of seed and row, and of all three. Resamples are fewer
than in use, and new for each page.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from depthbench.stats import compare, image_sums, permutation
from depthbench.stats.crossed import estimates
from depthbench.stats.image_sums import of_means
from depthbench.stats.multiple_comparisons import holm

PAGE = Path(__file__).parents[1] / "docs/statistics.md"
START, END = "<!-- simulated: start (benchmarks/error_rates.py) -->", "<!-- simulated: end -->"
Values = NDArray[np.float64]
Rows = dict[str, dict[int, Values]]


def main() -> None:
    """Simulate and write."""
    command = argparse.ArgumentParser(description=__doc__)
    command.add_argument("--pages", type=int, default=400, help="simulated pages per line (default: 400)")
    pages = command.parse_args().pages
    fewer_resamples()
    parts = [one_seed(pages), seeds(pages), coverage(pages)]
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{START}\n" + "\n".join(parts) + f"\n{END}{after}", encoding="utf-8")


def fewer_resamples() -> None:
    """Fewer exchanges and draws than in use, new ones for each page: the same few would have errors of their own."""
    permutation.PERMUTATIONS, image_sums.RESAMPLES = 600, 400
    patterns = permutation._patterns
    permutation._patterns = lambda units, seed, count: patterns(units, _Page.number, count)  # type: ignore[assignment]


class _Page:
    """Number of the simulated page."""

    number = 0


def one_seed(pages: int) -> str:
    """Pages of one seed: error rate with equal rows, and power for a row that is better, beside Holm's."""
    lines = [f"**One seed, 60 images**, {pages} pages each (rates are known to ± {margin(pages)} %).", ""]
    lines += ["| noise | rows | pages with a false finding, rows equal | the same, one row is better | found, max-T |"]
    lines[-1] += " found, Holm |"
    lines.append("|---|---:|---:|---:|---:|---:|")
    for noise in ("normal", "skewed", "unlike"):
        for rows in (2, 8, 13, 24):
            false = np.mean([any(p.better for p in compare(page)) for page in single(pages, rows, noise, 0.0)])
            partly, found, by_holm = [], [], []
            for page in single(pages, rows, noise, 0.01):
                pairs = compare(page)
                partly.append(any(pair.better for pair in pairs if "0" not in pair[:2]))
                found.append([pair.better == "0" for pair in pairs if "0" in pair[:2]])
                by_holm.append([p < 0.05 for p in holm(paired_t(page))[: rows - 1]])  # the pairs of row 0 come first
            cells = [percent(false), "–" if rows == 2 else percent(np.mean(partly))]
            cells += [percent(np.mean(found)), percent(np.mean(by_holm))]
            lines.append(f"| {noise} | {rows} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    lines += [
        "",
        "Noise of image and row: normal; skewed (exponential); unlike (of the last row 4 times that of the first).",
    ]
    return "\n".join([*lines, ""])


def single(pages: int, rows: int, noise: str, better: float) -> Iterator[dict[str, Values]]:
    """Rows on 60 images; row 0 is better by ``better``."""
    generator = np.random.default_rng([rows, len(noise), int(1e6 * better)])
    for _Page.number in range(pages):
        common = generator.normal(0.2, 0.05, 60)
        own = generator.exponential(0.02, (rows, 60)) if noise == "skewed" else generator.normal(0, 0.02, (rows, 60))
        if noise == "unlike":
            own *= np.linspace(0.5, 2, rows)[:, None]
        yield {str(row): common + own[row] - better * (row == 0) for row in range(rows)}


SCATTER = {
    "none": (0.0, 0.0),
    "shared by rows": (0.01, 0.0),
    "not shared": (0.0, 0.01),
    "both": (0.01, 0.005),
    "not shared, of half the rows 3 times as large": (0.0, -0.01),
}


def seeds(pages: int) -> str:
    """Pages of several seeds: error rates and powers by kind of scatter."""
    lines = [f"**Several seeds, 60 images**, {pages} pages each.", ""]
    lines.append("| effect of a seed | rows | seeds | pages with a false finding, rows equal | found: better by 0.03 |")
    lines[-1] += " larger of two tests, false | Welch, found |"
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    for name, scatter in SCATTER.items():
        for rows, count in ((2, 2), (2, 3), (2, 5), (2, 10), (8, 3), (8, 5), (8, 10)):
            false, naive, found, old = [], [], [], []
            for page in several(pages, rows, count, scatter, 0.0):
                false.append(any(pair.better for pair in compare(page)))
                naive.append(min(holm(larger(page))) < 0.05)
            for page in several(pages, rows, count, scatter, 0.03):
                found.append([pair.better == "0" for pair in compare(page) if "0" in pair[:2]])
                old.append([p < 0.05 for p in holm(welch(page))[: rows - 1]])  # the pairs of row 0 come first
            cells = [np.mean(false), np.mean(found), np.mean(naive), np.mean(old)]
            lines.append(f"| {name} | {rows} | {count} | {' | '.join(map(percent, cells))} |")
            print(lines[-1], flush=True)
    lines += [
        "",
        "The larger of two tests: t over paired seeds and t over images, Holm. Welch: over seeds as if they were not "
        "shared, Holm (the rule of earlier pages).",
    ]
    return "\n".join([*lines, ""])


def paired_t(page: dict[str, Values]) -> list[float]:
    """Paired t-tests over images of all pairs: what endlessly many exchanges would give."""
    table = np.array(list(page.values()))
    first, second = np.triu_indices(len(table), 1)
    return stats.ttest_rel(table[first], table[second], axis=1).pvalue.tolist()


def several(pages: int, rows: int, count: int, scatter: tuple[float, float], better: float) -> Iterator[Rows]:
    """Rows of several seeds on 60 images; row 0 is better by ``better``."""
    shared, own = scatter
    generator = np.random.default_rng([rows, count, int(1e4 * shared), int(1e4 * abs(own)), int(1e4 * better)])
    scale = np.where(np.arange(rows) < rows / 2, 3.0, 1.0) if own < 0 else np.ones(rows)
    for _Page.number in range(pages):
        image = generator.normal(0.2, 0.05, 60) + generator.normal(0, 0.02, (rows, 1, 60))
        seed = generator.normal(0, shared, (1, count, 1))
        seed = seed + generator.normal(0, abs(own), (rows, count, 1)) * scale[:, None, None]
        table = image + seed + generator.normal(0, 0.02, (rows, count, 60))
        table[0] -= better
        yield {str(row): dict(enumerate(table[row])) for row in range(rows)}


def larger(page: Rows) -> list[float]:
    """The larger p-value of paired t-tests over seeds and over images, of all pairs."""
    table = np.array([list(row.values()) for row in page.values()])
    first, second = np.triu_indices(len(table), 1)
    d = table[first] - table[second]
    by = [stats.ttest_1samp(d.mean(axis), 0, axis=1).pvalue for axis in (2, 1)]
    return np.maximum(*by).tolist()


def welch(page: Rows) -> list[float]:
    """Welch's test over seeds, of all pairs."""
    means = np.array([list(row.values()) for row in page.values()]).mean(2)
    first, second = np.triu_indices(len(means), 1)
    return stats.ttest_ind(means[first], means[second], axis=1, equal_var=False).pvalue.tolist()


def coverage(pages: int) -> str:
    """Count how often 95 % intervals hold the truth, beside the plain crossed bootstrap."""
    lines = [f"**95 % intervals**, 60 images, {pages} pages each: how many hold the truth.", ""]
    lines.append(
        "| effect of a seed | seeds | of a difference | of a score | plain crossed bootstrap of a difference |"
    )
    lines.append("|---|---:|---:|---:|---:|")
    for name, scatter in SCATTER.items():
        for count in (1, 2, 3, 5, 10):
            hits: list[list[bool]] = []
            for page in several(pages, 2, count, scatter, 0.0):
                (pair,) = compare(page)
                row = estimates({seed: of_means(values) for seed, values in page["0"].items()})["score"]
                low, high = plain(page)
                # With one seed the truth is that of the trained networks: their own effects of seed are part of it.
                hits.append([pair.low <= 0 <= pair.high, row.low <= 0.2 <= row.high, low <= 0 <= high])
            cells = [percent(share) for share in np.mean(hits, axis=0)]
            if count == 1 and name != "none":
                cells = [f"({cell})" for cell in cells]
            lines.append(f"| {name} | {count} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    lines += ["", "In brackets: one seed, whose interval is of the trained networks, held against other seeds."]
    return "\n".join([*lines, ""])


def plain(page: Rows, resamples: int = 400) -> tuple[float, float]:
    """Percentiles of means over resampled seeds and resampled images."""
    generator = np.random.default_rng(0)
    d = np.array(list(page["0"].values())) - np.array(list(page["1"].values()))
    seeds_of, images_of = (generator.multinomial(n, np.full(n, 1 / n), resamples) / n for n in d.shape)
    low, high = np.percentile(np.einsum("rs,sn,rn->r", seeds_of, d, images_of), [2.5, 97.5])
    return float(low), float(high)


def percent(share: float | np.floating) -> str:
    """A share in percent."""
    return f"{100 * share:.1f} %"


def margin(pages: int) -> str:
    """Two standard errors of a rate of 5 %, in percent."""
    return f"{200 * np.sqrt(0.05 * 0.95 / pages):.1f}"


if __name__ == "__main__":
    main()

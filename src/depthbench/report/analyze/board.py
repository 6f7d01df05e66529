"""A leaderboard's tables: for each set of rules the ranks of the models on every data set and over all of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from depthbench.config.compose import config_dir
from depthbench.config.published import row_of_member
from depthbench.output_kinds import OutputKind
from depthbench.results.board import BoardCell
from depthbench.results.records import Result
from depthbench.stats.crossed import SeedRow, Tested, better, compare_rows
from depthbench.stats.directions import higher_is_better
from depthbench.stats.image_sums import Array, PerImageSums
from depthbench.stats.intervals import Limits
from depthbench.stats.ranks import (
    RankTest,
    friedman,
    mean_ranks_over_sets,
    rank_limits,
    ranks_of,
    resampled_ranks,
    unit_scores,
)

SHOWN = ("AbsRel", "delta1", "RMSE")


@dataclass(frozen=True)
class Ranked:
    """A model's place on one data set: its rank among the models with a score, and the rank's 95 % interval."""

    rank: float
    limits: Limits


@dataclass(frozen=True, eq=False)
class SetTable:
    """All models on one data set under one set of rules.

    Attributes:
        data: its label.
        results: by model; models without one are not there.
        absent: why a model has none, by model.
        other: models that were scored on other images, which can't be compared.
        metric: by which models are ranked.
    """

    data: str
    results: Mapping[str, Result]
    absent: Mapping[str, str]
    other: tuple[str, ...]
    metric: str

    @cached_property
    def sums(self) -> dict[str, PerImageSums]:
        """Scores of the images of those models that can be ranked: of the images that all of them have."""
        found = {name: one.sums(self.metric) for name, one in self.results.items() if name not in self.other}
        known = {name: sums for name, sums in found.items() if sums is not None}
        names = [sums.names for sums in known.values()]
        return known if len(set(names)) < 2 else {name: one for name, one in known.items() if one.names == names[0]}

    @cached_property
    def ranked(self) -> dict[str, Ranked]:
        """Ranks by model; nothing where fewer than two can be ranked."""
        if len(self.sums) < 2:
            return {}
        up = higher_is_better(self.metric)
        values = np.array([one.scores[self.metric] for one in self.sums.values()])
        ranks, limits = ranks_of(values, up), rank_limits(self.drawn)
        return {name: Ranked(float(ranks[place]), limits[place]) for place, name in enumerate(self.sums)}

    @cached_property
    def drawn(self) -> Array:
        """Resampled ranks ``(R, K)`` of :attr:`sums`."""
        return resampled_ranks(list(self.sums.values()), self.metric, higher_is_better(self.metric))

    @cached_property
    def test(self) -> RankTest | None:
        """Friedman's test over the scenes or images."""
        if len(self.sums) < 3:
            return None
        blocks = np.stack([unit_scores(one, self.metric) for one in self.sums.values()], 1)
        return friedman(blocks, higher_is_better(self.metric))

    @cached_property
    def tests(self) -> dict[tuple[str, str], Tested]:
        """Paired tests of all pairs of ranked models, adjusted for all of them."""
        pairs = list(combinations(self.sums, 2))
        rows: list[tuple[SeedRow, SeedRow]] = [({0: self.sums[a]}, {0: self.sums[b]}) for a, b in pairs]
        return {pair: found[self.metric] for pair, found in zip(pairs, compare_rows(rows), strict=True)}

    @cached_property
    def best(self) -> str | None:
        """The model that is better than every other one beyond chance; None where none is."""
        up = higher_is_better(self.metric)
        for name in self.sums:
            own = [better(one, up) * (1 if pair[0] == name else -1) for pair, one in self.tests.items() if name in pair]
            if own and min(own) == 1:
                return name
        return None


@dataclass(frozen=True, eq=False)
class RulesTable:
    """One set of rules on all data sets that have it.

    Attributes:
        rules: ``full``, or publication and row: ``moge scale``.
        alignment: in words.
        models: labels, in the order of the leaderboard.
        kinds: of the models.
        sets: by label.
    """

    rules: str
    alignment: str
    models: tuple[str, ...]
    kinds: Mapping[str, OutputKind]
    sets: tuple[SetTable, ...]

    @property
    def metric(self) -> str:
        """The metric by which models are ranked."""
        return self.sets[0].metric

    @cached_property
    def complete(self) -> tuple[str, ...]:
        """Models that are ranked on every set: only these have a mean rank."""
        return tuple(name for name in self.models if all(name in one.ranked for one in self.sets))

    @cached_property
    def mean_ranks(self) -> dict[str, Ranked]:
        """Mean ranks among the complete models, with intervals over sets and images."""
        if len(self.complete) < 2:
            return {}
        up = higher_is_better(self.metric)
        drawn, ranks = [], []
        for one in self.sets:
            sums = [one.sums[name] for name in self.complete]
            drawn.append(resampled_ranks(sums, self.metric, up))
            ranks.append(ranks_of(np.array([each.scores[self.metric] for each in sums]), up))
        limits = rank_limits(mean_ranks_over_sets(drawn))
        means = np.mean(ranks, axis=0)
        return {name: Ranked(float(means[place]), limits[place]) for place, name in enumerate(self.complete)}

    @cached_property
    def test(self) -> RankTest | None:
        """Friedman's test over data sets; of one set that over its images."""
        if len(self.sets) == 1:
            return self.sets[0].test
        if not self.complete:
            return None
        rows = [[one.sums[name].scores[self.metric] for name in self.complete] for one in self.sets]
        return friedman(np.array(rows), higher_is_better(self.metric))

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Models best first: by mean rank, then those without one by the mean of the ranks that they have."""

        def place(name: str) -> tuple[bool, float]:
            own = [one.ranked[name].rank for one in self.sets if name in one.ranked]
            known = self.mean_ranks.get(name)
            return known is None, known.rank if known else float(np.mean(own)) if own else np.inf

        here = [name for name in self.models if any(name in one.results or name in one.absent for one in self.sets)]
        return tuple(sorted(here, key=place))


def rules_tables(cells: Sequence[BoardCell], results: Mapping[int, Result]) -> list[RulesTable]:
    """One table for each set of rules under which anything was scored.

    Args:
        cells: of the leaderboard, in its order.
        results: of finished cells, by the place of the cell.
    """
    groups: dict[str, dict[str, list[int]]] = {}
    for place, cell in enumerate(cells):
        groups.setdefault(row_of_member(config_dir(), cell.protocol), {}).setdefault(cell.data, []).append(place)
    models = tuple(dict.fromkeys(cell.model for cell in cells))
    kinds = {cells[place].model: one.model.kind for place, one in results.items()}
    tables = []
    for rules, by_set in groups.items():
        done = [results[place] for places in by_set.values() for place in places if place in results]
        if done:
            metric = _ranking(done)
            sets = tuple(_set_table(data, places, cells, results, metric) for data, places in by_set.items())
            scored = tuple(one for one in sets if one.results)
            tables.append(RulesTable(rules, done[0].rules.alignment, models, kinds, scored))
    return tables


def _ranking(done: Sequence[Result]) -> str:
    """The metric of a ranking: one of every table, else the first with an interval, as of pairs and clips; else any."""
    known = [name for name in done[0].scores if all(math.isfinite(one.scores.get(name, math.nan)) for one in done)]
    of_images = [name for name in done[0].limits if name in known]
    shown = [name for name in SHOWN if all(name in one.scores for one in done)]
    return next(iter([*shown, *of_images, *known]), min(done[0].scores))


def _set_table(
    data: str, places: Sequence[int], cells: Sequence[BoardCell], results: Mapping[int, Result], metric: str
) -> SetTable:
    found = {cells[place].model: results[place] for place in places if place in results}
    absent = {cells[place].model: cells[place].reason for place in places if place not in results}
    keys = [(one.data.key, one.rules.sha256) for one in found.values()]
    usual = max(keys, key=keys.count) if keys else None
    other = tuple(name for name, key in zip(found, keys, strict=True) if key != usual)
    return SetTable(data, found, absent, other, metric)


@dataclass(frozen=True)
class Extreme:
    """The best or worst case of a model: a data set and rules, with its rank and the number of models."""

    rules: str
    data: str
    rank: float
    models: int


def extremes(name: str, tables: Sequence[RulesTable]) -> tuple[Extreme, Extreme] | None:
    """The best and the worst rank of a model, as a share of the ranked models; None where it has fewer than two."""
    found = [
        Extreme(table.rules, one.data, one.ranked[name].rank, len(one.ranked))
        for table in tables
        for one in table.sets
        if name in one.ranked
    ]
    if len(found) < 2:
        return None
    ordered = sorted(found, key=lambda one: (one.rank - 1) / max(one.models - 1, 1))
    return ordered[0], ordered[-1]


def frames_apart(name: str, table: SetTable, count: int = 3) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """Images on which a model is best and worst beside the median of the others: names with its score minus theirs."""
    if name not in table.sums or len(table.sums) < 2:
        return [], []
    names = table.sums[name].names
    values = {key: _of_images(table.results[key], table.metric, names) for key in table.sums}
    apart = values[name] - np.median([one for key, one in values.items() if key != name], axis=0)
    order = np.argsort(-apart if higher_is_better(table.metric) else apart, kind="stable")
    count = min(count, len(names) // 2)
    told = [(names[place], float(apart[place])) for place in order]
    return told[:count], told[::-1][:count]


def _of_images(result: Result, metric: str, names: Sequence[str]) -> Array:
    known = dict(zip(result.names, result.per_image[metric].tolist(), strict=True))
    return np.array([known[name] for name in names])

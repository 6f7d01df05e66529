"""Power laws of error against amount of training data, from the rows of one method."""

from collections.abc import Mapping, Sequence

import numpy as np

from depthbench.report.analyze.estimates import Values, image_names, row_of, seed_scores, shared_form
from depthbench.report.analyze.study import Cell
from depthbench.stats.image_sums import RESAMPLES
from depthbench.stats.intervals import mean_over, student_draws
from depthbench.stats.power_law import PowerLaw, power_law

Laws = Mapping[tuple[str, str], PowerLaw]


def fit_power_law(cells: Sequence[Cell], protocol: str, metric: str) -> PowerLaw | None:
    """The law through the rows of one method; None for fewer than three amounts, or an error that is not positive."""
    cells = [cell for cell in cells if cell.amount and seed_scores(cell, protocol, metric)]
    amounts = np.array([cell.amount for cell in cells], dtype=np.float64)
    errors = np.array([np.mean(seed_scores(cell, protocol, metric)) for cell in cells])
    if not cells or np.any(errors <= 0):
        return None
    over_images = _over_images(cells, protocol, metric, errors)
    over_seeds = _over_seeds(cells, protocol, metric)
    over = " and ".join(
        name for name, part in (("seeds", over_seeds), ("test images", over_images)) if part is not None
    )
    if not over:
        return power_law(amounts, errors)
    drawn = np.tile(errors, (RESAMPLES, 1)) if over_images is None else over_images
    return power_law(amounts, errors, drawn if over_seeds is None else drawn * np.exp(over_seeds), over)


def _over_images(cells: Sequence[Cell], protocol: str, metric: str, errors: Values) -> Values | None:
    """Errors ``(R, cells)`` of resampled images, the same for all cells; None where scores can't be read from them."""
    names = set.intersection(*(set(image_names(cell, protocol, metric)) for cell in cells))
    form = shared_form(cells, protocol, metric)
    rows = [row_of(cell, protocol, metric, tuple(sorted(names)), form) for cell in cells]
    if not all(rows):
        return None
    columns = []
    for row, error in zip(rows, errors, strict=True):
        networks = list(row.values())
        mean = np.mean([network.scores[metric] for network in networks])
        columns.append(mean_over([network.resampled for network in networks], metric) * (error / mean))
    return np.stack(columns, axis=1)


def _over_seeds(cells: Sequence[Cell], protocol: str, metric: str) -> Values | None:
    """Student's draws ``(R, cells)`` of the logarithm's error; together where all amounts have the same seeds."""
    logs = [np.log(seed_scores(cell, protocol, metric)) for cell in cells]
    if max(len(values) for values in logs) < 2:
        return None
    seeds = {tuple(cell.by_seed) for cell in cells}
    if len(seeds) == 1 and len({len(values) for values in logs}) == 1:
        return student_draws(np.stack(logs, axis=1), RESAMPLES)
    return np.stack([student_draws(values, RESAMPLES, seed) for seed, values in enumerate(logs)], axis=1)

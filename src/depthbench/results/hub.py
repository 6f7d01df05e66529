"""Results in the forms of others: the ``model-index`` of model cards, and the tables of benchmark sites.

A ``model-index`` (huggingface's model cards, also read by Papers with Code) has an entry for each data set and
protocol. "Verify evals", which asks authors to confirm imported numbers, wants score, model and benchmark protocol:
:func:`verification_table` has a line for each of these.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from huggingface_hub import EvalResult
from huggingface_hub.repocard_data import eval_results_to_model_index

from depthbench.config.set_names import set_label
from depthbench.results.records import Result
from depthbench.stats.directions import higher_is_better

PAIRS = "pair_accuracy"
CARD_METRICS = ("AbsRel", "RMSE", "log10", "delta1", "delta2", "delta3", PAIRS, "TAE", "fov_error")
TASK = "depth-estimation"


def eval_results(results: Sequence[Result], metrics: Sequence[str] = CARD_METRICS) -> list[EvalResult]:
    """Finite scores as huggingface_hub's records: the rules in full digits of their hash, the interval, the counts."""
    return [
        EvalResult(
            task_type=TASK,
            task_name="Monocular depth estimation",
            dataset_type=_slug(result.data.name),
            dataset_name=f"{result.data.name}, protocol {result.rules.name}",
            dataset_config=f"{result.rules.name}@{result.rules.version}",
            dataset_split=result.data.split or result.rules.fields.get("split"),
            dataset_args=_told(result),
            metric_type=metric,
            metric_name=f"{metric} ({'higher' if higher_is_better(metric) else 'lower'} is better)",
            metric_value=round(result.scores[metric], 5),
            metric_args=_interval(result, metric),
        )
        for result in results
        for metric in metrics
        if np.isfinite(result.scores.get(metric, np.nan))
    ]


def model_index(name: str, results: Sequence[Result], metrics: Sequence[str] = CARD_METRICS) -> list[dict[str, Any]]:
    """The value of ``model-index`` in the head of a model card.

    Args:
        name: of the model.
        results: its own.
        metrics: that are shown where a result has them.
    """
    found: list[dict[str, Any]] = eval_results_to_model_index(name, eval_results(results, metrics))
    return found


def verification_table(
    results: Sequence[Result], metrics: Sequence[str] = ("AbsRel", "delta1", PAIRS)
) -> list[list[str]]:
    """Head and rows: benchmark, model, metric, score and protocol, with the settings behind the number."""
    rows = [["benchmark", "model", "kind", "metric", "score", "95 % interval", "images", "missing", "protocol", "code"]]
    for result in results:
        for metric in metrics:
            value, limits = result.scores.get(metric, np.nan), result.limits.get(metric)
            if np.isfinite(value):
                counts = [f"{result.scores.get(name, 0):.0f}" for name in ("images", "missing")]
                interval = "" if limits is None else "[{:.4f}, {:.4f}]".format(*limits)
                told = [benchmark_name(result), result.model.name, str(result.model.kind), metric, f"{value:.4f}"]
                rows.append([*told, interval, *counts, protocol_text(result), result.code])
    return rows


def benchmark_name(result: Result) -> str:
    """``NYUv2 (metric)`` where predictions are scored as they are, ``NYUv2 (relative)`` where they are fitted first.

    The order of points is neither: ``DA-2K``.
    """
    if PAIRS in result.scores:
        return result.data.name
    fitted = result.rules.alignment != "none"
    return set_label(result.data.name, "relative" if fitted else "metric").replace(") (", ", ")


def protocol_text(result: Result) -> str:
    """A protocol in one line: name, version, region, range, alignment, mean, and eight digits of its hash."""
    fields = result.rules.fields
    if PAIRS in result.scores:
        return f"{result.rules.name} {result.rules.version}; mean over pairs; sha256 {result.rules.sha256[:8]}"
    low, high = fields.get("min_depth"), fields.get("max_depth")
    parts = [
        f"{result.rules.name} {result.rules.version}",
        f"region {fields.get('region')}",
        f"depth {low if low is not None else 0} to {f'{high} m' if high is not None else 'any'}",
        f"alignment {result.rules.alignment}",
        f"mean over {'images' if fields.get('reduction') == 'image' else fields.get('reduction')}",
        f"sha256 {result.rules.sha256[:8]}",
    ]
    return "; ".join(parts)


def _told(result: Result) -> dict[str, Any]:
    counts = {
        key: int(result.scores[key]) for key in ("images", "missing") if np.isfinite(result.scores.get(key, np.nan))
    }
    hashes = {"protocol_sha256": result.rules.sha256, "names_sha256": result.data.names_sha256}
    told = {"alignment": result.rules.alignment, "kind": str(result.model.kind), **counts, **hashes}
    return told | {"code": result.code}


def _interval(result: Result, metric: str) -> dict[str, float] | None:
    limits = result.limits.get(metric)
    if limits is None or not np.isfinite(limits).all():
        return None
    return {"low": round(limits[0], 5), "high": round(limits[1], 5)}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unknown"

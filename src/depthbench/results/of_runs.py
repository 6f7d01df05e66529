"""The test of a run as results, from the files of its folder."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from depthbench.files import read_json
from depthbench.results.records import DataRecord, ModelRecord, Result, RulesRecord, rules_hash
from depthbench.runs.checksums import check_unchanged
from depthbench.runs.results import kind_of, scores_of
from depthbench.runs.tables import read_per_image
from depthbench.stats.intervals import Limits, intervals


def results_of_run(folder: Path, data: str, name: str | None = None) -> list[Result]:
    """One result for each protocol of ``scores.json``; none where the run was not scored.

    Args:
        folder: of the run.
        data: how its data are called.
        name: of the model; by default the folder's.

    Raises:
        UserError: if a file can't be read, or has changed since the run wrote it.
    """
    check_unchanged(folder / "scores.json")
    content, info = read_json(folder / "scores.json"), read_json(folder / "run.json")
    scores, images = scores_of(content), read_per_image(folder / "per_image.csv")
    known = content.get("protocols")
    protocols: dict[str, Any] = known if isinstance(known, dict) else {}
    model = ModelRecord(name or folder.name, kind_of(content), "run")
    found = []
    for protocol, row in scores.items():
        columns = dict(images.get(protocol, {}))
        names = tuple(map(str, columns.pop("name", ())))
        fields = protocols.get(protocol, {})
        rules = RulesRecord(protocol, int(fields.get("version", 1)), rules_hash(fields), fields)
        result = Result(
            model, _data_of(folder, data, len(names)), rules, row, {}, names, columns, str(info.get("code_version", ""))
        )
        found.append(_with_limits(result))
    return found


def _data_of(folder: Path, name: str, images: int) -> DataRecord:
    test = read_json(folder / "data.json").get("test")
    test = test if isinstance(test, dict) else {}
    return DataRecord(name, str(test.get("data", "")), "test", images, test.get("names_sha256"))


def _with_limits(result: Result) -> Result:
    """The result with the intervals of all scores that can be read from the scores of images."""
    limits: dict[str, Limits] = {}
    for metric in result.per_image:
        sums = result.sums(metric)
        if sums is not None and np.isfinite(sums.scores[metric]):
            limits |= intervals(sums)
    return replace(result, limits=limits)

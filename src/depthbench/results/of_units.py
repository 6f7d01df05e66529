"""Scores of cameras, pairs and clips that a script took, as the file of results that the command evaluate writes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from depthbench.data.manifest import names_hash
from depthbench.errors import UserError
from depthbench.files import write_atomically
from depthbench.results.records import DataRecord, ModelRecord
from depthbench.results.writing import result_text
from depthbench.stats.image_sums import Array
from depthbench.stats.intervals import Limits


class UnitMetric(Protocol):
    """A metric of images or clips, such as :class:`~depthbench.metrics.PairAccuracy`."""

    def compute(self) -> Mapping[str, Any]: ...  # noqa: D102

    def intervals(self) -> Mapping[str, Limits]: ...  # noqa: D102

    def per_unit(self) -> tuple[list[str], Mapping[str, Array]]: ...  # noqa: D102


def write_unit_results(
    path: str | Path,
    metrics: Mapping[ModelRecord, UnitMetric],
    data: str,
    protocol: str,
    *,
    version: int = 1,
    source: str | None = None,
) -> None:
    """Write scores with their intervals and the scores of each image or clip, as ``evaluate output=FILE.json`` does.

    Args:
        path: of the file, which ``read_results`` and ``depthbench report`` read.
        metrics: of each model, after all updates; of the same images or clips.
        data: name of the data set.
        protocol: name of the rules: ``da2k`` and the like.
        version: of the rules.
        source: where they stand.

    Raises:
        UserError: if models were scored on different images or clips, or these have no names.

    Example:
        >>> import tempfile, torch, depthbench
        >>> from depthbench.metrics import FieldOfViewError
        >>> from depthbench.results import ModelRecord
        >>> from depthbench.results.of_units import write_unit_results
        >>> metric, camera = FieldOfViewError(), torch.eye(3)[None] * 500
        >>> metric.update_cameras(camera, camera, width=640, names=["a"])
        >>> path = f"{tempfile.mkdtemp()}/fov.json"
        >>> write_unit_results(path, {ModelRecord("mine"): metric}, "NYUv2", "field_of_view")
        >>> [result.scores["fov_error"] for result in depthbench.read_results(path)]
        [0.0]
    """
    scores: dict[str, dict[str, dict[str, float]]] = {}
    limits: dict[str, dict[str, dict[str, Limits]]] = {}
    images: dict[str, dict[str, dict[str, list[float]]]] = {}
    names: list[str] = []
    for model, metric in metrics.items():
        own, columns = metric.per_unit()
        if not all(own):
            raise UserError(f"The images or clips of {model.name} have no names; give them to update.")
        if images and own != names:
            raise UserError(
                f"{model.name} was scored on other images or clips than the others; score them on the same."
            )
        names = own
        scores[model.name] = {protocol: {name: float(value) for name, value in metric.compute().items()}}
        limits[model.name] = {protocol: dict(metric.intervals())}
        images[model.name] = {protocol: {name: values.tolist() for name, values in columns.items()}}
    rules = {protocol: {"name": protocol, "version": version, "alignment": "none", "source": source}}
    record = DataRecord(data, images=len(names), names_sha256=names_hash(names))
    more: dict[str, Any] = {"intervals": limits, "differences": [], "refused": {}, "notes": []}
    text = result_text(list(metrics), record, rules, scores, more, names, images)
    write_atomically(Path(path).expanduser(), text)

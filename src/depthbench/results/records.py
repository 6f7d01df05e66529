"""Records of a result: its model, its data and its rules."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from depthbench.output_kinds import OutputKind
from depthbench.stats.image_scores import form_of
from depthbench.stats.image_sums import Array, PerImageSums
from depthbench.stats.intervals import Limits

_NEAR = 1e-6  # relative: scores of images have nine digits; SILog of pooled pixels must not pass by chance
_NO_RULES = ("name", "source")  # fields of a protocol that change no score


@dataclass(frozen=True)
class ModelRecord:
    """The scored model.

    Attributes:
        name: in tables.
        kind: of its output.
        form: where predictions came from: ``files``, ``run``, ``python``, ``hf``, ``onnx`` or ``own``.
        sha256: hexadecimal digits that change with whatever may change a prediction; None where they are not known.
    """

    name: str
    kind: OutputKind = OutputKind.METRIC_DEPTH
    form: str = "files"
    sha256: str | None = None


@dataclass(frozen=True)
class DataRecord:
    """The test data.

    Attributes:
        name: of the data set, with its edition (:mod:`depthbench.config.set_names`).
        reader: class that reads it.
        split: which part.
        images: number of them.
        names_sha256: of the names of the images in their order, one per line.
        truth: ``filled`` or ``raw`` depth, or ``any`` where the set knows no kinds.
        looks: mean color and mean depth of the first, middle and last frame, where files hold them.
    """

    name: str
    reader: str = ""
    split: str | None = None
    images: int = 0
    names_sha256: str | None = None
    truth: str = "any"
    looks: tuple[tuple[float, ...] | None, ...] | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for the same images of the same data set: only these are compared image by image."""
        return self.name, self.images, self.names_sha256, self.looks


@dataclass(frozen=True)
class RulesRecord:
    """The rules of a result: a protocol in full.

    Attributes:
        name: of the protocol.
        version: of it.
        sha256: of the fields that may change a score, see :func:`rules_hash`.
        fields: all of them, the alignment's among them.
    """

    name: str
    version: int
    sha256: str
    fields: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def alignment(self) -> str:
        """The alignment in words: its name, or the fitted parts."""
        found = self.fields.get("alignment")
        if not isinstance(found, Mapping):
            return str(found or "none")
        usual = ("fit", "parts", "space", "over")
        return str(found.get("name") or " ".join(str(found[key]) for key in usual if key in found) or "none")


@dataclass(frozen=True, eq=False)
class Result:
    """One model on one data set under one protocol.

    Attributes:
        model: that was scored.
        data: on which.
        rules: by which.
        scores: by metric, with counts: ``images``, ``pixels``, ``missing`` and so on.
        limits: of the 95 % intervals by metric.
        names: of the images.
        per_image: scores of each image ``(N,)`` by metric, and its ``pixels``.
        code: version that made it.
        path: of the file.

    Example:
        >>> import numpy as np
        >>> from depthbench.results import DataRecord, ModelRecord, Result, RulesRecord
        >>> result = Result(
        ...     ModelRecord("mine"), DataRecord("NYUv2", images=3), RulesRecord("eigen", 1, ""), {"AbsRel": 0.2},
        ...     names=("a", "b", "c"), per_image={"AbsRel": np.array([0.1, 0.2, 0.3]), "pixels": np.array([9.0, 9, 9])},
        ... )
        >>> round(result.sums("AbsRel").scores["AbsRel"], 3)
        0.2
    """

    model: ModelRecord
    data: DataRecord
    rules: RulesRecord
    scores: Mapping[str, float]
    limits: Mapping[str, Limits] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    per_image: Mapping[str, Array] = field(default_factory=dict)
    code: str = ""
    path: Path | None = None

    def sums(self, metric: str) -> PerImageSums | None:
        """Values that statistics resample, in the order of the names; None if the score can't be read from images.

        Images without a score have no part in it.
        """
        values, score = self.per_image.get(metric), self.scores.get(metric)
        if values is None or score is None or not np.isfinite(score):
            return None
        pixels = self.per_image.get("pixels", np.ones(len(values)))
        form = form_of([(values, pixels, score)], _NEAR)
        if form is None:
            return None
        order = self._order[np.isfinite(values[self._order])]
        names = [self.names[place] for place in order]
        return form.sums(metric, values[order] ** form.power, pixels[order], names)

    @cached_property
    def _order(self) -> np.ndarray[Any, np.dtype[np.intp]]:
        return np.argsort(np.array(self.names, dtype=str), kind="stable")


def rules_hash(fields: Mapping[str, Any]) -> str:
    """SHA-256 of a protocol's rules: all fields except its name and source, and the alignment's name.

    Example:
        >>> from depthbench.results.records import rules_hash
        >>> rules_hash({"name": "mine", "max_depth": 10.0}) == rules_hash({"name": "other", "max_depth": 10})
        True
    """
    kept = {key: value for key, value in fields.items() if key not in _NO_RULES}
    if isinstance(kept.get("alignment"), Mapping):
        kept["alignment"] = {key: value for key, value in kept["alignment"].items() if key != "name"}
    return content_hash(kept)


def content_hash(content: Any) -> str:
    """SHA-256 of plain content: JSON in one line with sorted keys, where 1.0 is 1."""
    text = json.dumps(_plain(content), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(value) for value in node]
    return int(node) if isinstance(node, float) and node.is_integer() else node


def files_hash(files: Iterable[Path], *more: object) -> str:
    """Hexadecimal digits that change with the names and contents of files, and with whatever else matters."""
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            total.update(f"{path.name}\0".encode() + hashlib.file_digest(file, "sha256").digest())
    total.update(repr(more).encode())
    return total.hexdigest()


def record_fields(record: ModelRecord | DataRecord) -> dict[str, Any]:
    """A record as JSON holds it."""
    return asdict(record)

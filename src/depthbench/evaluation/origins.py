"""Records of the model and the data in a result."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from depthbench.config.set_names import set_label
from depthbench.data.manifest import describe, looks, names_hash
from depthbench.evaluation.command_line import EvaluateRequest
from depthbench.evaluation.foreign_maps import ForeignModel
from depthbench.evaluation.inputs import Input
from depthbench.evaluation.map_sources import files_of
from depthbench.evaluation.test_set import EvaluationSet
from depthbench.results.records import DataRecord, ModelRecord, files_hash

# Options of the command that may change a score; kinds and protocols are recorded by themselves.
OPTIONS = ("size", "range", "structure", "scores", "missing", "unit", "key", "order", "covers", "seed")
# Of prediction files and runs, whose hash is taken of files: the fields that change a score of the same files.
_OF_FILES = ("missing", "unit", "key", "order", "covers")


def model_record(one: Input, request: EvaluateRequest, model: ForeignModel | None = None) -> ModelRecord:
    """Record of an input, with a hash of everything that may change its predictions.

    Args:
        one: the input.
        request: of the user, whose options say how files are read.
        model: the opened network of an input that has one.
    """
    if model is not None and one.model is not None:
        return ModelRecord(one.name, model.kind, one.model.form, model.identity)
    if one.run is not None:
        found = files_hash([one.run.weights], "run", str(one.config.trainer.precision))
        return ModelRecord(one.name, one.kind, "run", found)
    files = [*files_of(one.path), *(files_of(one.cameras) if one.cameras else [])]
    said = [(key, str(request.options[key])) for key in _OF_FILES]
    return ModelRecord(one.name, one.kind, "files", files_hash(files, "files", str(one.kind), said))


def data_record(config: DictConfig, frames: EvaluationSet, names: list[str] | None = None) -> DataRecord:
    """Record of the test frames.

    Args:
        config: whose ``data`` they are.
        frames: opened.
        names: of all frames, where they are known already.
    """
    own = frames.sets[frames.kind]
    found: dict[str, Any] = describe(own)
    seen = found.get("looks") or looks(own)  # sets that are made by rule may differ in nothing else
    known = set_label(frames.family, frames.edition) if frames.family else ""
    return DataRecord(
        str(config.data.get("name") or _made(own) or known or _folder(config) or frames.target),
        frames.target,
        config.data.test.get("part"),
        found["count"],
        names_hash(names if names is not None else frames.frame_names()),
        frames.kind,
        tuple(None if one is None else tuple(one) for one in seen),
    )


def _made(frames: object) -> str:
    """Rooms have NYUv2's rules and number of frames, and are not it: no result may be called by its name."""
    if not any(kind.__name__ == "Rooms" for kind in type(frames).__mro__):
        return ""
    return set_label("rooms", "ood" if getattr(frames, "part", None) == "ood" else None)


def _folder(config: DictConfig) -> str:
    """Data sets that read files of anybody are called by their folder."""
    target = str(config.data.test.get("_target_", "")).rpartition(".")[2]
    return Path(str(config.data.get("root", ""))).name if target in ("Pairs", "PackedDataset") else ""

"""The inputs of a cell: the model, the data, the protocol, and the options that may change a score.

Every model and every data set is opened once for its hash, whatever the number of cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from omegaconf import OmegaConf

from depthbench import __version__
from depthbench.config.identity import is_path
from depthbench.config.mistakes import MISTAKES, explain
from depthbench.evaluation.command_line import EvaluateRequest
from depthbench.evaluation.foreign_maps import OpenModel
from depthbench.evaluation.origins import OPTIONS, data_record, model_record
from depthbench.evaluation.run_kinds import with_run_kind
from depthbench.evaluation.test_set import EvaluationSet
from depthbench.leaderboard.asked import AskedCells
from depthbench.protocols import protocol_from
from depthbench.results.records import ModelRecord, content_hash, record_fields


@dataclass(frozen=True)
class KeyedCells:
    """One model on one data set with the keys of its cells.

    Attributes:
        asked: the request.
        keys: by protocol; a publication's protocols for other sets are left out.
        failed: why there are no numbers, if the model or the data can't be opened.
    """

    asked: AskedCells
    keys: dict[str, str]
    failed: str = ""


@dataclass(frozen=True)
class _KnownSet:
    """A data set by digits, and the protocols that are of another one."""

    digits: str
    foreign: frozenset[str]


@dataclass
class Keys:
    """Keys of cells; hashes of models and data sets are taken once.

    Args:
        open_model: opens other people's networks.
    """

    open_model: OpenModel
    _models: dict[str, ModelRecord | str] = field(default_factory=dict)
    _data: dict[str, "_KnownSet | Exception"] = field(default_factory=dict)

    def of(self, groups: Sequence[AskedCells]) -> list[KeyedCells]:
        """The keys of all cells; of one whose model or data can't be opened, keys of its words."""
        return [self._of(group) for group in groups]

    def _of(self, group: AskedCells) -> KeyedCells:
        try:
            known = self._set(group.request)
            facts: object = [self._model(group), known.digits, _options(group.request), __version__]
            foreign, failed = known.foreign, ""
        except MISTAKES as error:
            facts, foreign, failed = ["failed", *group.words], frozenset(), explain(error)
        chosen = {name: config for name, config in group.request.protocols.items() if name not in foreign}
        keys = {name: content_hash([facts, config, name]) for name, config in chosen.items()}
        return KeyedCells(group, keys, failed)

    def _model(self, group: AskedCells) -> object:
        """The record of a model; of files, which differ from set to set, it is taken for each."""
        (one,) = group.request.inputs
        key = group.model if one.model else f"{group.model} {group.data}"
        if key not in self._models:
            try:
                model = self.open_model(one.model, one.options, torch.device("cpu")) if one.model else None
                self._models[key] = model_record(with_run_kind(one)[0], group.request, model)
            except MISTAKES as error:
                self._models[key] = explain(error)
        found = self._models[key]
        if isinstance(found, str):
            raise MISTAKES[0](found)
        return {**record_fields(found), "name": ""}

    def _set(self, request: EvaluateRequest) -> "_KnownSet":
        """The frames and the settings under which they are read, wherever they lie."""
        (one,) = request.inputs
        settings: dict[str, Any] = OmegaConf.to_container(one.config.data.test, resolve=True)  # type: ignore[assignment]
        kept = {key: value for key, value in settings.items() if not is_path(f"data.{key}")}
        text = content_hash([kept, one.own_size, settings])
        if text not in self._data:
            try:
                frames = EvaluationSet(one.config, own_size=one.own_size)
                digits = content_hash([kept, one.own_size, record_fields(data_record(one.config, frames))])
                self._data[text] = _KnownSet(digits, _foreign(request, frames))
            except MISTAKES as error:
                self._data[text] = error
        known = self._data[text]
        if isinstance(known, Exception):
            raise known
        return known


def _foreign(request: EvaluateRequest, frames: EvaluationSet) -> frozenset[str]:
    """Protocols of other data sets, among the protocols that were named as a group."""
    lenient = request.protocols if request.every else request.by_family & request.protocols.keys()
    return frozenset(name for name in lenient if frames.refuses(protocol_from(request.protocols[name])))


def _options(request: EvaluateRequest) -> object:
    return {key: str(request.options[key]) for key in OPTIONS}, request.own_truth

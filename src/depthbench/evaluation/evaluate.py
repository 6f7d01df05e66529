"""From a request to its answer: open, predict, score, compare, show."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import torch

from depthbench.errors import UserError
from depthbench.evaluation.chosen import Chosen, open_sets
from depthbench.evaluation.command_line import EvaluateRequest
from depthbench.evaluation.foreign_maps import ForeignModel, OpenModel
from depthbench.evaluation.map_cache import MapCache
from depthbench.evaluation.origins import OPTIONS, data_record, model_record
from depthbench.evaluation.outcome import Evaluation, Paired, ScoredInput
from depthbench.evaluation.pair_scores import score_pairs
from depthbench.evaluation.predictors import Predictor, open_predictor
from depthbench.evaluation.processes import joined_processes, rank_and_world
from depthbench.evaluation.run_kinds import with_run_kind
from depthbench.evaluation.scoring import score
from depthbench.evaluation.table_notes import clip_notes, notes
from depthbench.evaluation.tables import per_image_csv, write
from depthbench.evaluation.terminal import show
from depthbench.evaluation.test_set import EvaluationSet
from depthbench.files import write_atomically
from depthbench.protocols import EvalProtocol
from depthbench.stats.crossed import Tested, compare_rows
from depthbench.stats.image_sums import PerImageSums
from depthbench.stats.intervals import Limits, intervals
from depthbench.training.devices import choose_device

LookAtInput = Callable[[Predictor, EvaluationSet, list[EvalProtocol], list[str]], None]
"""Looks at an input once it is scored: its predictor, test frames, protocols, and the names of the frames."""


def answer_request(request: EvaluateRequest, open_model: OpenModel | None = None) -> None:
    """Evaluate; the first process writes the files and prints the table.

    Args:
        request: of the user.
        open_model: opens other people's networks.
    """
    device = choose_device(request.options["device"])
    with joined_processes():
        evaluation = evaluate(request, device, open_model)
        if rank_and_world()[0] > 0:
            return
        for path in request.output:
            write(evaluation, path)
        if request.options["per_image"]:
            write_atomically(Path(request.options["per_image"]).expanduser(), per_image_csv(evaluation))
        show(evaluation)


def evaluate(
    request: EvaluateRequest, device: torch.device, open_model: OpenModel | None = None, look: LookAtInput | None = None
) -> Evaluation:
    """Scores of all inputs under all protocols.

    Args:
        request: of the user.
        device: where networks predict.
        open_model: opens other people's networks.
        look: is called with each input once it is scored: its predictor, frames, protocols and the frames' names.

    Raises:
        UserError: if data, predictions and protocols do not fit together.
    """
    request, models, claims = _with_models(request, device, open_model)
    cache = MapCache(request.cache)
    chosen = open_sets(request)
    scored: list[ScoredInput] = []
    doubts = claims
    for one, frames in zip(request.inputs, chosen.sets, strict=True):
        predict = open_predictor(one, frames, chosen.protocols, request, device, models.get(one.name), cache)
        doubts += getattr(predict, "notes", [])
        scored.append(_scored(one.name, predict, frames, chosen, device, request.extended))
        if look and not frames.has_pairs:
            look(predict, frames, chosen.protocols, scored[-1].frames)
    doubts += [f"{told}." for told in [cache.told()] if told]
    doubts += clip_notes(scored[0], chosen.protocols) if "tae" in chosen.beside else []
    told = [*notes(request, chosen.protocols, len(scored[0].frames)), *chosen.lacking, *doubts]
    found = evaluation_of(scored, chosen.protocols, chosen.refused, told, request.options["seed"])
    if not request.output or rank_and_world()[0] > 0:
        return found  # nobody asks for the records, which read files
    return replace(
        found,
        models=[model_record(one, request, models.get(one.name)) for one in request.inputs],
        data=data_record(request.inputs[0].config, chosen.sets[0], scored[0].frames),
        options={key: request.options[key] for key in OPTIONS},
    )


def _scored(
    name: str, predict: Predictor, frames: EvaluationSet, chosen: Chosen, device: torch.device, extended: bool
) -> ScoredInput:
    if frames.has_pairs:
        return score_pairs(name, predict, frames, chosen.protocols, device)
    return score(name, predict, frames, chosen.protocols, device, chosen.structure, extended, chosen.beside)


def _with_models(
    request: EvaluateRequest, device: torch.device, open_model: OpenModel | None
) -> tuple[EvaluateRequest, dict[str, ForeignModel], list[str]]:
    """The request with the kinds that networks declare, the networks by name of their input, and users' claims."""
    models: dict[str, ForeignModel] = {}
    for one in request.inputs:
        if one.model and open_model:
            models[one.name] = open_model(one.model, one.options, device)
    inputs = [replace(one, kind=models[one.name].kind) if one.name in models else one for one in request.inputs]
    known = [with_run_kind(one) for one in inputs]
    claims = [doubt for _, doubts in known for doubt in doubts]
    return replace(request, inputs=[one for one, _ in known]), models, claims


def evaluation_of(
    scored: Sequence[ScoredInput], protocols: list[EvalProtocol], refused: dict[str, str], notes: list[str], seed: int
) -> Evaluation:
    """Scores, intervals and differences from sums.

    Raises:
        UserError: if inputs are not of the same images.
    """
    for one in scored[1:]:
        if one.frames != scored[0].frames:
            raise UserError(
                f"{scored[0].name} and {one.name} are scored on different images, so they can't be compared in "
                "pairs; score them on the same data."
            )
    parts = {rules.name: [one.addends(rules, seed) for one in scored] for rules in protocols}
    names, shown = [one.name for one in scored], scored[0].shown()
    return Evaluation(
        protocols,
        scored,
        scores={one.name: {rules.name: one.scores(rules) for rules in protocols} for one in scored},
        limits={
            name: {rules.name: _limits(parts[rules.name][place]) for rules in protocols}
            for place, name in enumerate(names)
        },
        paired=[pair for rules in protocols for pair in _paired(rules.name, names, parts[rules.name], shown)],
        refused=refused,
        notes=notes,
    )


def _limits(parts: Sequence[PerImageSums]) -> dict[str, Limits]:
    return {name: limits for part in parts for name, limits in intervals(part).items()}


def _paired(
    protocol: str, names: Sequence[str], parts: Sequence[Sequence[PerImageSums]], shown: Sequence[str]
) -> list[Paired]:
    """All pairs of inputs under one protocol: kinds of scores (``parts``) are tested one after the other."""
    pairs = list(combinations(range(len(names)), 2))
    found: list[dict[str, Tested]] = [{} for _ in pairs]
    for kind in zip(*parts, strict=True):
        tested = compare_rows([({0: kind[a]}, {0: kind[b]}) for a, b in pairs])
        found = [known | new for known, new in zip(found, tested, strict=True)]
    return [
        Paired(
            protocol,
            names[a],
            names[b],
            {name: row.difference for name, row in tests.items()},
            {name: tests[name].p_adjusted for name in shown},
        )
        for (a, b), tests in zip(pairs, found, strict=True)
    ]

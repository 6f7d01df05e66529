"""From a request to its answer: open, predict, score, compare, show."""

from itertools import combinations
from pathlib import Path

import torch

from depthbench.errors import UserError
from depthbench.evaluation.command_line import Request
from depthbench.evaluation.predictors import open_predictor
from depthbench.evaluation.processes import joined_processes, rank_and_world
from depthbench.evaluation.scoring import Scored, score
from depthbench.evaluation.tables import Evaluation, Paired, adjusted, notes, per_image_csv, show, write
from depthbench.evaluation.test_set import open_sets
from depthbench.files import write_atomically
from depthbench.protocols import EvalProtocol
from depthbench.stats.image_sums import difference, intervals
from depthbench.training.devices import choose_device


def answer(request: Request) -> None:
    """Evaluate; the first process writes the files and prints the table."""
    device = choose_device(request.options["device"])
    with joined_processes():
        evaluation = evaluate(request, device)
        if rank_and_world()[0] > 0:
            return
        for path in request.output:
            write(evaluation, path)
        if request.options["per_image"]:
            write_atomically(Path(request.options["per_image"]).expanduser(), per_image_csv(evaluation))
        show(evaluation)


def evaluate(request: Request, device: torch.device) -> Evaluation:
    """Scores of all inputs under all protocols.

    Raises:
        UserError: if data, predictions and protocols do not fit together.
    """
    chosen = open_sets(request)
    scored: list[Scored] = []
    doubts: list[str] = []
    for one, frames in zip(request.inputs, chosen.sets, strict=True):
        predict = open_predictor(one, frames, chosen.protocols, request, device)
        doubts += getattr(predict, "notes", [])
        scored.append(score(one.name, predict, frames, chosen.protocols, device, chosen.structure))
    told = [*notes(request, chosen.protocols, len(scored[0].frames)), *chosen.lacking, *doubts]
    return evaluation_of(scored, chosen.protocols, chosen.refused, told, request.options["seed"])


def evaluation_of(
    scored: list[Scored], protocols: list[EvalProtocol], refused: dict[str, str], notes: list[str], seed: int
) -> Evaluation:
    """Scores, intervals and differences from sums.

    Raises:
        UserError: if inputs are not of the same images.
    """
    for one in scored[1:]:
        if one.frames != scored[0].frames:
            raise UserError(f"{scored[0].name} and {one.name} are not of the same images, so nothing can be paired.")
    return Evaluation(
        protocols,
        scored,
        scores={one.name: {rules.name: one.scores(rules) for rules in protocols} for one in scored},
        limits={
            one.name: {
                rules.name: {
                    name: limits for part in one.addends(rules) for name, limits in intervals(part, seed).items()
                }
                for rules in protocols
            }
            for one in scored
        },
        paired=[pair for rules in protocols for pair in _paired(scored, rules, seed)],
        refused=refused,
        notes=notes,
    )


def _paired(scored: list[Scored], rules: EvalProtocol, seed: int) -> list[Paired]:
    pairs = list(combinations(scored, 2))
    found = []
    for a, b in pairs:
        parts = zip(a.addends(rules), b.addends(rules), strict=True)
        found.append({name: value for part in parts for name, value in difference(*part, seed).items()})
    return [
        Paired(rules.name, a.name, b.name, differences, p_values)
        for (a, b), differences, p_values in zip(pairs, found, adjusted(found, scored[0].shown()), strict=True)
    ]

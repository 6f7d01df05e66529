"""Sentences that a reader of the numbers must know, below the tables."""

from collections.abc import Sequence
from math import isfinite

from depthbench.evaluation.command_line import EvaluateRequest
from depthbench.evaluation.outcome import Evaluation, ScoredInput
from depthbench.output_kinds import OutputKind
from depthbench.protocols import EvalProtocol


def notes(request: EvaluateRequest, protocols: Sequence[EvalProtocol], images: int) -> list[str]:
    """Sentences about the inputs and the number of images that a reader of the numbers must know."""
    found = [
        f"{one.name} is not done: its last checkpoint was scored."
        for one in request.inputs
        if one.run and not one.run.done
    ]
    averaging = [protocol.name for protocol in protocols if protocol.flip_average]
    if averaging and not all(one.is_network for one in request.inputs):
        found.append(
            f"{', '.join(averaging)}: averages with the mirror image's prediction; files are taken as they are."
        )
    other = [protocol for protocol in protocols if protocol.images not in (None, images)]
    for published in sorted({protocol.images or 0 for protocol in other}):
        names = ", ".join(protocol.name for protocol in other if protocol.images == published)
        found.append(f"{names}: published numbers are of {published} images, these of {images}.")
    return found


def clip_notes(one: ScoredInput, protocols: Sequence[EvalProtocol]) -> list[str]:
    """A sentence about the number of clips, which is far below that of images."""
    counts = {sum(map(isfinite, one.per_image(protocol)["TAE"])) for protocol in protocols}
    told = " or ".join(map(str, sorted(counts)))
    return [f"TAE is the mean over {told} clips, and is written at the first frame of each."]


def not_finite_note(evaluation: Evaluation) -> list[str]:
    """Sentences about predictions that are not finite: they make scores NaN, and are counted."""
    found: dict[str, list[str]] = {}
    for name, protocol in evaluation.lines():
        scores = evaluation.scores[name][protocol]
        if scores["images_nonfinite"]:
            pixels, images = (f"{scores[key]:.0f}" for key in ("nonfinite", "images_nonfinite"))
            counted = f"{pixels} pixel{'s' * (pixels != '1')} of {images} image{'s' * (images != '1')}"
            found.setdefault(f"{name}: the errors of {counted} are not finite", []).append(protocol)
    return [f"{what} ({', '.join(rules)}), so means over them are not numbers." for what, rules in found.items()]


def miss_notes(evaluation: Evaluation) -> list[str]:
    """Sentences about pixels that can't be right: without a prediction, or aligned to a depth that none has."""
    told = {
        "missing": "{} valid pixels have no prediction and count as errors (a depth of 0)",
        "nonpositive": "{} valid pixels are aligned to 0 m or below: misses of delta, or hits where the alignment says "
        "so, and without a logarithm",
    }
    found: dict[str, list[str]] = {}
    for name, protocol in evaluation.lines():
        scores = evaluation.scores[name][protocol]
        for key, sentence in told.items():
            if scores.get(key):
                found.setdefault(f"{name}: {sentence.format(f'{scores[key]:.0f}')}", []).append(protocol)
    return [f"{what} ({', '.join(rules)})." for what, rules in found.items()]


def kind_notes(scored: Sequence[ScoredInput], protocols: Sequence[EvalProtocol]) -> list[str]:
    """Sentences about the kinds that the inputs predict and the fits to the truth before scoring."""
    kinds = {one.name: one.kind for one in scored}
    found = [f"{name} predicts {kind.words}." for name, kind in kinds.items() if kind != OutputKind.METRIC_DEPTH]
    aligned = [f"{one.name} ({one.alignment})" for one in protocols if one.alignment.fit != "none"]
    if aligned:
        found.append(f"Fitted to the truth before scoring: {', '.join(aligned)}.")
    unknown = {kind.unknown for kind in kinds.values()}
    if len(unknown) > 1:
        found.append("Inputs with a known scale or shift are fitted, too: their scale or shift is not scored.")
    return found


def table_notes(evaluation: Evaluation, left_out: bool = True) -> list[str]:
    """Notes below the numbers; protocols that refuse for one reason share a sentence."""
    told = kind_notes(evaluation.scored, evaluation.protocols)
    found = [*not_finite_note(evaluation), *miss_notes(evaluation), *told, *evaluation.notes]
    if not left_out:
        return found
    reasons: dict[str, list[str]] = {}
    for name, sentence in evaluation.refused.items():
        reasons.setdefault(sentence.removeprefix(f"Protocol '{name}' is "), []).append(name)
    return [*found, *(f"Left out: {', '.join(names)}: {reason}" for reason, names in reasons.items())]

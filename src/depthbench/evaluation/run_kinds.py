"""The kind of a run's predictions: as its loss determines it, unless the user says otherwise."""

from dataclasses import replace

from depthbench.errors import UserError
from depthbench.evaluation.inputs import Input
from depthbench.output_kinds import OutputKind
from depthbench.runs.folder import RunFolder
from depthbench.runs.results import recorded_kind
from depthbench.training.loading import build_untrained


def determined_kind(folder: RunFolder) -> OutputKind:
    """The kind that a run's loss leaves its network: as recorded, for runs of earlier versions from the configuration.

    Raises:
        UserError: if the record or the configuration can't be read.
    """
    return recorded_kind(folder.path) or build_untrained(folder.config).output_kind


def with_run_kind(one: Input) -> tuple[Input, list[str]]:
    """An input with the kind of its run, and a sentence where the user claims more than its loss determines.

    Raises:
        UserError: if the user names a kind of another quantity.
    """
    if one.run is None:
        return one, []
    determined, said = determined_kind(one.run), one.options.kind
    if said is None or said == determined:
        return replace(one, kind=determined), []
    if (said.stored, said.quantity) != (determined.stored, determined.quantity):
        raise UserError(f"{one.name} predicts {determined.words}, which kind={said} does not fit; leave kind out.")
    if not _claims_more(said, determined):
        return replace(one, kind=said), []
    doubt = f"{one.name}: its loss determines {determined.words} only; kind= declares it as {said.words}."
    return replace(one, kind=said), [doubt]


_LEAST_TO_MOST = ("order", "affine_depth", "scale", "")


def _claims_more(said: OutputKind, determined: OutputKind) -> bool:
    """True if the declared kind of depth leaves less open than the training determines."""
    return _LEAST_TO_MOST.index(said.unknown) > _LEAST_TO_MOST.index(determined.unknown)

"""Score predictions under named protocols. See ``--help``."""

import os
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from depthbench.cli import BEGINS_ANEW, GOES_ON, asks_for_help, command_line, exit_status, next_step
from depthbench.config.compose import config_dir
from depthbench.config.published import published
from depthbench.evaluation import EvaluateRequest, names_of, read_evaluate_request
from depthbench.leaderboard.asked import is_board
from depthbench.leaderboard.command import fill_by_arguments

if TYPE_CHECKING:
    from depthbench.evaluation.arrays import ArrayScores

HELP = """Score predictions, anybody's or a run's, under named protocols.

Prediction files (folder, zip, tar of npy, npz, png, pfm, exr, tiff, dpt, h5, mat; csv, txt list; h5, npz, npy stack):
  depthbench evaluate data=nyu_labeled data.root=FOLDER predictions=FOLDER protocol=eigen

A run folder, on its own test data and under its own protocol, or on others:
  depthbench evaluate run=runs/FOLDER     or run=latest, run=1a2b3c4d (the hash of a folder's name)
  depthbench evaluate run=runs/FOLDER data=kitti data.root=FOLDER protocol=garg,eigen_kitti

Anybody's network, or several (docs/foreign_models.md):
  depthbench evaluate data=nyu_labeled data.root=FOLDER protocol=all model=hf:NAME_OR_FOLDER
  model=python:MODULE:FUNCTION    a function of RGB (H, W, 3) in [0, 1]; its attribute kind, or kind=, says what it is
  model=onnx:FILE                 of `depthbench export`; others also kind=, range=0..1|0..255|imagenet, size=H,W
  model=FILE.ckpt|FOLDER|hub:USER/NAME    a network of this bench
  cache=FOLDER|none        where their predictions, and runs', are kept; by default theirs in .predictions beside output

A leaderboard, a process for each model and set; started again, it fills what is left (docs/leaderboard.md):
  depthbench evaluate models=[run:FOLDER,hf:NAME] data=[nyu,kitti] data.nyu.root=FOLDER protocol=[moge] output=FOLDER
  jobs=2                   at once; launcher=slurm_gpu launcher.partition=NAME sends them to a cluster

  protocol=all             every protocol that fits the data; those that refuse say why
  predictions=A,B run=C,D  two or more are tested in pairs; run= takes a folder of runs and patterns ('seeds/*'), too
  output=scores.json       also .csv, .md, .yaml (model cards); per_image=images.csv: the scores of each image
  structure=edges,normals  or all: scores of whole images, of {structure}
  kind=affine_disparity    what prediction files hold: metric_, scale_ or affine_ (scale and shift unknown) and depth,
                           disparity or points; log_depth, scale_, affine_ and affine_log1p_depth
  missing=error            pixels without a prediction (NaN; 0 where that is no value) count as errors
  unit=0.001 key=depth     metres per unit (10/65535 works too), and the array, of files; cameras=FOLDER, of fov
  order=numbers            or names: how a stack or list without names is sorted, where 10 before 2 makes a difference
  covers=kb                the part of the truth that prediction files show; full for stretched ones that show all of it
  device=cpu               by default a GPU where there is one; under torchrun every process takes its share

Protocols: {protocol}.
Published protocols of many sets: {published}; marigold is all that fits the data, marigold_nyu those of a set.
Data sets: {data}. Change values by protocol.flip_average=true, data.test_frames=100."""


def help_text() -> str:
    """Sentences, and the names of protocols and data sets as they are on disk."""
    listed = {group: _wrapped(names_of(group)) for group in ("protocol", "data")}
    listed["published"] = _wrapped(published(config_dir()))
    return HELP.format(structure=", ".join(names_of("structure")), **listed)


def _wrapped(words: Iterable[str], width: int = 116) -> str:
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("  ")
        lines[-1] += word + ", "
    return "\n".join(line.rstrip() for line in lines).rstrip(", ")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: 0, or one sentence and 2 for a user's mistake."""
    arguments = command_line(arguments)
    if asks_for_help(arguments):
        print(help_text())
        return 0
    return exit_status(
        lambda: _answer(arguments), GOES_ON if any(word.startswith("models=") for word in arguments) else BEGINS_ANEW
    )


def _answer(arguments: Sequence[str]) -> int:
    if is_board(arguments):
        return fill_by_arguments(arguments)
    evaluate_arguments(arguments)
    return 0


def evaluate_arguments(arguments: Sequence[str]) -> None:
    """Read the request and answer it."""
    request = read_evaluate_request(arguments)
    # Here and not above: torch takes seconds to import, and help or a mistake should be reported at once.
    from depthbench.evaluation.evaluate import answer_request
    from depthbench.inference.foreign import open_model

    answer_request(request, open_model)
    if int(os.environ.get("RANK", "0")) == 0:
        _say_next(arguments, request)


def _say_next(arguments: Sequence[str], request: EvaluateRequest) -> None:
    """Several sets of predictions call for a look at single images, one set for a comparison."""
    if len(request.inputs) == 1:
        own = ("run=", "predictions=", "model=")
        next_step("evaluate", *(f"{item},ANOTHER" if item.startswith(own) else item for item in arguments))
    elif not request.options["per_image"]:
        next_step("evaluate", *arguments, "per_image=images.csv")


class _Door(ModuleType):
    """This module under its public name ``depthbench.evaluate``, which is a function in the API."""

    def __call__(self, *arguments: Any, **keywords: Any) -> "ArrayScores":
        from depthbench.evaluation.arrays import score_arrays

        return score_arrays(*arguments, **keywords)


# Importing the command must not hide `depthbench.evaluate(predictions, truths)`.
sys.modules[__name__].__class__ = _Door


if __name__ == "__main__":
    sys.exit(main())

"""``depthbench prepare check``: the doctor. It checks a data set and lists its faults."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from depthbench.config.needed_files import check_root
from depthbench.cores import cores
from depthbench.errors import UserError
from depthbench.prepare.common import choose_data, positive_int, run_next

HELP = """Looks at a data set and says what is wrong with it.

  depthbench prepare check FOLDER
  depthbench prepare check data=folder data.root=FOLDER data.scale=0.001

  FOLDER             of your own pictures with depth: proposes the settings that read it, and looks at it with them;
                     data.KEY=VALUE settles what the folder leaves open
  data=...           any data set, with its settings: depthbench run --help
  frames=2000        of each part, evenly spaced, are looked at; or all
  sheet=check.jpg    the contact sheet: picture, depth, and the jumps of depth on the picture; sheet= for none
  workers=4          threads; one per core otherwise

Units, steps and range of depth, missing depth, sizes, unreadable files; whether the edges of picture and depth lie on
each other, pairs that were mixed up, mirrored copies, frames that repeat, and test frames in train.
The exit status is 0 if all is well, 1 if there is a problem, 2 for a mistake in the command."""

_BUILT_IN = "depthbench.data.Rooms"
OWN = {"frames": "2000", "sheet": "check.jpg", "workers": ""}


def main(arguments: Sequence[str]) -> None:
    """The command.

    Raises:
        UserError: for a mistake in the arguments.
        SystemExit: with status 1 if something is wrong with the data.
    """
    if folders := [argument for argument in arguments if "=" not in argument]:
        arguments = proposed(folders, [argument for argument in arguments if "=" in argument])
    options, parts, config = choose_data(arguments, OWN | {"workers": str(cores())})
    limit = None if options["frames"] == "all" else positive_int(options, "frames")
    place = Path(options["sheet"]).expanduser() if options["sheet"] else None
    workers = positive_int(options, "workers")
    if place:
        check_place(place)
    check_root(config)
    # Here and not above: torch takes seconds to import, and help or a mistake should be reported at once.
    from depthbench.prepare.examine import draw, examine

    examined, findings = examine(_with_files(parts), limit, workers)
    for name, finding in findings:
        print(f"{'PROBLEM' if finding.problem else 'note   '}  {name}: {finding.text}")
    if place:
        draw(examined, findings, place)
    problems = sum(finding.problem for _, finding in findings)
    if problems:
        print(f"{problems} problem{'s' if problems > 1 else ''}: repair {'them' if problems > 1 else 'it'} first.")
        raise SystemExit(1)
    print("Nothing is wrong.")
    run_next(arguments, OWN)


def _with_files(parts: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The parts without built-in rooms, on which a run with a test set trains; rooms alone are looked at."""
    own = {part: settings for part, settings in parts.items() if settings["_target_"] != _BUILT_IN}
    left_out = parts.keys() - own.keys() if own else set()
    for part in sorted(left_out):
        print(f"Left out: {part}, which is of built-in rooms.")
    return own or dict(parts)


def proposed(folders: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Print the contents of a folder and the settings that read it; returns the arguments with these settings.

    Raises:
        UserError: if it is no folder, or the user has to choose something first.
    """
    root = Path(folders[0]).expanduser()
    if len(folders) > 1 or not root.is_dir():
        wrong = folders[1] if len(folders) > 1 else folders[0]
        raise UserError(f"{wrong} is not a folder; give one folder, or data=NAME with its settings.")
    from depthbench.prepare.propose import propose, read_given

    own = [argument for argument in arguments if argument.partition("=")[0] in OWN]
    given = [argument for argument in arguments if argument not in own and argument != "data=folder"]
    proposal = propose(root, read_given(given))
    for sentence in proposal.told:
        print(sentence)
    settings = [proposal.overrides[0], f"data.root={root}", *given, *proposal.overrides[1:]]
    print(f"Proposed: depthbench run {shlex.join(settings)}", flush=True)
    return [*settings, *own]


def check_place(path: Path) -> None:
    """Refuse a place where no sheet can be written, before the frames are looked at.

    Raises:
        UserError: if its folder can't be written to, or its ending names no format.
    """
    folder = path.absolute().parent
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise UserError(f"Nothing can be written into {folder}; give another sheet=FILE, or sheet= for none.")
    if path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise UserError(f"sheet={path} has no known form; end it in .jpg or .png.")

"""``python -m depthbench.prepare check``: the doctor. Looks at a data set and says what is wrong with it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from depthbench.config.mistakes import MISTAKES, explain
from depthbench.config.targets import instantiate
from depthbench.data.frame import Frame
from depthbench.prepare.common import choose, cores, in_order, positive_int, with_progress
from depthbench.prepare.contact_sheet import check_place, save, sheet
from depthbench.prepare.findings import Finding, compare, judge
from depthbench.prepare.frame_stats import MOST_EDGES, FrameStats, measure_frame, sample_of

HELP = """Looks at a data set and says what is wrong with it.

  python -m depthbench.prepare check data=folder data.root=FOLDER data.scale=0.001

  data=...           any data set, with its settings: python -m depthbench.run --help
  frames=2000        of each part, evenly spaced, are looked at; or all
  sheet=check.jpg    the contact sheet: picture, depth, and the jumps of depth on the picture; sheet= for none
  workers=4          threads; one per core otherwise

Units, steps and range of depth, missing depth, sizes, unreadable files; whether the edges of picture and depth lie on
each other, pairs that were mixed up, mirrored copies, frames that repeat, and test frames in train.
The exit status is 0 if all is well, 1 if there is a problem, 2 for a mistake in the command."""

OWN = {"frames": "2000", "sheet": "check.jpg", "workers": ""}
_SHOWN = 12


def main(arguments: Sequence[str]) -> None:
    """The command.

    Raises:
        UserError: for a mistake in the arguments.
        SystemExit: with status 1 if something is wrong with the data.
    """
    options, parts = choose(arguments, OWN | {"workers": str(cores())})
    limit = None if options["frames"] == "all" else positive_int(options, "frames")
    place = Path(options["sheet"]).expanduser() if options["sheet"] else None
    if place:
        check_place(place)
    examined = {part: Part(part, settings, limit, positive_int(options, "workers")) for part, settings in parts.items()}
    findings = [(name, finding) for name, part in examined.items() for finding in part.findings]
    findings += [("train and test", one) for one in compare(examined["train"].looks, examined["test"].looks)]
    for name, finding in sorted(findings, key=lambda item: not item[1].problem):
        print(f"{'PROBLEM' if finding.problem else 'note   '}  {name}: {finding.text}")
    if place:
        _draw(examined, findings, place)
    problems = sum(finding.problem for _, finding in findings)
    if problems:
        print(f"{problems} problem{'s' if problems > 1 else ''}: see to {'them' if problems > 1 else 'it'} first.")
        raise SystemExit(1)
    print("Nothing is wrong.")


class Part:
    """One part of a data set, looked at.

    Args:
        name: ``train`` or ``test``.
        settings: its resolved configuration.
        limit: of the frames looked at, None for all.
        workers: threads.
    """

    def __init__(self, name: str, settings: dict[str, Any], limit: int | None, workers: int) -> None:
        self.looks: list[FrameStats] = []
        self.dataset: Dataset[Frame] | None = None
        try:
            dataset: Dataset[Frame] = instantiate(settings)
        except MISTAKES as error:
            self.findings = [Finding(True, f"It can't be opened. {explain(error)}")]
            return
        self.dataset = dataset
        count = len(dataset)  # type: ignore[arg-type]
        chosen = range(count) if limit is None or limit >= count else [i * count // limit for i in range(limit)]
        # Edges are the most of a look, and are compared between few.
        kept = set(chosen[:: max(1, len(chosen) // MOST_EDGES)])
        looks = in_order(lambda i: measure_frame(dataset, i, keep_edges=i in kept), chosen, workers)
        self.looks = list(with_progress(looks, len(chosen), name))
        amount = f"{len(chosen):,} of {count:,} frames were looked at." if len(chosen) < count else f"{count:,} frames."
        self.findings = [Finding(False, amount), *judge(self.looks)]

    def samples(self, count: int, first: Sequence[int]) -> list[tuple[int, Any]]:
        """Some frames with their places: the first ones if they can be read, then others evenly spaced."""
        readable = [one.place for one in self.looks if not one.error]
        spread = [readable[index * len(readable) // count] for index in range(count)] if readable else []
        suspects = set(readable).intersection(first)
        chosen = list(dict.fromkeys([*filter(suspects.__contains__, first), *spread]))[:count]
        return [(index, sample_of(self.dataset, index)) for index in chosen] if self.dataset is not None else []


def _draw(parts: dict[str, Part], findings: Sequence[tuple[str, Finding]], path: Path) -> None:
    """The sheet; frames with problems come first."""
    cells = []
    for name, part in parts.items():
        suspects = [
            index for of, finding in findings if of.endswith(name) and finding.problem for index in finding.frames
        ]
        cells += [(f"{name} {sample.name}", sample) for _, sample in part.samples(_SHOWN, suspects)]
    if cells:
        save(sheet(cells), path)
        print(f"The contact sheet is {path}.")

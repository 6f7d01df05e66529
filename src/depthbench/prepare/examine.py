"""The doctor at work: every frame of a data set looked at, and a sheet of those to see."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from depthbench.config.mistakes import MISTAKES, explain
from depthbench.config.targets import instantiate
from depthbench.data.frame import Frame
from depthbench.prepare.common import in_order, with_progress
from depthbench.prepare.contact_sheet import save_sheet, sheet
from depthbench.prepare.findings import Finding, compare_parts, judge, judge_top
from depthbench.prepare.frame_stats import MOST_EDGES, FrameStats, measure_frame, sample_of

_SHOWN = 12


def examine(
    parts: dict[str, dict[str, Any]], limit: int | None, workers: int
) -> tuple[dict[str, "ExaminedPart"], list[tuple[str, Finding]]]:
    """Check the parts of a data set; returns the findings by part, problems first.

    Args:
        parts: by name, ``train`` and ``test`` or one of them, their resolved configurations.
        limit: of the frames looked at, None for all.
        workers: threads.
    """
    examined = {part: ExaminedPart(part, settings, limit, workers) for part, settings in parts.items()}
    findings = [(name, finding) for name, part in examined.items() for finding in part.findings]
    if {"train", "test"} <= examined.keys():
        findings += [("train and test", one) for one in compare_parts(examined["train"].looks, examined["test"].looks)]
    return examined, sorted(findings, key=lambda item: not item[1].problem)


class ExaminedPart:
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
        known = getattr(dataset, "missing", None)  # readers without the key have files of one maker
        self.findings = [Finding(False, amount), *judge(self.looks)]
        self.findings += judge_top(self.looks, said=known is None or known.said or "invalid" not in settings)

    def samples(self, count: int, first: Sequence[int]) -> list[tuple[int, Any]]:
        """Some frames with their places: the first ones if they can be read, then others evenly spaced."""
        readable = [one.place for one in self.looks if not one.error]
        spread = [readable[index * len(readable) // count] for index in range(count)] if readable else []
        suspects = set(readable).intersection(first)
        chosen = list(dict.fromkeys([*filter(suspects.__contains__, first), *spread]))[:count]
        return [(index, sample_of(self.dataset, index)) for index in chosen] if self.dataset is not None else []


def draw(parts: dict[str, ExaminedPart], findings: Sequence[tuple[str, Finding]], path: Path) -> None:
    """The sheet; frames with problems come first."""
    cells = []
    for name, part in parts.items():
        suspects = [
            index for of, finding in findings if of.endswith(name) and finding.problem for index in finding.frames
        ]
        cells += [(f"{name} {sample.name}", sample) for _, sample in part.samples(_SHOWN, suspects)]
    if cells:
        save_sheet(sheet(cells), path)
        print(f"The contact sheet is {path}.")

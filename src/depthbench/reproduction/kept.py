"""Results of studies that are kept, each with the command that makes it again.

``experiments/FOLDER/results.yaml`` lists them; a folder belongs to a paper, or to a recipe of ours::

    losses_nyu:
      shows: seven losses at 795 labeled pairs, ten seeds
      command: [experiment=carvalho2018/losses, scale=machine, data=nyu_labeled, "seed=0,1"]
      give: [data.root]              # keys that only the user knows
      runs: results/losses_nyu/losses.runs.zip    # made by `depthbench report --archive`; not part of a wheel
      core_hours: 2.5                # all jobs, on the machine below
      step: 0.21                     # seconds of one pass forward and backward there (reproduction.speed)
      machine: one core of a Xeon with AMX
      baseline: loss=l1              # the row with which docs/results.md compares the others
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depthbench.config.compose import NOT_STUDIES, config_dir
from depthbench.config.mistakes import nearest
from depthbench.config.reading import read_yaml
from depthbench.errors import UserError

KEYS = {"shows", "command", "give", "runs", "core_hours", "step", "machine", "baseline"}


@dataclass(frozen=True)
class KeptResult:
    """One kept result.

    Attributes:
        name: ``FOLDER/RESULT``.
        shows: the content of its page.
        command: words of ``depthbench run -m``.
        give: keys that the user must add to them.
        runs: the file of its runs; it need not exist.
        core_hours: that all its jobs took.
        step: seconds of one pass forward and backward on the machine that made it.
        machine: in words.
        baseline: names the row of the study with which the others are compared, such as ``loss=l1``.

    Example:
        >>> from depthbench.reproduction.kept import study_folders
        >>> study_folders()
        ['alhashim2018', 'carvalho2018', 'few_pairs', 'lee2020', 'li2017', 'mehrzadeh2020']
    """

    name: str
    shows: str
    command: tuple[str, ...]
    give: tuple[str, ...]
    runs: Path
    core_hours: float
    step: float
    machine: str
    baseline: str


def study_folders() -> list[str]:
    """Folders of ``experiments`` with claims or kept results: those of the papers, and our own."""
    folders = (config_dir() / "experiment").iterdir()
    return sorted(path.name for path in folders if any((path / name).is_file() for name in NOT_STUDIES))


def kept_results(text: str) -> list[KeptResult]:
    """Results of a folder, or the one that is named.

    Args:
        text: ``FOLDER`` or ``FOLDER/RESULT``.

    Raises:
        UserError: if there is no such folder or result, or its file can't be read.
    """
    folder, _, result = text.partition("/")
    if folder not in study_folders():
        raise UserError(f"There are no studies of {folder}; {nearest(folder, study_folders())}")
    path = config_dir() / "experiment" / folder / "results.yaml"
    content = read_yaml(path) if path.is_file() else {}
    if not isinstance(content, Mapping) or not all(isinstance(item, Mapping) for item in content.values()):
        raise UserError(f"{path} must be a mapping of results, each with {', '.join(sorted(KEYS))}.")
    found = {str(name): _result(path, folder, str(name), item) for name, item in content.items()}
    if not found:
        raise UserError(f"No result of {folder} is kept yet; its studies run by `depthbench run -m experiment=...`.")
    if result and result not in found:
        raise UserError(f"{folder} has no result {result}; {nearest(result, found)}")
    return [found[result]] if result else list(found.values())


def _result(path: Path, folder: str, name: str, item: Mapping[str, Any]) -> KeptResult:
    if wrong := KEYS ^ set(map(str, item)):
        raise UserError(f"{path}, {name}: {', '.join(sorted(wrong))} is missing or unknown.")
    return KeptResult(
        name=f"{folder}/{name}",
        shows=str(item["shows"]),
        command=tuple(map(str, item["command"])),
        give=tuple(map(str, item["give"])),
        runs=path.parent / str(item["runs"]),
        core_hours=float(item["core_hours"]),
        step=float(item["step"]),
        machine=str(item["machine"]),
        baseline=str(item["baseline"]),
    )

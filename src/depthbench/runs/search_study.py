"""The study of a search, an Optuna journal beside the run folders of its trials, and which trial a run folder is.

Optuna is imported when a study is opened; nothing else of the house needs it.
"""

import csv
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from depthbench.config.mistakes import nearest
from depthbench.errors import UserError
from depthbench.runs.folder import RunFolder

JOURNAL = "study.journal"
RECORD = "search.json"  # of a run folder


def import_optuna() -> Any:
    """The package.

    Raises:
        UserError: if it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise UserError(f"A search needs Optuna ({error}): pip install 'depthbench[search]'.") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def open_storage(root: Path) -> Any:
    """The journal in the folder of a sweep; several processes may write to it."""
    optuna = import_optuna()
    storages = optuna.storages
    path = str(root / JOURNAL)
    # Locks by a link of the system work on network disks, too.
    backend = storages.journal.JournalFileBackend(path, lock_obj=storages.journal.JournalFileSymlinkLock(path))
    return storages.JournalStorage(backend)


def make_part(kind: str, name: str | None, options: Mapping[str, Any]) -> Any:
    """A sampler or pruner of Optuna by its name: ``tpe`` is TPESampler, ``median`` MedianPruner.

    Args:
        kind: ``sampler`` or ``pruner``.
        name: of the class without its end, in any case, underscores left out or not; None for the pruner that prunes
            nothing.
        options: arguments.

    Raises:
        UserError: if there is none of this name, or it refuses its arguments.
    """
    module = getattr(import_optuna(), f"{kind}s")
    end = kind.capitalize()
    known = {one.removesuffix(end).lower(): one for one in dir(module) if one.endswith(end) and one != f"Base{end}"}
    word = (name or "nop").lower().replace("_", "")
    if word not in known:
        raise UserError(f"hydra.sweeper.{kind}={name} does not exist; {nearest(word, known)}")
    try:
        return getattr(module, known[word])(**options)
    except (TypeError, ValueError) as error:
        raise UserError(f"hydra.sweeper.{kind}_options do not fit {name}: {error}.") from None


def prunes(folder: RunFolder, epoch: int, value: float) -> bool:
    """Tell the study of a run how well it does; whether the run shall end.

    A run that belongs to no search, or whose trial has ended already, is never ended.

    Args:
        folder: of the run.
        epoch: that was validated.
        value: its validation score.
    """
    record = folder.read_json(RECORD)
    if not record.get("pruner") or not (folder.path.parent / JOURNAL).is_file():
        return False
    optuna = import_optuna()
    study = optuna.load_study(
        study_name=record["study"],
        storage=open_storage(folder.path.parent),
        sampler=optuna.samplers.RandomSampler(),
        pruner=make_part("pruner", record["pruner"], record["options"]),
    )
    trial = optuna.trial.Trial(study, record["trial"])
    if study._storage.get_trial(record["trial"]).state != optuna.trial.TrialState.RUNNING:
        return False
    if epoch not in study._storage.get_trial(record["trial"]).intermediate_values:  # it may go on from a checkpoint
        trial.report(value, epoch)
    return bool(trial.should_prune())


def last_score(folder: RunFolder, name: str) -> float | None:
    """The last value that was logged under a name; None if there is none, or it is not a number."""
    path = folder.path / "metrics.csv"
    if not path.is_file():
        return None
    with path.open(newline="") as file:
        found = [row[name] for row in csv.DictReader(file) if row.get(name)]
    value = float(found[-1]) if found else math.nan
    return value if math.isfinite(value) else None

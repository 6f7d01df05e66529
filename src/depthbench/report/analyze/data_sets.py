"""Training and test data of a run: names of data sets, equal test sets, and amounts."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from depthbench.config.amounts import frame_count
from depthbench.config.set_names import set_label, set_of_option
from depthbench.errors import UserError
from depthbench.report.read.runs import Run

OWN = ("folder", "tum", "cached")  # choices of `data` that are called by their folder
FILES_OF_ANYTHING = (
    "Pairs",
    "TUM",
    "PackedDataset",
)  # readers whose frames differ by the data set's name alone
TRUTH = ("version", "sensor")  # settings of rooms that change the test frames and not their names
TestSet = tuple[str, ...]


def data_name(run: Run) -> str:
    """``data.name`` where it is given, the folder's name of own data, else the choice of ``data`` or its class.

    With the edition of the test set, see :mod:`depthbench.config.set_names`.
    """
    if name := run.value("data.name"):
        return str(name)
    if chosen := run.value("data.set"):
        return set_of_option(str(run.choices.get("data")), chosen)
    return set_label(_plain_name(run), edition_of(run))


def edition_of(run: Run) -> str | None:
    """The edition of the test set that a run was tested on; None for the published files."""
    edition = record(run, "test").get("edition")
    return None if edition is None else str(edition)


def _plain_name(run: Run) -> str:
    choice, root, target = run.choices.get("data"), run.value("data.root"), run.value("data._target_")
    if choice in OWN and isinstance(root, str) and Path(root).name:
        return Path(root).name
    return str(choice or "") or str(target or "").rpartition(".")[2] or "unknown data"


def record(run: Run, part: str) -> Mapping[str, Any]:
    """A run's record of its ``train``, ``val`` or ``test`` frames: kind, number and hash of the names."""
    found = run.frames.get(part)
    return found if isinstance(found, Mapping) else {}


def tested_on(run: Run) -> TestSet | None:
    """Identity of a test set, independent of paths; None if the run did not record it."""
    test = record(run, "test")
    if "names_sha256" not in test:
        return None
    facts = [str(test.get(key)) for key in ("data", "count", "names_sha256")]
    facts += [f"{key}={run.value(f'data.test.{key}')}" for key in TRUTH]
    return (*facts, data_name(run)) if facts[0] in FILES_OF_ANYTHING else tuple(facts)


def by_test_set(runs: Sequence[Run]) -> list[tuple[str, list[Run]]]:
    """Runs that were tested on the same frames, under the name of their data, in order of name.

    A run that did not record its test set, such as one that is not finished, belongs to the runs on the same data.
    """
    alike: dict[tuple[str, ...], TestSet] = {}
    for run in runs:
        if key := tested_on(run):
            for settings in _settings(run):
                alike.setdefault(settings, key)
    groups: dict[TestSet, list[Run]] = defaultdict(list)
    for run in runs:
        known = (alike[settings] for settings in _settings(run) if settings in alike)
        groups[tested_on(run) or next(known, (data_name(run),))].append(run)
    return sorted(zip(_names(groups), groups.values(), strict=True), key=lambda item: item[0])


def _settings(run: Run) -> list[tuple[str, ...]]:
    """Evidence that runs were tested on the same frames, the surest first."""
    name = data_name(run)
    return [(name, str(run.value("data.test_frames"))), (name,)]


def _names(groups: Mapping[TestSet, Sequence[Run]]) -> list[str]:
    """The data sets of each group; where two groups have the same, their test sets distinguish them."""
    plain = [" and ".join(sorted(set(map(data_name, runs)))) for runs in groups.values()]
    counted = [_with(name, "{1} test images", key) for name, key in zip(plain, groups, strict=True)]
    hashed = [_with(name, "test set {2:.8}", key) for name, key in zip(plain, groups, strict=True)]
    once, counted_once = Counter(plain), Counter(counted)
    return [
        a if once[a] == 1 else b if counted_once[b] == 1 else c for a, b, c in zip(plain, counted, hashed, strict=True)
    ]


def _with(name: str, told: str, key: TestSet) -> str:
    return f"{name} ({told.format(*key)})" if len(key) > 1 else name


def amounts_of(runs: Sequence[Run]) -> Callable[[Run], int | None]:
    """A function that gives the number of training images of a run; None if it is unknown.

    It is the amount that the run recorded, else that another run on the same data recorded, else ``data.split``.
    """
    known = {_training(run): record(run, "train")["count"] for run in runs if "count" in record(run, "train")}

    def amount(run: Run) -> int | None:
        count = record(run, "train").get("count", known.get(_training(run)))
        return int(count) if isinstance(count, int) else _by_split(run)

    return amount


def _training(run: Run) -> tuple[str, ...]:
    return data_name(run), *(str(run.value(f"data.{key}")) for key in ("root", "split", "hold_out", "val"))


def _by_split(run: Run) -> int | None:
    split = run.value("data.split")
    try:
        return None if split is None else frame_count(split)
    except UserError:
        return None

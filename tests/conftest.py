"""Fixtures shared by all tests: determinism, golden files, and real data where they exist."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from depthbench.config.compose_once import composing_once
from tests.composed import composed_once
from tests.score_references import maps, reference  # noqa: F401

SHARED = Path(__file__).resolve().parents[2] / "shared"
GOLDEN = Path(__file__).resolve().parent / "data" / "golden"
NO_SHARED = "need real pictures, weights or the papers' texts beside the checkout, which are absent"


def pytest_collection_modifyitems(items):
    """The longest first: several processes that share the tests then end together."""
    items.sort(key=lambda item: item.get_closest_marker("processes") is None)


def pytest_make_parametrize_id(val, argname):
    """Zips and tars hold a time of day, which would give the processes that share the tests different names."""
    return argname if isinstance(val, bytes) else None


def pytest_configure():
    """Signals as in a terminal: what starts the tests in the background (nohup, a shell's &) has some ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _composed_once():
    with composed_once():
        yield


@pytest.fixture(scope="module")
def compositions_kept():
    """Keep the compositions of the bench: the commands of these tests compose the same few configurations."""
    with composing_once():
        yield


@pytest.fixture(autouse=True)
def _deterministic():
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 (libraries under test use the global generator)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real frames, weights and texts, which users do not have."""
    if not SHARED.is_dir():
        pytest.skip(NO_SHARED)
    return SHARED


@pytest.fixture(scope="session")
def golden():
    """Load ``tests/data/golden/NAME.npz`` (outputs of the papers' own released code) as a dict of arrays."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(GOLDEN / f"{name}.npz") as file:
            return {key: file[key] for key in file.files}

    return load


def pytest_terminal_summary(terminalreporter):
    """Say how many tests wait for real pictures, so that a short suite is not taken for the whole one."""
    waiting = sum(NO_SHARED in str(report.longrepr) for report in terminalreporter.stats.get("skipped", []))
    if waiting:
        terminalreporter.write_line(
            f"{waiting} tests {NO_SHARED} and were skipped; all others ran on files that tests make."
        )

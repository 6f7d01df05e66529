"""Fixtures shared by all tests: determinism, and the real data and golden files where they exist."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.score_references import maps, reference  # noqa: F401

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items):
    """The longest first: several processes that share the tests then end together."""
    items.sort(key=lambda item: item.get_closest_marker("processes") is None)


@pytest.fixture(autouse=True)
def _deterministic():
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 (libraries under test use the global generator)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real frames, weights and golden files, which users do not have."""
    if not SHARED.is_dir():
        pytest.skip("needs the developers' folder of real data beside the checkout, which is absent")
    return SHARED


@pytest.fixture(scope="session")
def golden(shared):
    """Load ``golden/NAME.npz`` (outputs of the papers' own released code) as a dict of float64 arrays."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(shared / "golden" / f"{name}.npz") as file:
            return {key: file[key] for key in file.files}

    return load

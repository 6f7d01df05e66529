"""Two processes, started once, that share the gradients of each network."""

import pickle
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.forked import forkserver
from tests.models.two_processes import gradients_of_half


@pytest.fixture(scope="session")
def _pool():
    with ProcessPoolExecutor(2, forkserver()) as pool:
        yield pool


@pytest.fixture
def two_processes(_pool, tmp_path):
    """Give the gradients of a network for a batch, as each of two processes has them."""

    def run(net, image):
        # Each waits for the other, so they never land in one process.
        work = [
            _pool.submit(gradients_of_half, rank, str(tmp_path / "store"), pickle.dumps((net, image)))
            for rank in (0, 1)
        ]
        return [job.result(timeout=120) for job in work]

    return run

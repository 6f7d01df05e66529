"""A SLURM of two nodes for all tests of this folder, and jobs small enough for it."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.cluster import slurm as cluster
from tests.commands import make_frames


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def slurm():
    """Its variables, set in this process and in all that tests start."""
    if cluster.missing():
        pytest.skip(cluster.MISSING)
    place = Path(tempfile.mkdtemp(prefix="slurm"))  # short: sockets have paths of at most 108 characters
    try:
        variables = cluster.start(place)
        with pytest.MonkeyPatch.context() as patch:
            for key, value in variables.items():
                patch.setenv(key, value)
            yield variables
    finally:
        cluster.stop(place)
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def place(slurm, tmp_path):
    """A folder with frames, on the file system that the nodes share."""
    make_frames(tmp_path / "frames")
    return tmp_path


def ask(*command):
    """Return the output of a SLURM command."""
    return subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True, timeout=60).stdout

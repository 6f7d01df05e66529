"""Damaged files: every reader ends in a UserError, or delivers the depth that was stored. Never a crash or a hang.

The cases run in a process of their own, so that a crash of a C library is a failed test and not the end of all tests.
Not covered, because the formats have no checksum: flipped bits inside of an uncompressed HDF5 or a laser scan.
"""

import subprocess
import sys
from pathlib import Path

import pytest

READERS = [
    "pairs",
    "nyu_labeled",
    "nyu_mat",
    "nyu_sync",
    "nyu_raw",
    "dense_depth",
    "kitti",
    "sunrgbd",
    "make3d",
    "matterport",
    "cached",
    "own",
    "tum",
]
SCRIPT = Path(__file__).with_name("fuzz.py")


@pytest.mark.processes
@pytest.mark.parametrize("cases", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_damaged_files(cases, tmp_path):
    command = [sys.executable, SCRIPT, str(cases), tmp_path, *READERS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300 + 2 * cases, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    counts = {
        reader: (int(refused), int(correct)) for reader, refused, correct in map(str.split, done.stdout.splitlines())
    }
    assert list(counts) == READERS
    for refused, correct in counts.values():
        assert refused + correct == cases
        assert refused > cases // 4

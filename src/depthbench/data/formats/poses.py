"""Poses of a camera from files: camera to world, ``(4, 4)`` float64."""

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depthbench.data.formats.lists import parse_lines
from depthbench.errors import UserError
from depthbench.input_files import read_bytes
from depthbench.input_files.limits import MAX_TEXT
from depthbench.pinhole import Matrix

_MOST = 1 << 14  # bytes of one matrix
_TURN = 1e-2  # by which a rotation times its transpose may differ from one: files have six digits


def read_pose(path: Path) -> Matrix | None:
    """The pose in a text of sixteen numbers; None where they are not finite, as ScanNet writes lost frames.

    Raises:
        UserError: if it is another text, or not a rotation and a translation.
    """
    text = read_bytes(path, _MOST).decode("utf-8", "replace")
    try:
        matrix = np.array([float(word) for word in text.split()], np.float64).reshape(4, 4)
    except ValueError:
        raise UserError(f"{path} does not hold the sixteen numbers of a pose; download it again.") from None
    return checked_pose(matrix, path) if np.isfinite(matrix).all() else None


def checked_pose(matrix: Matrix, where: object) -> Matrix:
    """The matrix itself; raises :class:`UserError` unless it is a rotation and a translation."""
    turn = matrix[:3, :3]
    sound = np.isfinite(matrix).all() and np.allclose(turn @ turn.T, np.eye(3), atol=_TURN)
    if not sound or np.linalg.det(turn) < 0 or list(matrix[3]) != [0, 0, 0, 1]:
        raise UserError(f"{where} holds no rotation and translation: {matrix.round(3).tolist()}; download it again.")
    return matrix


def pose_of_quaternion(place: Sequence[float], turn: Sequence[float]) -> Matrix:
    """The pose at ``(x, y, z)`` of a rotation ``(x, y, z, w)`` of any length above 0.

    Example:
        >>> pose_of_quaternion([1, 2, 3], [0, 0, 0, 2])[:3].tolist()
        [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 2.0], [0.0, 0.0, 1.0, 3.0]]
    """
    x, y, z, w = np.asarray(turn, np.float64) / np.linalg.norm(turn)
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = place
    return pose


class Trajectory(NamedTuple):
    """Poses by time, as TUM RGB-D's ``groundtruth.txt`` lists them.

    Attributes:
        times: ``(N,)`` seconds, sorted.
        numbers: ``(N, 7)``: place and quaternion, its real part last.
    """

    times: NDArray[np.float64]
    numbers: NDArray[np.float64]

    def at(self, time: float, limit: float) -> Matrix | None:
        """The pose nearest in time; None where none is within ``limit`` seconds."""
        after = bisect_left(self.times, time)
        near = [place for place in (after - 1, after) if 0 <= place < len(self.times)]
        nearest = min(near, key=lambda place: abs(self.times[place] - time), default=None)
        if nearest is None or abs(self.times[nearest] - time) > limit:
            return None
        return pose_of_quaternion(self.numbers[nearest, :3].tolist(), self.numbers[nearest, 3:].tolist())


def read_trajectory(path: Path) -> Trajectory:
    """Lines ``seconds x y z qx qy qz qw``; lines that begin with # are comments.

    Raises:
        UserError: if a line reads otherwise, or is no rotation.
    """
    rows = []
    for number, line in enumerate(parse_lines(read_bytes(path, MAX_TEXT), path), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            row = []
        if len(row) != 8 or not np.isfinite(row).all() or not any(row[4:]):
            raise UserError(f"{path}, line {number} is not 'seconds x y z qx qy qz qw': {line[:80]!r}.")
        rows.append(row)
    listed = np.array(sorted(rows), np.float64).reshape(-1, 8)
    return Trajectory(listed[:, 0], listed[:, 1:])

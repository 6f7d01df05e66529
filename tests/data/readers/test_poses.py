"""Poses of the sets that have them, against scipy's rotations; what is no pose is told."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from depthbench.data import TUM, ScanNet, Sintel
from depthbench.data.formats.poses import Trajectory, pose_of_quaternion, read_pose, read_trajectory
from depthbench.errors import UserError
from tests.data.published_sets import TAG, camera, opened, put, scene


def some_pose(seed: int) -> np.ndarray:
    found = np.eye(4)
    found[:3, :3] = Rotation.random(random_state=seed).as_matrix()
    found[:3, 3] = np.random.default_rng(seed).normal(size=3)
    return found


def test_quaternions_turn_as_scipys():
    for seed in range(5):
        turn = Rotation.random(random_state=seed)
        found = pose_of_quaternion([1, 2, 3], 3 * turn.as_quat())
        np.testing.assert_allclose(found[:3, :3], turn.as_matrix(), atol=1e-12)
        assert found[:3, 3].tolist() == [1, 2, 3]


def test_the_nearest_pose_in_time_is_taken():
    listed = Trajectory(np.array([1.0, 2.0]), np.array([[1.0, 0, 0, 0, 0, 0, 1], [2.0, 0, 0, 0, 0, 0, 1]]))
    assert [listed.at(time, 0.3)[0, 3] for time in (0.8, 1.2, 1.9)] == [1, 1, 2]
    assert listed.at(1.5, 0.3) is None
    assert Trajectory(np.zeros(0), np.zeros((0, 7))).at(1.0, 9) is None


def sequence(root: Path) -> Path:
    root.mkdir()
    rgb, depth = scene(0)
    for kind, image, late in (("rgb", rgb, 0), ("depth", np.round(5000 * depth).astype(np.uint16), 0.004)):
        lines = []
        for index in range(3):
            name = f"{kind}/{index / 30 + late:.5f}.png"
            put(root / name, image)
            lines.append(f"{index / 30 + late:.5f} {name}")
        (root / f"{kind}.txt").write_text("\n".join(lines))
    rows = ["# timestamp tx ty tz qx qy qz qw"]
    for index in (0, 2):  # the one between was not seen
        pose = some_pose(index)
        numbers = [*pose[:3, 3], *Rotation.from_matrix(pose[:3, :3]).as_quat()]
        rows.append(" ".join(f"{number:.8f}" for number in (index / 30 + 0.001, *numbers)))
    (root / "groundtruth.txt").write_text("\n".join(rows))
    return root


def test_poses_of_tum(tmp_path):
    data = TUM(sequence(tmp_path / "rgbd_dataset_freiburg1_desk"), max_difference=0.01)
    np.testing.assert_allclose(data.pose(0), some_pose(0), atol=1e-7)
    np.testing.assert_allclose(data.pose(2), some_pose(2), atol=1e-7)
    assert data.pose(1) is None
    text = (data.root / "groundtruth.txt").read_text()
    for line in ("1 2 3", "1 2 3 4 0 0 0 0", "1 2 3 4 5 6 7 nan"):
        (data.root / "groundtruth.txt").write_text(f"{text}\n{line}")
        with pytest.raises(UserError, match=r"groundtruth\.txt, line 4 is not 'seconds x y z"):
            read_trajectory(data.root / "groundtruth.txt")
    (data.root / "groundtruth.txt").unlink()
    assert TUM(data.root, max_difference=0.01).pose(0) is None


def test_poses_of_scannet(published):
    data = opened("scannet", published("scannet").overrides)
    assert isinstance(data, ScanNet)
    assert data.pose(0) is None
    folder = data.pairs[1].depth.parents[1] / "pose"
    folder.mkdir()
    np.savetxt(folder / "10.txt", some_pose(1), fmt="%.6f")
    np.testing.assert_allclose(data.pose(1), some_pose(1), atol=1e-6)
    np.savetxt(folder / "4.txt", np.full((4, 4), -np.inf))
    assert data.pose(0) is None


def test_poses_of_sintel(tmp_path):
    rgb, depth = scene(0, holes=False)
    put(tmp_path / "final/a/frame_0001.png", rgb)
    for kind, data in {
        "depth/a/frame_0001.dpt": np.array([depth.shape[1], depth.shape[0]], "<i4").tobytes() + depth.tobytes(),
        "camdata_left/a/frame_0001.cam": camera(9, 9, 8, 6).tobytes() + some_pose(0)[:3].tobytes(),
    }.items():
        (tmp_path / kind).parent.mkdir(parents=True)
        (tmp_path / kind).write_bytes(TAG + data)
    np.testing.assert_allclose(Sintel(tmp_path).pose(0), np.linalg.inv(some_pose(0)), atol=1e-12)
    put_back = TAG + camera(9, 9, 8, 6).tobytes() + np.full((3, 4), 2.0).tobytes()
    (tmp_path / "camdata_left/a/frame_0001.cam").write_bytes(put_back)
    with pytest.raises(UserError, match=r"frame_0001\.cam holds no rotation and translation"):
        Sintel(tmp_path).pose(0)


@pytest.mark.parametrize("text", ["1 2 3", "a b c d", " ".join(["2"] * 16), "-1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1"])
def test_what_is_no_pose_is_told(text, tmp_path):
    (tmp_path / "0.txt").write_text(text)
    with pytest.raises(UserError, match=r"0\.txt (does not hold the sixteen numbers|holds no rotation)"):
        read_pose(tmp_path / "0.txt")

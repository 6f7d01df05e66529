"""Sequences with time stamps: paired as TUM's associate.py pairs them."""

import cv2
import numpy as np
import pytest

from depthbench.config.kinds import DATA_MODULES
from depthbench.config.targets import instantiate
from depthbench.data import TUM, Pairs
from depthbench.data.readers.tum import associate
from depthbench.errors import UserError
from tests.data.test_data_configs import composed


def associate_by_loops(first, second, limit):
    """The algorithm of associate.py (offset 0), loop for loop."""
    potential = [(abs(a - b), a, b) for a in first for b in second if abs(a - b) < limit]
    potential.sort()
    first, second, matches = list(first), list(second), []
    for _, a, b in potential:
        if a in first and b in second:
            first.remove(a)
            second.remove(b)
            matches.append((a, b))
    return sorted(matches)


@pytest.mark.parametrize("seed", range(5))
def test_associate_against_the_published_loops(seed):
    rng = np.random.default_rng(seed)
    one, other = (sorted(set(rng.uniform(0, 2, 60).round(4))) for _ in range(2))
    found = associate(one, other, 0.03)
    assert [(one[a], other[b]) for a, b in found] == associate_by_loops(one, other, 0.03)
    assert associate([], other, 0.03) == associate(one, [], 0.03) == []


def sequence(made, root, count=3, delay=0.004, first=0):
    for kind in ("rgb", "depth"):
        (root / kind).mkdir(parents=True)
    lines = {"rgb": ["# color images", "# timestamp filename"], "depth": ["# depth maps"]}
    for index in range(count):
        rgb, millimetres = made.scene(first + index)
        for kind, values, time in (("rgb", rgb[..., ::-1], index / 30), ("depth", millimetres * 5, index / 30 + delay)):
            name = f"{kind}/{1305031102 + time:.6f}.png"
            cv2.imwrite(str(root / name), values)
            lines[kind].append(f"{1305031102 + time:.6f} {name}")
    for kind, text in lines.items():
        (root / f"{kind}.txt").write_text("\n".join(text) + "\n")
    return root


def test_a_sequence(made, tmp_path):
    root = sequence(made, tmp_path / "rgbd_dataset_freiburg1_xyz")
    data = TUM(root)
    assert data.names == ["1305031102.000000", "1305031102.033333", "1305031102.066667"]
    np.testing.assert_allclose(data[1].depth[0], made.scene(1)[1] / 1000, rtol=1e-6)
    np.testing.assert_allclose(data[0].intrinsics, [[517.3, 0, 318.6], [0, 516.5, 255.3], [0, 0, 1]], rtol=1e-6)
    assert TUM(root, intrinsics=[500, 500, 32, 24])[0].intrinsics[0, 0] == 500
    assert TUM(sequence(made, tmp_path / "office"))[0].intrinsics is None
    with pytest.raises(UserError, match="choose data=tum"):
        Pairs(root, 1 / 5000)


def test_sequences_are_held_out_whole(made, tmp_path):
    for index in range(5):
        sequence(made, tmp_path / f"s{index}", 2, first=index)
    given = [f"data.root={tmp_path}", "data.size=[24,32]", "data.test_fraction=0.2", "data.val_fraction=0.25"]
    data = instantiate(composed("tum", *given, "data.workers=0").data, DATA_MODULES)
    scenes = [{name.partition("/")[0] for name in part.names} for part in (data.train, data.val, data.test)]
    assert [len(part) for part in scenes] == [3, 1, 1]
    assert len(set.union(*scenes)) == 5
    assert [len(data.train), len(data.val), len(data.test)] == [6, 2, 2]


def test_times_apart(made, tmp_path):
    root = sequence(made, tmp_path / "s", delay=0.03)
    with pytest.raises(UserError, match=r"no depth within 0\.001 s of a picture; append data\.max_difference"):
        TUM(root, max_difference=0.001)
    assert len(TUM(root)) == 2, "the depth of the frame before is nearer"
    with pytest.raises(UserError, match="must be positive"):
        TUM(root, max_difference=0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x rgb/1.png\n", "line 1 is not 'seconds file'"),
        ("1.0\n", "leads out of the data set"),
        ("1.0 ../../a.png\n", "leads out of the data set"),
        ("1305031102.0 rgb/other.png\n", "listed but missing"),
    ],
)
def test_damaged_lists(made, tmp_path, text, says):
    root = sequence(made, tmp_path / "s")
    (root / "rgb.txt").write_text(text)
    with pytest.raises(UserError, match=says):
        TUM(root)


def test_no_sequence(tmp_path):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(UserError, match=r"No folder below .* it holds a\.txt"):
        TUM(tmp_path)

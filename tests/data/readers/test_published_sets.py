"""Readers of published data sets on made-up files in their real formats: what they deliver, and how it is scored."""

import dataclasses

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from depthbench.config.compose import config_dir
from depthbench.config.published import every_member
from depthbench.config.targets import instantiate
from depthbench.errors import UserError
from depthbench.evaluation import score_arrays
from depthbench.output_kinds import OutputKind
from depthbench.protocols import protocol_from
from tests.data.published_sets import MAKERS, SIZE, put, scene

CONF = config_dir()
OLD = ("cached", "folder", "kitti", "make3d", "matterport3d", "nyu", "rooms", "sunrgbd", "tum")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Each set, written once."""
    written = {}

    def write(name):
        if name not in written:
            written[name] = MAKERS[name](tmp_path_factory.mktemp(name))
        return written[name]

    return write


def opened(name, overrides, **changes):
    """The test of ``data=NAME``; without Hydra, which the YAML is composed by in test_data_configs.py."""
    config = OmegaConf.create({"data": OmegaConf.load(CONF / f"data/{name}.yaml")})
    node = OmegaConf.merge(config, OmegaConf.from_dotlist(overrides)).data.test
    return instantiate(OmegaConf.to_container(node, resolve=True) | {"size": None} | changes)


def test_every_yaml_has_made_up_files():
    names = {path.stem for path in (CONF / "data").glob("*.yaml")}
    assert {name for name in names if not name.startswith(OLD)} == set(MAKERS)


@pytest.mark.parametrize("name", MAKERS)
def test_frames(name, made):
    given = made(name)
    data = opened(name, given.overrides)
    assert data.known_as == given.known_as
    assert data.names == list(given.frames)
    for index, (frame_name, expected) in enumerate(given.frames.items()):
        frame = data[index]
        assert frame.name == frame_name
        np.testing.assert_allclose(frame.depth[0].numpy(), expected.depth, rtol=given.rtol)
        np.testing.assert_array_equal(frame.depth[0].numpy() > 0, expected.depth > 0)
        if expected.intrinsics is None:
            assert frame.intrinsics is None
        else:
            np.testing.assert_allclose(frame.intrinsics.numpy(), expected.intrinsics, rtol=1e-5)
        if frame.annotations is not None:
            frame.annotations.check(expected.depth.shape)
    assert data.manifest()["count"] == len(given.frames)
    small = opened(name, given.overrides, size=(6, 8), split=1)[0]
    assert small.image.shape == (3, 6, 8)
    assert small.depth.shape == (1, *expected.depth.shape)


RULES = {
    **{name: OmegaConf.to_container(OmegaConf.create(config)) for name, config in every_member(CONF).items()},
    "full": OmegaConf.to_container(OmegaConf.load(CONF / "protocol/full.yaml")),
}


PERFECT = {
    "metric_depth": lambda depth: depth,
    "affine_depth": lambda depth: 0.5 * depth + 1,
    "affine_disparity": lambda depth: 3 / depth + 0.5,
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_perfect_prediction_scores_zero_under_every_protocol_of_the_set(name, made):
    """Protocols of regions in pixels are scored without them: made-up files are smaller."""
    given = made(name)
    truths = [frame.depth[0].numpy() for frame in opened(name, given.overrides)]
    filled = [np.where(truth > 0, truth, np.float32(2)) for truth in truths]
    of_set = [protocol_from(rule) for rule in RULES.values() if rule.get("data") in (None, given.known_as)]
    rules = [dataclasses.replace(rule, region="full") for rule in of_set if rule.alignment.over == "image"]
    for kind, perfect in PERFECT.items():
        fitting = [rule for rule in rules if rule.refuses(OutputKind(kind)) is None]
        assert fitting or kind != "metric_depth"
        found = score_arrays([perfect(one) for one in filled], truths, fitting, kind=kind) if fitting else None
        for rule in fitting:
            scores = found.scores[rule.name]
            assert scores["AbsRel"] < 1e-5, (rule.name, kind)
            assert scores["RMSE"] < 1e-4, (rule.name, kind)
            assert scores["delta1"] == 1, (rule.name, kind)


def test_annotations_of_ibims(made):
    """Right, forward, up there; right, down, forward here."""
    notes = opened("ibims", made("ibims").overrides)[0].annotations
    assert notes.present == ("edges", "planes", "plane_normals")
    np.testing.assert_allclose(notes.plane_normals, [[0, -0.1, -1], [0, -1, 0]], atol=1e-7)
    assert [int((notes.planes == label).sum()) for label in (1, 2)] == [4 * 9, 4 * 17]
    np.testing.assert_array_equal(notes.edges, notes.planes == 1)


def test_objects_of_moge(made):
    overrides = made("moge").overrides
    segments = opened("moge", overrides)[0].annotations.segments
    np.testing.assert_array_equal(segments[0, :, 0], np.repeat([0, 1, 2], 4))  # the sky is none
    assert not opened("moge", overrides, least_segment=70)[0].annotations.segments.any()
    stored = opened("moge", overrides, view="stored")[1]
    torch.testing.assert_close(stored.depth, opened("moge", overrides)[1].depth, rtol=1e-6, atol=0)
    assert opened("moge", overrides, view="official", max_depth=2)[0].depth.shape == (1, 512, 512)


def test_parts_kinds_and_lists_of_diode(made, tmp_path):
    given = made("diode")
    assert len(opened("diode", given.overrides, kind="indoor")) == 1
    root = given.overrides[0].removeprefix("data.root=")
    (tmp_path / "list.txt").write_text("".join(f"elsewhere/{name}.png x y\n" for name in reversed(given.frames)))
    listed = opened("diode", given.overrides, files=tmp_path / "list.txt", root=root)
    assert listed.names == list(reversed(given.frames))
    assert len(opened("diode", [f"data.root={root}/val"])) == 2
    assert listed.scene(0) == "val/outdoor/scene_00019"
    with pytest.raises(UserError, match=r"_depth\.npy is listed but missing"):
        opened("diode", given.overrides, part="train")
    (tmp_path / "list.txt").write_text("val/indoors/a.png\n")
    with pytest.raises(UserError, match=r"lists val/indoors/a\.png, but pictures of DIODE are"):
        opened("diode", given.overrides, files=tmp_path / "list.txt")


def test_a_folder_of_something_else_is_a_sentence(made, tmp_path):
    with pytest.raises(UserError, match="holds nothing, but Sintel has final/SCENE"):
        opened("sintel", [f"data.root={tmp_path}"])
    put(tmp_path / "a/b.png", scene(0)[0])
    with pytest.raises(UserError, match=r"holds a/b\.png, but ETH3D has rgb/SCENE"):
        opened("eth3d", [f"data.root={tmp_path}"])
    with pytest.raises(UserError, match="none of MoGe's sets; choose one of NYUv2"):
        opened("moge", [f"data.root={tmp_path}", "data.set=nyu"])
    with pytest.raises(UserError, match=r"holds \.index\.txt \(there is a\); unzip GSO\.zip there"):
        opened("moge", [f"data.root={tmp_path}", "data.set=GSO"])


def test_depth_of_another_size_is_a_sentence(tmp_path):
    MAKERS["eth3d"](tmp_path)
    put(tmp_path / "court/images/dslr_images/DSC_0000.JPG", scene(0, (6, 8))[0])
    with pytest.raises(UserError, match="has 816 bytes; float32 depth of its picture, 8x6, has 192"):
        opened("eth3d", [f"data.root={tmp_path}"])


def test_a_depth_without_near_and_far_is_a_sentence(tmp_path):
    given = MAKERS["moge"](tmp_path)
    put(tmp_path / "GSO/toy/1/depth.png", np.full(SIZE, 9, np.uint16))
    with pytest.raises(UserError, match="has the text field near=''"):
        opened("moge", given.overrides)[1]

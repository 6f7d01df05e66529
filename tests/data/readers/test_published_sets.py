"""Readers of published data sets on made-up files in their real formats: what they deliver, and how it is scored."""

import dataclasses
import inspect
import pickle

import numpy as np
import pytest
import scipy.io
import torch
from omegaconf import OmegaConf

import depthbench.data
from depthbench.annotations import stack_annotations
from depthbench.config.compose import config_dir
from depthbench.config.published import every_member
from depthbench.data import Corrupted, Pairs
from depthbench.data.readers.scene_files import SceneFiles
from depthbench.errors import UserError
from depthbench.evaluation import score_arrays
from depthbench.evaluation.test_set import EvaluationSet
from depthbench.metrics import PlanarityError
from depthbench.output_kinds import OutputKind
from depthbench.prepare.fetch_sources import SOURCES
from depthbench.protocols import protocol_from
from tests.data.published_sets import FORMS, MAKERS, SIZE, camera, opened, put, scene

CONF = config_dir()
OLD = ("cached", "folder", "kitti", "make3d", "matterport3d", "nyu", "rooms", "sunrgbd", "tum")

WITHOUT_DEPTH = ("da2k",)  # tests/evaluation/test_pair_scores.py


def test_every_yaml_has_made_up_files():
    names = {path.stem for path in (CONF / "data").glob("*.yaml")}
    found = {name for name in names if name.endswith("_c") or not name.startswith(OLD)}
    assert found - set(WITHOUT_DEPTH) == set(MAKERS)
    assert found <= set(SOURCES)


PUBLIC = [getattr(depthbench.data, name) for name in depthbench.data.__all__]
SCENE_FILES = [one for one in PUBLIC if isinstance(one, type) and issubclass(one, SceneFiles)]


@pytest.mark.parametrize("reader", SCENE_FILES, ids=lambda reader: reader.__name__)
def test_the_arguments_that_readers_share_are_the_same(reader):
    """They are written out in each, for configurations and the reference read signatures; so they could drift apart."""
    # Of the constructors: Python 3.11.2 reads another signature from a class that inherits its own.
    _, root, *shared = list(inspect.signature(SceneFiles.__init__).parameters.values())
    _, first, *own = list(inspect.signature(reader.__init__).parameters.values())
    assert first == root
    assert own[-len(shared) :] == shared


@pytest.mark.parametrize("name", FORMS)
def test_frames(name, published):
    given = published(name)
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
            np.testing.assert_allclose(frame.intrinsics.numpy(), expected.intrinsics, rtol=1e-5, atol=1e-9)
        if frame.annotations is not None:
            frame.annotations.check(expected.depth.shape)
    assert data.manifest()["count"] == len(given.frames)
    assert torch.equal(pickle.loads(pickle.dumps(data))[-1].depth, frame.depth)  # as workers of a loader get it
    small = opened(name, given.overrides, size=(6, 8), split=1)[0]
    assert small.image.shape == (3, 6, 8)
    assert small.depth.shape == (1, *expected.depth.shape)


@pytest.mark.parametrize("name", FORMS)
def test_a_file_cut_in_half_is_a_sentence(name, tmp_path):
    """Text files may read on as shorter ones."""
    given = FORMS[name](tmp_path)
    refused = []
    for path in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        try:
            list(opened(name, given.overrides))
        except UserError as error:
            refused.append(str(error))
        path.write_bytes(data)
    assert refused
    assert not [error for error in refused if "\n" in error or str(tmp_path) not in error]


RULES = {
    **{name: OmegaConf.to_container(OmegaConf.create(config)) for name, config in every_member(CONF).items()},
    "full": OmegaConf.to_container(OmegaConf.load(CONF / "protocol/full.yaml")),
}


PERFECT = {
    "metric_depth": lambda depth: depth,
    "affine_depth": lambda depth: 0.5 * depth + 1,
    "affine_disparity": lambda depth: 3 / depth + 0.5,
}


@pytest.mark.parametrize("name", FORMS)
def test_a_perfect_prediction_scores_zero_under_every_protocol_of_the_set(name, published):
    """Protocols of regions in pixels are scored without them: made-up files are smaller."""
    given = published(name)
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


def test_annotations_of_ibims(published):
    """Right, forward, up there; right, down, forward here."""
    notes = opened("ibims", published("ibims").overrides)[0].annotations
    assert notes.present == ("edges", "planes", "plane_normals")
    np.testing.assert_allclose(notes.plane_normals, [[0, -0.1, -1], [0, -1, 0]], atol=1e-7)
    assert [int((notes.planes == label).sum()) for label in (1, 2)] == [4 * 9, 4 * 17]
    np.testing.assert_array_equal(notes.edges, notes.planes == 1)


def test_the_forms_of_ibims(published, tmp_path):
    raw = opened("ibims", published("ibims raw").overrides)[0]
    assert raw.annotations.present == ("edges",)
    np.testing.assert_array_equal(raw.annotations.edges[0], np.arange(SIZE[1])[None].repeat(SIZE[0], 0) < 4)
    FORMS["ibims raw"](tmp_path)
    overrides = MAKERS["ibims"](tmp_path).overrides
    with pytest.raises(
        UserError, match=r"holds the set in both forms; choose data\.form=mat, which has planes, or raw"
    ):
        opened("ibims", overrides)
    with pytest.raises(UserError, match=r"data\.form=png is unknown; choose mat or raw"):
        opened("ibims", overrides, form="png")
    mat, png = (opened("ibims", overrides, form=form)[1] for form in ("mat", "raw"))
    assert torch.equal(mat.image, png.image)
    torch.testing.assert_close(mat.depth, png.depth, atol=25 / 65535, rtol=1e-6)
    assert torch.equal(mat.intrinsics, png.intrinsics)
    put(tmp_path / "ibims1_core_raw/mask_transp/room_01.png", np.ones((3, 4), np.uint8))
    with pytest.raises(UserError, match=r"mask_transp/room_01\.png is \(3, 4\), but .*room_01\.png \(12, 17\)"):
        opened("ibims", overrides, form="raw")


def test_a_plane_of_ibims_faces_as_annotated(tmp_path):
    """The formulas are those of its script: pixels from 1 on, points to the right, forward, up."""
    size, focal, center = (48, 64), 55.0, (30.0, 26.0)
    normal = np.array([0.3, -0.9, 0.316])
    row, column = np.mgrid[1 : size[0] + 1, 1 : size[1] + 1]
    rays = np.stack([(column - center[0]) / focal, np.ones(size), -(row - center[1]) / focal], -1)
    one, nothing = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    data = {
        "rgb": np.zeros((*size, 3), np.uint8), "depth": -2 / (rays @ normal), "edges": nothing,
        "calib": camera(focal, focal, *center).T, "mask_invalid": one, "mask_transp": one,
        "mask_wall": nothing, "mask_wall_paras": np.zeros((0, 0)),
        "mask_table": nothing, "mask_table_paras": np.zeros((0, 0)),
        "mask_floor": one, "mask_floor_paras": np.array([[1, 0, 0, 0, *normal]]),
    }  # fmt: skip
    scipy.io.savemat(tmp_path / "room.mat", {"data": data})
    frame = opened("ibims", [f"data.root={tmp_path}"])[0]
    metric, depth = PlanarityError(), frame.depth[None]
    metric.update(depth, depth, None, frame.intrinsics[None], annotations=stack_annotations([frame.annotations]))
    found = metric.compute()
    assert found["PE_ori"] < 0.01  # degrees
    assert found["PE_plan"] < 1e-3  # centimetres


def test_objects_of_moge(published):
    overrides = published("moge").overrides
    segments = opened("moge", overrides)[0].annotations.segments
    np.testing.assert_array_equal(segments[0, :, 0], np.repeat([0, 1, 2], 4))  # the sky is none
    assert not opened("moge", overrides, least_segment=70)[0].annotations.segments.any()
    stored = opened("moge", overrides, view="stored")[1]
    torch.testing.assert_close(stored.depth, opened("moge", overrides)[1].depth, rtol=1e-6, atol=0)
    assert opened("moge", overrides, view="official", max_depth=2)[0].depth.shape == (1, 512, 512)


def test_parts_kinds_and_lists_of_diode(published, tmp_path):
    given = published("diode")
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


def test_a_folder_of_something_else_is_a_sentence(published, tmp_path):
    with pytest.raises(UserError, match="holds nothing, but Sintel has final/SCENE"):
        opened("sintel", [f"data.root={tmp_path}"])
    put(tmp_path / "a/b.png", scene(0)[0])
    with pytest.raises(UserError, match=r"holds a/b\.png, but ETH3D has rgb/SCENE"):
        opened("eth3d", [f"data.root={tmp_path}"])
    with pytest.raises(UserError, match="not one of MoGe's sets; choose one of NYUv2"):
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


def test_hypersims_pictures_and_parts(published):
    given = published("hypersim")
    root = given.overrides[0].removeprefix("data.root=")
    val = opened("hypersim", given.overrides, part="val", partition=f"{root}/split.csv")
    assert val.names == ["ai_001_001/cam_00/0001"]
    with pytest.raises(UserError, match=r"needs the set's list: data\.partition=FILE"):
        opened("hypersim", given.overrides, part="val")
    with pytest.raises(UserError, match="lists no frame of the part train"):
        opened("hypersim", given.overrides, part="train", partition=f"{root}/split.csv")
    color = opened("hypersim", given.overrides, pictures="color")[0]
    linear = scene(0)[0] / 255.0
    objects = scene(0)[1] > 0
    bright = np.percentile([0.3 * r + 0.59 * g + 0.11 * b for r, g, b in linear[objects]], 90)
    expected = np.minimum((0.8**2.2 / bright * linear) ** (1 / 2.2), 1)
    np.testing.assert_allclose(color.image.numpy().transpose(1, 2, 0), expected, atol=3e-3)
    prepared = opened("hypersim", [f"data.root={root}/prepared"], pictures="prepared")[1]
    np.testing.assert_allclose(prepared.depth[0], scene(1)[1], rtol=1e-6)


def test_disparity_of_another_size_is_a_sentence(tmp_path):
    given = MAKERS["spring"](tmp_path)
    put(tmp_path / "train/0001/frame_left/frame_left_0001.png", scene(0, (5, 8))[0])
    with pytest.raises(UserError, match=r"shape \(24, 34\); disparity of .* has \(5, 8\), or twice both"):
        opened("spring", given.overrides)
    (tmp_path / "train/0001/cam_data/intrinsics.txt").write_text("1000 1000 8 6\n")
    MAKERS["spring"](tmp_path / "whole")
    (tmp_path / "whole/train/0001/cam_data/intrinsics.txt").write_text("1000 1000 8 6\n")
    with pytest.raises(UserError, match="has 1 lines, none for frame 2"):
        opened("spring", [f"data.root={tmp_path}/whole"])


def test_occluded_pixels_and_calibrations_of_booster(tmp_path):
    given = MAKERS["booster"](tmp_path)
    assert opened("booster", given.overrides)[0].depth[0, 5, 6] == 0
    depth = opened("booster", given.overrides, keep_occluded=True)[0].depth[0]
    np.testing.assert_allclose(depth, scene(0)[1], rtol=1e-5)
    path = tmp_path / "train/balanced/Bathroom/calib_00-02.xml"
    text = path.read_text()
    for old, new, says in (
        ("baselineLR", "baseline", "it has no baselineLR"),
        ("1000", "-3", "focal lengths -3, -3"),
        ("1000", "nan", "holds a value that is not a number"),
        ("0. 8.", "8.", "cannot reshape"),
        ("<opencv", "<!DOCTYPE a []><opencv", "it defines entities"),
        ("</mtxL>", "", "mismatched tag"),
    ):
        path.write_text(text.replace(old, new))
        with pytest.raises(UserError, match=says):
            opened("booster", given.overrides)


def test_corruptions(published, tmp_path):
    given = published("nyu_c")
    fog = opened("nyu_c", given.overrides, corruption="dark", severity=2)
    assert fog.names == ["dark/2/bath/rgb_00000", "dark/2/bath/rgb_00001"]
    assert opened("nyu_c", given.overrides, corruption=["motion_blur"], severity=[1, 2]).scene(3) == "bath"
    np.testing.assert_allclose(fog[0].image[0].numpy(), scene(0)[0][..., 0] // 2 / 255, atol=1e-6)
    for changes, says in (
        ({"corruption": "fog"}, "data.corruption=fog is none of dark, motion_blur"),
        ({"severity": 4}, r"has the severities \[1, 2\], not 4"),
        ({"root": tmp_path}, "holds no folders, but NYU-C has folders such as fog/3"),
    ):
        with pytest.raises(UserError, match=says):
            opened("nyu_c", given.overrides, **changes)


def test_the_camera_follows_a_corrupted_picture_of_another_size(tmp_path):
    put(tmp_path / "clean/rgb/0.png", scene(0)[0])
    (tmp_path / "clean/depth").mkdir()
    np.save(tmp_path / "clean/depth/0.npy", scene(0)[1])
    put(tmp_path / "corrupt/fog/1/any/0.png", scene(0, (24, 51))[0])
    clean = Pairs(tmp_path / "clean", 1, intrinsics=[20, 20, 8, 5.5])
    frame = Corrupted(clean, tmp_path / "corrupt", "mine", depth_size="native")[0]
    np.testing.assert_allclose(frame.intrinsics, camera(60, 40, 25, 11.5))
    assert frame.depth.shape == (1, *SIZE)
    put(tmp_path / "corrupt/fog/1/other/0.png", scene(0)[0])
    with pytest.raises(UserError, match="are pictures of one frame"):
        Corrupted(clean, tmp_path / "corrupt", "mine")
    put(tmp_path / "clean/rgb/1.png", scene(0)[0])
    np.save(tmp_path / "clean/depth/1.npy", scene(0)[1])
    clean = Pairs(tmp_path / "clean", 1)
    with pytest.raises(UserError, match="has no picture of 1 of 2 frames, first 1 "):
        Corrupted(clean, tmp_path / "corrupt", "mine")


def test_archives_that_lack_something_are_sentences(published, tmp_path):
    given = published("ddad")
    with pytest.raises(UserError, match=r"holds no file 'train\.txt'; is it UniDepth's archive"):
        opened("ddad", given.overrides, part="train")
    with pytest.raises(UserError, match=r"ddad_0\.hdf5 are not there; give data\.root the folder"):
        opened("ddad", [f"data.root={tmp_path}"])


def test_sequences_that_are_not_there_are_a_sentence(published):
    with pytest.raises(UserError, match="has no sequence rgbd_bonn_moon, but balloon2, crowd2"):
        opened("bonn", published("bonn").overrides, sequences=["moon"])
    with pytest.raises(UserError, match=r"has 5 pictures; none of data.frames=\[9, 12\] has depth"):
        opened("bonn", published("bonn").overrides, frames=[9, 12])
    assert len(opened("bonn", published("bonn").overrides, frames=None, sequences=None)) == 10


def test_edges_of_syns(published):
    frame = opened("syns", published("syns").overrides)[0]
    assert frame.annotations.edges.nonzero()[:, 2].unique().tolist() == [9]
    assert opened("syns", published("syns").overrides, edges=None)[0].annotations is None
    with pytest.raises(UserError, match=r"00\.npy is listed but missing"):
        opened("syns", published("syns").overrides, part="test")


def test_a_protocol_of_another_set_is_left_out(published):
    """Protocols of NYUv2 and KITTI say how many images they have, or their data set."""
    config = OmegaConf.create({"data": OmegaConf.load(CONF / "data/eth3d.yaml"), "seed": 0})
    frames = EvaluationSet(OmegaConf.merge(config, OmegaConf.from_dotlist(published("eth3d").overrides)))
    said = {name: frames.refuses(protocol_from(rule)) for name, rule in RULES.items()}
    assert said["full"] is None
    assert said["marigold_eth3d_affine_depth"] is None
    assert said["marigold_nyu_affine_depth"] == "Protocol 'marigold_nyu_affine_depth' is of NYUv2, not of ETH3D."
    eigen = protocol_from(OmegaConf.to_container(OmegaConf.load(CONF / "protocol/eigen.yaml")))
    assert frames.refuses(eigen) == "Protocol 'eigen' is of NYUv2, not of ETH3D."


@pytest.mark.parametrize(("before", "after"), [("0.5]", "9e9]"), ("[0.0, 0.0, ", "[7.0, 0.0, "), ("[1.0", "[1e-9")])
def test_a_camera_that_asks_for_a_huge_picture_is_a_sentence(before, after, tmp_path):
    given = MAKERS["moge"](tmp_path)
    path = tmp_path / "GSO/toy/0/meta.json"
    assert opened("moge", given.overrides)[0].image.numel()
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(UserError, match=r"meta\.json"):
        opened("moge", given.overrides)[0]


def test_a_changed_text_field_of_a_depth_file_is_noticed(tmp_path):
    """The text says what all pixels mean, and decoders pass over its checksum."""
    given = MAKERS["moge"](tmp_path)
    path = tmp_path / "GSO/toy/0/depth.png"
    content = path.read_bytes()
    place = content.index(b"tEXt") + 10
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(UserError, match=r"depth\.png is truncated or damaged"):
        opened("moge", given.overrides)[0]


def test_a_word_without_an_end_is_not_repeated(tmp_path):
    given = MAKERS["spring"](tmp_path)
    (tmp_path / "train/0001/cam_data/intrinsics.txt").write_text("0x" + "f" * 100_000)
    with pytest.raises(UserError, match="is not 'fx fy cx cy'") as caught:
        opened("spring", given.overrides)[0]
    assert len(str(caught.value)) < 600

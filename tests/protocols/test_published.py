"""Published protocols: one file a publication, locked, and each scores a perfect prediction of its kinds with 0."""

import json

import pytest
import torch

from depthbench.config.compose import composing, config_dir, readable
from depthbench.config.published import every_member, expanded, member_names, published
from depthbench.errors import UserError
from depthbench.output_kinds import OutputKind
from depthbench.protocols import Declared, EvalProtocol, Scorer, load_protocol
from depthbench.protocols.alignment import NAMED
from depthbench.protocols.alignment.spaces import SPACES
from depthbench.protocols.regions import region_box
from depthbench.training.parts import build_protocols
from tests.protocols.record_published import RECORD, content, versions

EVERY = list(every_member(config_dir()))


def test_the_publications():
    sizes = {
        name: len({row.split("_")[len(name.split("_"))] for row in rows})
        for name, rows in published(config_dir()).items()
    }
    assert sizes["marigold"] == 5
    assert sizes["moge"] == 10
    assert {"depth_anything_v2", "unidepth_v2", "metric3d", "depth_pro", "dust3r", "mdec", "ppd"} <= sizes.keys()
    assert "video_depth_anything" in sizes


@pytest.mark.parametrize("family", published(config_dir()))
def test_a_version_is_what_it_was(family):
    """Whoever changes one raises its version and runs record_published.py."""
    recorded = json.loads(RECORD.read_text())[family]
    version = versions()[family]
    assert max(map(int, recorded)) == version
    assert recorded[str(version)] == content(family)
    assert (config_dir() / "published" / f"{family}.yaml").read_text().startswith("# ")


def scene(protocol):
    """A small truth of two images within the protocol's range, or of the size that its crop is defined on."""
    size = (480, 640) if protocol.region == "bts" or isinstance(protocol.region, tuple) else (70, 90)
    size = (375, 1242) if protocol.data == "KITTI" else size
    low, high = max(protocol.min_depth or 0, 0.5), min(protocol.max_depth or 60.0, 60.0)
    truth = low + 0.1 + (0.9 * high - low) * torch.rand(2, 1, *size)
    return truth * (torch.rand_like(truth) > 0.2)


@pytest.mark.parametrize("name", EVERY)
def test_a_perfect_prediction_of_every_kind_scores_0_where_it_is_served(name):
    protocol = load_protocol(name)
    truth = scene(protocol)
    top, bottom, left, right = region_box(protocol.region, (truth.shape[-2], truth.shape[-1]))
    truth = truth[..., top:bottom, left:right]  # the same pixels, for a crop hides nothing from a perfect prediction
    whole = EvalProtocol(**{**vars(protocol), "region": "full"})
    served = [kind for kind in OutputKind if whole.refuses(kind) is None]
    assert served
    for kind in {(one.quantity, one.unknown): one for one in served}.values():
        known = {"": (1, 0), "scale": (0.37, 0)}.get(kind.unknown, (0.37, 0.61))
        prediction = known[0] * SPACES[kind.quantity].of_depth(truth.where(truth > 0, 1.0).double()) + known[1]
        found = Scorer([whole])
        found.update(prediction.float(), truth, ["a", "b"], declared=Declared(kind.quantity))
        scores = found.compute().scores(whole)
        assert scores["AbsRel"] < 1e-5, kind
        assert scores["delta1"] == 1
        assert scores["missing"] == scores["nonpositive"] == 0


def test_names():
    assert member_names(config_dir(), "moge_nyu") == [
        "moge_nyu_metric",
        "moge_nyu_scale",
        "moge_nyu_affine_depth",
        "moge_nyu_affine_disparity",
    ]
    assert member_names(config_dir(), "eigen") == []
    found = load_protocol("marigold_kitti_affine_depth")
    assert (found.region, found.clamp, found.data, found.images) == ("kb+eigen_kitti", (1e-5, 80.0), "KITTI", 652)
    assert found.alignment == NAMED["scale_shift"]
    assert found.source.startswith("prs-eth/Marigold")
    assert load_protocol("marigold_eth3d_affine_depth").alignment.max_side == 1024
    with pytest.raises(UserError, match="moge_gso is 3 protocols; name one of moge_gso_scale"):
        load_protocol("moge_gso")
    with pytest.raises(UserError, match="did you mean marigold_nyu_affine_depth"):
        load_protocol("marigold_nyu_affine_dept")


def test_fields_are_locked_under_the_published_name():
    with pytest.raises(UserError, match="is published, so max_depth, alignment can't be changed under its name"):
        load_protocol("marigold_nyu_affine_depth", max_depth=8.0, alignment="median")
    own = load_protocol("marigold_nyu_affine_depth", max_depth=8.0, name="mine")
    assert (own.name, own.max_depth) == ("mine", 8.0)
    assert load_protocol("marigold_nyu_affine_depth", max_depth=8.0, version=9).max_depth == 8.0  # of another version


def test_a_file_that_lacks_a_key():
    usual = {"name": "full"}
    with pytest.raises(UserError, match="must hold alignments, name, rules"):
        expanded({"name": "x"}, usual, config_dir() / "published" / "x.yaml")


def test_a_run_is_scored_by_one():
    from hydra import compose

    with composing():
        chosen = readable(["data=rooms", "protocol=marigold_nyu_affine_depth"])
        (protocol,) = build_protocols(compose("config", chosen)).values()
        assert protocol == load_protocol("marigold_nyu_affine_depth")
        chosen = readable(["data=rooms", "protocol=video_depth_anything_nyu"])
        with pytest.raises(UserError, match="takes a second pass"):
            build_protocols(compose("config", chosen))


def test_video_depth_anything_clips_to_the_range_of_each_set():
    members = published(config_dir())["video_depth_anything"]
    assert len(members) == 5
    for name in members:
        protocol = load_protocol(name)
        assert protocol.clamp == (0.001, protocol.max_depth)

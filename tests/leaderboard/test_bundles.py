"""The sets of a bundle are columns of one leaderboard."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from depthbench.config.set_names import BUNDLE_SETS, bundled, set_of_option, with_bundles
from depthbench.data.readers.moge import SIZES
from depthbench.errors import UserError
from depthbench.evaluate import main
from depthbench.leaderboard import asked
from depthbench.report.read.boards import read_shown
from depthbench.results.board import read_board
from tests.data.published_sets import SIZE, moge

MODELS = "models=[near=python:networks:depth,scaled=python:networks:scaled]"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """GSO, and the same frames under another set's name."""
    root = tmp_path_factory.mktemp("bundle")
    moge(root)
    shutil.copytree(root / "GSO", root / "ETH3D")
    return root


def test_the_reader_has_the_same_sets():
    assert {"moge": tuple(SIZES)} == BUNDLE_SETS


def test_two_sets_of_a_bundle_fill_a_board(place, here, bundle, capsys):
    words = [MODELS, "data=[moge/GSO,moge/ETH3D]", f"data.moge.root={bundle}", f"data.view=[{SIZE[0]},{SIZE[1]}]"]
    code = main([*words, "protocol=moge", "device=cpu", "data.moge/ETH3D.test_frames=2", "output=board"])
    assert code == 0, capsys.readouterr().err
    cells = read_board(Path("board")).shown.values()
    assert {cell.data for cell in cells} == {"moge/GSO", "moge/ETH3D"}
    assert Counter(cell.protocol.split("_")[1] for cell in cells) == {"gso": 6, "eth3d": 8}
    shown = read_shown(["board"])
    found = {(one.data.name, one.data.images) for one in shown.results.values()}
    assert found == {("GSO (MoGe)", 3), ("ETH3D (MoGe)", 2)}
    assert {cell.data for cell in shown.cells} == {"GSO (MoGe)", "ETH3D (MoGe)"}


def test_one_word_names_all_ten():
    found = asked._sets("moge/all", ["data.moge.root=x", "data.moge/GSO.view=stored", "device=cpu"])
    assert list(found) == [f"moge/{name}" for name in SIZES]
    for name in SIZES:
        own = ["data.view=stored"] if name == "GSO" else []
        assert found[f"moge/{name}"] == ["data=moge", f"data.set={name}", "device=cpu", "data.root=x", *own]


def test_a_single_evaluation_takes_the_name_too():
    assert with_bundles(["data=moge/GSO", "x=1"]) == ["data=moge", "data.set=GSO", "x=1"]
    assert with_bundles(["data=moge", "data=nyu/GSO", "data=[moge/GSO]"]) == [
        "data=moge",
        "data=nyu/GSO",
        "data=[moge/GSO]",
    ]
    assert set_of_option("moge", "GSO") == "GSO (MoGe)"
    with pytest.raises(UserError, match=r"names 10 sets: they fill a leaderboard, so append models=\[\.\.\.\]"):
        with_bundles(["data=moge/all"])
    with pytest.raises(UserError, match=r"data=moge/ETH3 does not exist; did you mean moge/ETH3D"):
        bundled(["moge/ETH3"])


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("data=moge", "data=moge is 10 sets; name some, data=[moge/NYUv2,...], or all of them, data=moge/all"),
        ("data=[moge/GSO,moge/GSO]", "names a data set twice"),
        ("data=[moge/GSO,moge/all]", "names a data set twice"),
        ("data=[nyu/GSO]", "data=nyu/GSO does not exist"),
        ("data=[moge/Gso]", "data=moge/Gso does not exist; did you mean moge/GSO"),
    ],
)
def test_a_mistake_is_told(data, sentence):
    with pytest.raises(UserError) as told:
        asked.read_board_request(["models=[hf:x]", data, "data.root=.", "protocol=moge"])
    assert sentence in str(told.value)

"""Published numbers as files: each names what exists, and a mistake in one is told in a sentence."""

import pytest

import depthbench.data
from depthbench.config.compose import config_dir
from depthbench.config.set_names import published_name, same_set, set_of_option, set_of_record, set_of_words
from depthbench.data.readers.moge import SIZES
from depthbench.errors import UserError
from depthbench.metrics.functional import EXTENDED_SCORES, SCORES
from depthbench.protocols import load_protocol
from depthbench.report.analyze.published_tables import read_published, shipped_numbers
from depthbench.reproduction.cells import cell_files, read_cell_file, read_cells

TABLE = """
paper: Somebody 2026
table: table 1
source: its PDF
kind: affine_disparity
tolerance: 0.05
decimals: 3
known_as: {Net: [hub/net]}
cells:
  - {model: Net, set: NYUv2, protocol: moge_nyu_affine_disparity, scores: {AbsRel: 0.042, delta1: 0.98}}
"""


@pytest.fixture
def table(tmp_path):
    def made(old="", new=""):
        assert old in TABLE
        (tmp_path / "mine.yaml").write_text(TABLE.replace(old, new))
        return tmp_path / "mine.yaml"

    return made


@pytest.mark.parametrize("name", cell_files())
def test_every_cell_names_a_protocol_of_its_set_and_a_score_that_exists(name):
    cells = read_cells([name])
    assert cells
    for cell in cells:
        protocol = load_protocol(cell.protocol)
        assert protocol.data is None or same_set(protocol.data, published_name(cell.data))
        assert cell.kind is None or protocol.refuses(cell.kind) is None, "a perfect model of this kind must score 0"
        known = {*SCORES, *EXTENDED_SCORES, "mSSIM", "edge_F1_0.5", "normal_cosine"}
        assert cell.metric in known
        assert cell.source
        assert cell.names[0] == cell.model
    keys = [(cell.table, cell.model, cell.data, cell.protocol, cell.metric) for cell in cells]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("paper", ["carvalho2018", "lee2020", "li2017", "alhashim2018", "mehrzadeh2020"])
def test_a_papers_own_rows_are_cells(paper):
    numbers = [one for one in read_published(shipped_numbers(paper)) if one.select and "seconds" not in one.metric]
    cells = read_cells([paper])
    assert [(cell.table, cell.model, cell.metric, cell.value) for cell in cells] == [
        (one.exhibit, one.row, one.metric, one.value) for one in numbers
    ]
    by_row = {(cell.table, cell.model): cell.protocol for cell in cells}
    if paper == "lee2020":
        assert by_row["table 4", "Proposed"] == "c1"
    if paper == "alhashim2018":
        assert by_row["table 1", "Ours (scaled)"] == "alhashim2018_scaled"


def test_the_tolerance_is_a_share_of_the_published_error(table):
    error, share = read_cell_file(table())
    assert error.allowed == pytest.approx(0.05 * 0.042 + 0.0005)
    assert share.allowed == pytest.approx(0.05 * 0.02 + 0.0005)  # what delta1 = 0.98 lacks to 1
    assert error.names == ("Net", "hub/net")


OTHER = {"rooms", "rooms_ood", "moge", "kitti_c", "nyu_c"}  # made like a set, one of several, or corrupted


def test_options_are_of_the_sets_that_they_test_on():
    for file in (config_dir() / "data").glob("*.yaml"):
        target = [line.split(".")[-1] for line in file.read_text().splitlines() if "_target_" in line][-1]
        known = getattr(getattr(depthbench.data, target), "known_as", None)
        assert known is None or same_set(file.stem, known) == (file.stem not in OTHER), file.stem
    assert same_set("iBims-1", "ibims")
    for one, other in (("rooms", "NYUv2"), ("kitti", "Virtual KITTI 2"), ("kitti_c", "KITTI"), ("", "KITTI")):
        assert not same_set(one, other)


def test_a_set_of_a_bundle_is_another_set():
    assert set_of_option("moge", "ETH3D") == set_of_words(["data.set=ETH3D", "data=moge"]) == "ETH3D (MoGe)"
    assert set_of_words(["data=eth3d", "data.root=x"]) == "eth3d"
    assert set_of_words(["data.set=ETH3D"]) is None
    assert set_of_record("ETH3D", "MoGeBundle") == set_of_record("ETH3D (MoGe)", "MoGeBundle") == "ETH3D (MoGe)"
    assert set_of_record("ETH3D", "ETH3D") == published_name("ETH3D (MoGe)") == published_name("ETH3D") == "ETH3D"
    assert same_set("ETH3D (MoGe)", "eth3d(moge)")
    for other in ("ETH3D", "eth3d", "moge", "DIODE (MoGe)"):
        assert not same_set("ETH3D (MoGe)", other)
    assert {cell.data for cell in read_cells(["moge"])} <= {set_of_option("moge", name) for name in SIZES}


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("moge_nyu_affine_disparity", "moge_moon", "protocol moge_moon of Net does not exist"),
        ("kind: affine_disparity", "kind: affine_disparty", "kind is 'affine_disparty'; did you mean"),
        ("0.042", "many", "value of Net, AbsRel is 'many'; give a number"),
        ("0.042", ".nan", "give a number"),
        ("delta1: 0.98", "delta1: 98.0", "a share lies between 0 and 1"),
        ("tolerance: 0.05", "tolerance: -1", "tolerance of Net, AbsRel is -1"),
        ("tolerance: 0.05", "tolerence: 0.05", "no field tolerence; did you mean tolerance"),
        ("table: table 1\n", "", "table must be given"),
        ("model: Net, ", "", "model must be given"),
        ("set: NYUv2", "sets: NYUv2", "no field sets"),
        ("scores: {AbsRel: 0.042, delta1: 0.98}", "scores: 0.042", "cell 1 must hold model, set, protocol and scores"),
        ("known_as: {Net: [hub/net]}", "known_as: Net", "known_as names by model"),
        (TABLE, "[]", "it holds no fields"),
    ],
)
def test_mistakes_in_a_file_are_told(table, old, new, sentence):
    with pytest.raises(UserError, match=r"mine\.yaml") as error:
        read_cell_file(table(old, new))
    assert sentence in str(error.value)


def test_an_unknown_file_is_told():
    with pytest.raises(UserError, match="cells=mogee does not exist; did you mean moge"):
        read_cells(["mogee"])

"""A set in somebody's bundle and the published one: two names in every result, though protocols know them by one."""

import numpy as np
import pytest
from omegaconf import OmegaConf

from depthbench.config.compose import config_dir
from depthbench.config.set_names import same_set, set_label, set_of_option
from depthbench.evaluate import main
from depthbench.evaluation.origins import data_record
from depthbench.evaluation.test_set import EvaluationSet
from depthbench.report.analyze.board import rules_tables
from depthbench.report.analyze.data_sets import by_test_set
from depthbench.report.read.boards import read_shown
from depthbench.report.read.runs import Run
from depthbench.reproduction.cells import read_cells
from depthbench.reproduction.found import read_results_file
from depthbench.reproduction.verdicts import why_not
from depthbench.results.hub import benchmark_name
from depthbench.results.reading import read_content, results_of
from tests.data.published_sets import FORMS, SIZE, eth3d, moge

RULES = "moge_eth3d_affine_depth"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A file of results on either form."""
    root = tmp_path_factory.mktemp("editions")
    frames = {"bundle": moge(root / "bundle").frames, "raw": eth3d(root / "raw").frames}
    (root / "bundle/GSO").rename(root / "bundle/ETH3D")
    view = ["data=moge", f"data.root={root / 'bundle'}", "data.set=ETH3D", f"data.view=[{SIZE[0]},{SIZE[1]}]"]
    words = {"bundle": view, "raw": ["data=eth3d", f"data.root={root / 'raw'}"]}
    for form, chosen in words.items():
        kept = root / "maps" / form
        for name, expected in frames[form].items():
            (kept / name).parent.mkdir(parents=True, exist_ok=True)
            np.save(kept / f"{name}.npy", np.where(expected.depth > 0, expected.depth, 1).astype(np.float32) * 1.1)
        output = f"output={root / form}.json"
        assert main([*chosen, f"predictions={kept}", f"protocol={RULES}", "kind=affine_depth", output]) == 0
    return root


def test_the_two_forms_share_no_cell(made):
    shown = read_shown([str(made / f"{form}.json") for form in ("bundle", "raw")])
    (table,) = rules_tables(shown.cells, shown.results)
    assert {one.data: list(one.results) for one in table.sets} == {"ETH3D (MoGe)": ["bundle"], "ETH3D": ["raw"]}
    keys = {result.data.key for result in shown.results.values()}
    assert len(keys) == 2
    assert [benchmark_name(one) for one in shown.results.values()] == ["ETH3D (MoGe, relative)", "ETH3D (relative)"]


def test_a_number_of_the_bundle_is_not_held_against_the_published_files(made):
    cell = next(cell for cell in read_cells(["moge"]) if cell.data == "ETH3D (MoGe)")
    ((bundle,), (raw,)) = (read_results_file(made / f"{form}.json") for form in ("bundle", "raw"))
    assert why_not(cell, raw) == "scored on ETH3D, not on ETH3D (MoGe)"
    assert "ours is" in why_not(cell, bundle)  # the set is right, the kind is not


def test_results_of_earlier_versions_are_told_apart_by_their_reader(made):
    content = read_content(made / "bundle.json")
    content["data"]["name"] = "ETH3D"
    (result,) = results_of(content)
    assert result.data.name == "ETH3D (MoGe)"


@pytest.mark.parametrize("form", [*FORMS, "rooms", "rooms_ood"])
def test_a_result_is_called_as_its_option_says(form, tmp_path):
    """The report of runs and the published numbers know the option alone."""
    option = form.partition(" ")[0]
    given = FORMS[form](tmp_path).overrides if form in FORMS else ["data.test_frames=1"]
    node = {"data": OmegaConf.load(config_dir() / f"data/{option}.yaml"), "seed": 0}
    config = OmegaConf.merge(node, OmegaConf.from_dotlist([*given, "data.size=[16,24]"]))
    frames = EvaluationSet(config)
    expected = set_of_option(option, config.data.get("set"))
    expected = set_label(expected, None if option == "moge" else frames.edition)
    assert same_set(data_record(config, frames).name, expected)


def test_runs_are_told_apart_by_the_set_of_the_bundle(made):
    def run(option, reader, count, chosen=None, **record):
        config = {"data": {"set": chosen, "_target_": "depthbench.data.DataModule"}}
        frames = {"test": {"data": reader, "count": count, "names_sha256": str(count), **record}}
        return Run(made / str(count), {"choices": {"data": option}}, config, {}, {}, {}, (), frames)

    runs = [
        run("moge", "MoGeBundle", 454, "ETH3D", edition="MoGe"),
        run("moge", "MoGeBundle", 771, "DIODE"),  # of a version without editions
        run("eth3d", "ETH3D", 453, edition="undistorted"),
        run("eth3d", "ETH3D", 452),
    ]
    assert [name for name, _ in by_test_set(runs)] == ["DIODE (MoGe)", "ETH3D (MoGe)", "eth3d", "eth3d (undistorted)"]

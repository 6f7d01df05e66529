"""The studies of the papers: every job composes at every scale, and runs; published numbers are the papers'."""

import functools
import re
from collections import defaultdict

import pytest
import timm
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from depthbench.config.compose import config_dir
from depthbench.config.compose import group_options as options
from depthbench.config.kinds import EVERY, find
from depthbench.config.targets import instantiate
from depthbench.report.analyze.published_tables import columns, read_published
from depthbench.training.parts import build_protocols
from tests.commands import run, runs, status

PAPERS = {  # and where their texts lie in the developers' folder
    "carvalho2018": "000_450f0265b21a7301.txt",
    "lee2020": "001_7b6804b117d2724a.txt",
    "mehrzadeh2020": "002_e84bdfe504dc996d.txt",
    "li2017": "003_f1a77ed7fee9e085.txt",
    "alhashim2018": "004_fc877d94bf1c5df3.txt",
}
STUDIES = [name for name in options("experiment") if "/" in name]
SCALES = ("paper", "machine", "smoke")
FOLDER = config_dir() / "experiment"


@functools.cache
def composed(study, scale, *overrides):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("config", [f"experiment={study}", f"scale={scale}", *overrides], return_hydra_config=True)


def jobs(study, scale):
    """The overrides of each job of a study, as Hydra's sweeper makes them."""
    params = composed(study, scale).hydra.sweeper.params or {}
    parsed = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params.items()])
    return [tuple(job) for batch in BasicSweeper.split_arguments(parsed, None) for job in batch]


def plain(study, scale, *overrides):
    config = OmegaConf.to_container(composed(study, scale, *overrides))
    return {key: value for key, value in config.items() if key not in ("hydra", "output", "logger")}


def leaves(node, path=""):
    """Every value of a configuration, by its dotted key."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield f"{path}{key}", value
        yield from leaves(value, f"{path}{key}.")


def check(study, scale, job=()):
    """A job composes, names what exists, and lacks no value but where the paper's data lies."""
    values = dict(leaves(plain(study, scale, *job)))
    missing = {key for key, value in values.items() if value == "???"}
    assert all(key.startswith("data.") for key in missing)
    assert not missing or scale == "paper"
    for target in {value for key, value in values.items() if key.endswith("_target_")}:
        find(target, EVERY)
    assert timm.is_model(values["model.encoder.name"])
    choices = composed(study, scale, *job).hydra.runtime.choices
    assert (choices["data"] == "rooms") == (scale != "paper")


def test_every_paper_has_its_studies():
    assert {study.partition("/")[0] for study in STUDIES} == set(PAPERS)
    for paper in PAPERS:
        text = (FOLDER / paper / "README.md").read_text()
        assert all(f"experiment={study}" in text for study in STUDIES if study.startswith(paper))


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_composes_at_each_scale(study):
    for scale in SCALES:
        every = jobs(study, scale)
        assert len(set(every)) == len(every) > 0
        for key, _, value in (override.partition("=") for job in every for override in job):
            assert key.startswith(("data.", "model.")) or value in options(key)
        check(study, scale)


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_every_job_composes_at_each_scale(study):
    for scale in SCALES:
        for job in jobs(study, scale):
            check(study, scale, job)


def test_without_a_scale_a_study_is_at_the_papers():
    assert plain("lee2020/nyu", "none") == plain("lee2020/nyu", "paper")


def test_exhibits_share_runs():
    """The run behind table 2 of carvalho2018 is one of figures 2, 3 and 4."""
    (best,) = jobs("carvalho2018/best", "machine")
    for study in ("dataset_size", "convergence", "gallery"):
        assert set(best) in map(set, jobs(f"carvalho2018/{study}", "machine"))
        assert plain(f"carvalho2018/{study}", "machine", *best) == plain("carvalho2018/best", "machine", *best)


def test_a_variation_wins_over_recipe_and_scale():
    swapped = composed("alhashim2018/ablation", "machine", "experiment/alhashim2018/variation=no_color_swapping")
    assert swapped.hydra.runtime.choices["augment"] == "flip"
    single = composed("li2017/convergence", "machine", "experiment/li2017/variation=batch_16")
    assert single.hydra.runtime.choices["loss"] == "li2017_single"
    assert single.data.batch_size == 16


@pytest.mark.processes
def test_a_study_runs_at_smoke(tmp_path):
    run(tmp_path, "-m", "experiment=alhashim2018/nyu", "scale=smoke", "output=runs")
    (folder,) = runs(tmp_path).values()
    assert status(folder)["state"] == "done"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One folder for all studies: what two of them share runs once."""
    return tmp_path_factory.mktemp("studies")


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_every_job_runs_at_smoke(study, place):
    output = run(place, "-m", f"experiment={study}", "scale=smoke", "output=runs", timeout=3600)
    different = {str(plain(study, "smoke", *job)) for job in jobs(study, "smoke")}  # smoke has one batch size
    assert f"{len(different)} done." in [line.strip() for line in output.splitlines()]


@pytest.mark.parametrize("paper", PAPERS)
def test_published_numbers_are_complete_and_select_what_exists(paper):
    numbers = read_published(FOLDER / paper / "published.csv")
    keys = [(number.exhibit, number.row, number.metric) for number in numbers]
    assert len(set(keys)) == len(keys)
    for number in numbers:
        assert number.value > 0
        for key, value in number.select.items():
            assert str(value) in options(key) if (config_dir() / key).is_dir() else "." in key


@pytest.mark.parametrize("paper", PAPERS)
def test_published_numbers_are_those_of_the_text(paper, shared):
    """The rows of a table, or its columns where the text has lost the rows, stand in the text in this order."""
    text = (shared / "papers" / PAPERS[paper]).read_text()
    found = re.findall(r"(?<![\d.])(\d+(?:\.\d+)?)(%?)", text)
    printed = joined(float(number) / (100 if percent else 1) for number, percent in found)
    rows, columns = defaultdict(list), defaultdict(list)
    for number in read_published(FOLDER / paper / "published.csv"):
        rows[number.exhibit, number.row].append(number.value)
        columns[number.exhibit, number.metric].append(number.value)
    kind = columns if paper == "li2017" else rows
    lost = [key for key, values in kind.items() if joined(values) not in printed]
    assert not lost


HEADS = {  # the columns as each text has them
    ("carvalho2018", "table 2"): "AbsRel log10 RMSE RMSElog delta1 delta2 delta3",
    ("alhashim2018", "table 1"): "delta1 delta2 delta3 AbsRel RMSE log10",
    ("alhashim2018", "table 2"): "delta1 delta2 delta3 AbsRel SqRel RMSE RMSElog",
    ("alhashim2018", "table 3"): "mSSIM edge_F1_0.5 normal_cosine",
    ("alhashim2018", "table 4"): "delta1 delta2 delta3 AbsRel RMSE log10 mSSIM",
    ("lee2020", "table 3"): "delta1 delta2 delta3 RMSE AbsRel log10 RMSElog RMSE_si SqRel",
    ("lee2020", "table 4"): "RMSE AbsRel log10",
    ("lee2020", "table 6"): "delta1 delta2 delta3 RMSE AbsRel log10 RMSElog RMSE_si SqRel",
    ("lee2020", "table 7"): "seconds_per_step seconds_per_image",
    ("li2017", "table 1"): "AbsRel log10 RMSE delta1 delta2 delta3",
    ("mehrzadeh2020", "table 1"): "RMSE AbsRel log10 delta1 delta2 delta3",
} | {("lee2020", f"table 5 ({part})"): "delta1 RMSE RMSElog AbsRel" for part in "abcde"}


def test_columns_come_in_the_papers_order():
    found = {}
    for paper in PAPERS:
        numbers = read_published(FOLDER / paper / "published.csv")
        for exhibit in dict.fromkeys(number.exhibit for number in numbers):
            here = [number for number in numbers if number.exhibit == exhibit]
            found[paper, exhibit] = " ".join(columns(here))
    assert found == HEADS


def test_every_row_of_ours_selects_a_run_of_its_papers_studies():
    """Rows without a select are others' results, or can't be made here, and their notes say so."""
    for paper in PAPERS:
        for number in read_published(FOLDER / paper / "published.csv"):
            if number.row.startswith(("Ours", "Proposed", "D3-Net")) and not number.select:
                assert "not published" in number.note


@pytest.mark.parametrize("scale", SCALES)
def test_tables_1_and_3_of_alhashim2018_have_what_they_are_scored_by(scale):
    config = composed("alhashim2018/nyu", scale)
    task = {name: instantiate(metric) for name, metric in config.task.structure.items()}
    measured = {name for metric in task.values() for name in metric.names}
    assert {"mSSIM", "edge_F1_0.5", "normal_cosine"} <= measured
    protocols = list(build_protocols(config))
    assert protocols == (["alhashim2018", "alhashim2018_scaled"] if scale == "paper" else [protocols[0]])


def joined(values):
    return "".join(f" {value:.4g} " for value in values)


@pytest.mark.parametrize(
    ("study", "variation", "epochs"),
    [
        ("losses", "end_to_end", 3),
        ("losses", "optimization", 3),
        ("losses", "set_depth", 3),
        ("losses", "single_depth", 3),
        ("convergence", "set", 7),
    ],
)
def test_the_first_stage_of_li2017_takes_the_epochs_of_the_text(study, variation, epochs):
    """Section 4.5: 0.6 M steps of about 220k frames, 2 to 3 epochs, are those of parsing and fusion alone."""
    config = composed(f"li2017/{study}", "paper", f"experiment/li2017/variation={variation}")
    lengths = [stage.length for stage in config.task.stages.values()]
    assert config.task.stages.fusion.length / sum(lengths) * config.trainer.max_epochs == epochs


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_at_the_papers_scale_runs_on_one_device(study):
    """Batches of 12 and of 1 can't be shared by 8 GPUs, and batch statistics over 2 pictures are not the paper's."""
    assert composed(study, "paper").trainer.devices == 1


def test_the_union_of_three_training_sets_is_offered():
    data = composed("lee2020/schedules", "paper", "data=nyu_matterport_sun").data
    assert list(data.train.parts) == ["nyu", "matterport", "sun"]
    assert (data.nyu_split, data.batch_size, list(data.size)) == ("50k", 12, [288, 384])

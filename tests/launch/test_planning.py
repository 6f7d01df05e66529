"""Before a sweep's first job: each job is composed once, mistakes are told, and what is to come."""

import shutil
import sys
from collections import Counter

import cv2
import numpy as np
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import OmegaConf

from depthbench import run
from depthbench.errors import UserError
from depthbench.launch.warm.client import WarmServer
from depthbench.runs.folder import RunFolder
from depthbench.runs.plan import jobs_at_once, seconds_left


@pytest.fixture
def sweep(tmp_path, monkeypatch, capfd):
    """Start a sweep whose jobs take no time; returns its output and how often what was composed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(WarmServer, "start", lambda: None)
    composed = Counter()
    compose = ConfigLoaderImpl._load_configuration_impl

    def counting(self, config_name, overrides, *arguments, **options):
        composed[tuple(overrides)] += 1
        return compose(self, config_name=config_name, overrides=overrides, *arguments, **options)  # noqa: B026

    def run_job(folder, timeout):
        folder.write_json("DONE", {"score": 0.5, "seconds": 60})
        return 0

    monkeypatch.setattr(ConfigLoaderImpl, "_load_configuration_impl", counting)
    monkeypatch.setattr(run, "run_job", run_job)

    def start(*arguments, code=None):
        monkeypatch.setattr(sys, "argv", ["depthbench", "-m", *arguments])
        composed.clear()
        if code is None:
            run.main()
        else:
            with pytest.raises(SystemExit) as ended:
                run.main()
            assert ended.value.code == code
        return "".join(capfd.readouterr()), composed

    return start


@pytest.mark.parametrize("launcher", ["local", "parallel", "joblib", "basic"])
def test_each_job_is_composed_once(sweep, launcher):
    output, composed = sweep("seed=0,1,2", "loss=l1,l2", f"hydra/launcher={launcher}")
    jobs = Counter({what: times for what, times in composed.items() if any("seed=" in one for one in what)})
    assert "6 jobs, 0 of them done already" in output
    single = [times for what, times in jobs.items() if not any("," in one for one in what)]
    assert sorted(single) == [1] * 8  # six jobs, and one for each loss in the look at what was typed
    assert set(composed.values()) == {1}
    assert "6 done." in output


def test_a_mistake_in_the_jobs_of_a_study_is_told_before_the_first(sweep, tmp_path):
    studies = tmp_path / "conf" / "experiment"
    studies.mkdir(parents=True)
    told = {
        "{data.batch_size: '4,0'}": "data.batch_size=0 must be a whole number of 1 or more.\n",
        "{model.encoder: resnet50}": "did you mean model.encoder.name=resnet50?\n",
    }
    for number, (params, sentence) in enumerate(told.items()):
        text = f"# @package _global_\nhydra: {{sweeper: {{params: {params}}}}}\n"
        (studies / f"mine{number}.yaml").write_text(text)
        output, _ = sweep("--config-dir", "conf", f"experiment=mine{number}", code=2)
        assert output.endswith(sentence)
    output, _ = sweep("data=nyu_labeled", "data.root=missing", "seed=0,1", code=2)
    assert output.endswith(
        "data.root=missing is missing; give the folder that holds the data set (docs/datasets.md).\n"
    )
    assert "done already" not in output


def test_missing_data_of_what_is_done_are_no_mistake(sweep, tmp_path):
    for part in ("train", "test"):
        made = {"rgb": np.full((24, 32, 3), 90, np.uint8), "depth": np.full((24, 32), 2500, np.uint16)}
        for kind, pixels in made.items():
            (tmp_path / "data" / part / kind).mkdir(parents=True)
            cv2.imwrite(f"{tmp_path}/data/{part}/{kind}/a.png", pixels)
    data = ["data=folder", "data.root=data", "data.scale=0.001"]
    sweep(*data, "seed=0,1")
    shutil.rmtree(tmp_path / "data")
    output, _ = sweep(*data, "seed=0,1")
    assert "2 jobs, 2 of them done already" in output  # where planning is slow, progress comes before it


def test_a_job_that_fails_inside_hydra_says_our_sentence_alone(sweep, monkeypatch):
    def fail(folder, timeout):
        raise UserError("The disk is full.")

    monkeypatch.setattr(run, "run_job", fail)
    for launcher in ("local", "parallel"):
        output, _ = sweep("seed=0,1", f"hydra/launcher={launcher}", code=2)
        assert "\nThe disk is full.\n" in output
        assert "overrides" not in output


def test_a_study_of_a_paper_says_how_its_jobs_run_and_how_long(sweep, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    fewer = "hydra.sweeper.params.loss='lee2020_d0,lee2020_dn'"  # of the study's ten, each takes a tenth of a second
    study = ["experiment=lee2020/loss_space", "data=rooms", "scale=paper", fewer]
    output, _ = sweep(*study)
    assert "2 jobs run at once." in output
    assert "On a cluster: depthbench run -m experiment=lee2020/loss_space" in output
    assert "hydra/launcher=submitit_slurm" in output
    output, _ = sweep(*study, "hydra.launcher.n_jobs=1", "seed=0,1")
    assert "4 jobs, 2 of them done already" in output
    assert "The 2 that are left take about 2 minutes, one after another" in output


@pytest.mark.parametrize(
    ("n_jobs", "accelerator", "expected"), [("auto", "auto", 6), ("auto", "cpu", 1), (3, "auto", 3), (1, "auto", 1)]
)
def test_how_many_jobs_run_at_once(monkeypatch, n_jobs, accelerator, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,GPU-3")
    told = {"hydra": {"launcher": {"n_jobs": n_jobs}}, "trainer": {"accelerator": accelerator}}
    assert jobs_at_once(OmegaConf.create({**told, "launch": {"jobs_per_gpu": 2}})) == expected


def test_time_left_is_that_of_the_jobs_that_are_done(tmp_path):
    folders = [RunFolder(tmp_path / str(number)) for number in range(5)]
    assert seconds_left(folders, 1) is None
    for folder, seconds in zip(folders[:2], (100, 200), strict=True):
        folder.path.mkdir()
        folder.write_json("DONE", {"seconds": seconds})
    assert seconds_left(folders, 1) == 150 * 3
    assert seconds_left(folders, 2) == 150 * 2  # three jobs, two at once: two rounds
    assert seconds_left(folders[:2], 1) is None

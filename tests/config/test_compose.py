"""Configurations: what they may name, what a run is called, how mistakes are told."""

import subprocess
import sys

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from depthbench.config.compose import composing, config_dir, group_options
from depthbench.config.identity import fingerprint
from depthbench.config.kinds import EVERY, find
from depthbench.config.values import check_kinds
from depthbench.run import GROUPS, check, help_text, main, typed
from depthbench.runs.folder import RunFolder
from tests.commands import TINY, make_frames


def composed(*overrides):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("config", overrides=list(overrides))


def test_hash_is_of_what_can_change_a_result():
    base = fingerprint(composed())
    assert base == fingerprint(composed("output=elsewhere", "logger=csv", "launch.fail_fast=true"))
    assert base == fingerprint(composed("loss=l1", "data.split=795"))
    different = [["seed=1"], ["data.split=12k"], ["loss=l2"], ["optim.optimizer.lr=1e-3"], ["trainer.max_epochs=11"]]
    assert len({base, *(fingerprint(composed(*overrides)) for overrides in different)}) == 6


def test_the_same_configuration_finds_the_same_folder(tmp_path):
    output = f"output={tmp_path}"
    first = RunFolder.create(composed("seed=3", "loss=l2", output), ["seed=3", "loss=l2", output], {})
    again = RunFolder.create(composed("loss=l2", "seed=3", output), ["loss=l2", "seed=3", output], {})
    assert first.path == again.path
    assert first.path.name.startswith("seed-3__loss-l2-")
    assert OmegaConf.to_yaml(again.config) == OmegaConf.to_yaml(composed("seed=3", "loss=l2", output), resolve=True)


def test_help_is_short_and_complete():
    text = help_text()
    assert len(text.splitlines()) < 60
    for group in GROUPS:
        assert group in text
        assert all(option in text for option in group_options(group))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["loss=l3"], "loss=l3 does not exist; did you mean l2 or l1"),
        (["-m", "loss=l1,brhu"], "loss=brhu does not exist; did you mean berhu"),
        (["los=l1"], "There is no los in the configuration; did you mean loss"),
        (["data.spilt=12"], "There is no data.spilt in the configuration; did you mean data.split"),
        (["data=nyu_labeled"], "data.root must be given"),
        (["data=nyu_labeled", "data.root=/no/such/place"], "/no/such/place"),
        (["data=nyu_labeled", "data.root=frames", "data.scale=1/1000"], "cannot be 1/1000: set data.scale"),
        (["data.split=0"], "0 (data.split, data.val_frames or data.test_frames) is not an amount of frames"),
        (["data.split=240k"], "240000 frames are asked for, but there are only 230000"),
        (["trainer=gpu"], "torch sees no GPU"),
        (["trainer=gpu", "trainer.devices=2"], "torch sees no GPU"),
        (["trainer.precision=8"], "The trainer refuses its configuration"),
        (["trainer=ddp", "data.batch_size=3", "trainer.accelerator=cpu"], "data.batch_size=3"),
        (["loss=gan", "trainer.accumulate_grad_batches=2"], "Adversarial training can't accumulate gradients"),
        (["data.cache=disc"], "data.cache=disc is unknown"),
        (["model.encoder.name=resnet_5000"], "resnet_5000"),
        (["optim.optimizer.lr=1e30", "data.split=32", "data.size=[32,32]"], "The loss is"),
        (["loss=[l1"], "loss=[l1 can't be read as key=value; if its value is one text, write"),
        (["loss"], "loss can't be read as key=value"),
        (["loss=l1,berhu"], "loss=l1,berhu asks for several runs; add -m"),
        (["data.size=240,320"], "write 'data.size=[240,320]'"),
        (["data.size=240"], "data.size=240 is one value where a list is needed, such as 'data.size=[240,240]'"),
        (["-m", "data.size=240,320"], "data.size=240 is one value where a list is needed"),
        (["data.size=[240]"], "data.size=[240] must be [height,width]"),
        (["lr=1e-4"], "There is no lr in the configuration; did you mean optim.optimizer.lr?"),
        (["optim.lr=1e-4"], "There is no optim.lr in the configuration; did you mean optim.optimizer.lr?"),
        (["model.encoder=resnet50"], "did you mean model.encoder.name=resnet50?"),
        (["optim.optimizer=adam"], "optim.optimizer is a group of settings, not one value such as adam"),
        (["callbacks.checkpoint=5"], "callbacks.checkpoint is a group of settings, not one value such as 5"),
        (["trainer.max_epochs=ten"], "trainer.max_epochs=ten is not a number"),
        (["-m", "trainer.max_epochs=1,ten"], "trainer.max_epochs=ten is not a number"),
        (["trainer.devices=x"], "trainer.devices=x must be auto, a whole number of 1 or more, or the numbers of GPUs"),
        (["-m", "trainer.devices=1,0"], "trainer.devices=0 must be auto"),
        (["trainer.max_steps=0"], "trainer.max_steps=0 must be a whole number of 1 or more, or -1"),
        (["-m", "launch.timeout=10m"], "launch.timeout=10m must be a number of seconds above 0"),
        (["launch.jobs_per_gpu=0"], "launch.jobs_per_gpu=0 must be a whole number"),
        (["protocol.flip_average=no"], "protocol.flip_average=no is neither true nor false"),
        (
            ["data=nyu_labeled", "data.root=frames", "data.scale=0.001", "data.max_depth=10m"],
            "data.max_depth=10m is not a number of metres",
        ),
        (["trainer.max_epochs=0"], "trainer.max_epochs=0 must be a whole number of 1 or more"),
        (["optim.optimizer.lr=-1"], "optim.optimizer.lr=-1 must be a number above 0"),
        (["-m", "optim.optimizer.lr=1e-3,-1"], "optim.optimizer.lr=-1 must be a number above 0"),
        (
            ["loss=gan", "task.discriminator_optimizer.lr=0"],
            "task.discriminator_optimizer.lr=0 must be",
        ),
        (["data.batch_size=0"], "data.batch_size=0 must be a whole number of 1 or more"),
        (["data.workers=-1"], "data.workers=-1 must be auto or a whole number of 0 or more"),
        (["seed=-1"], "seed=-1 must be a whole number of 0 or more"),
        (["model.encoder.nme=resnet10t"], "did you mean model.encoder.name"),
        (["model.encoder.options.x=1"], "There is no model.encoder.options"),
        (["experiment=carvalho2018/lossess"], "did you mean carvalho2018/losses"),
        (["experiment=nothing_like_it"], "lee2020/backbones"),
        (["-m", "--cfg", "hydra"], "-m and --cfg can't go together"),
        (["--shell-completion", "install=bash"], 'eval "$(depthbench completion bash)"'),
        (["-sc", "query=bash"], 'eval "$(depthbench completion bash)"'),
        (["--config-dir=/no/such/place"], "--config-dir=/no/such/place is not a folder"),
        (["data=nyu_labeled", "data.root=~/no (such) place"], "/no (such) place is missing"),
        (
            ["data=nyu_labeled", "data.root=/no/run#1/epoch=3-step=100"],
            "/no/run#1/epoch=3-step=100 is missing",
        ),
    ],
)
def test_a_mistake_gets_one_sentence_and_status_2(arguments, sentence, tmp_path, monkeypatch, capfd):
    if "trainer=gpu" in arguments and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    if "data.root=frames" in arguments:
        make_frames(tmp_path / "frames", train=2, test=2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["depthbench", *arguments, "logger=csv", "trainer.estimate=false"])
    with pytest.raises(SystemExit) as stopped:
        main()
    output = "".join(capfd.readouterr())
    assert stopped.value.code == 2, output
    assert sentence in output
    assert "Traceback" not in output
    trained = "optim.optimizer.lr=1e30" in arguments
    left = [path for path in tmp_path.glob("runs/*") if path.is_dir() and not path.name.startswith(".")]
    assert bool(left) == trained, "a mistake of typing leaves no run folder"


@pytest.mark.parametrize("told", ["best=AbsRel", "early_stopping=5", "average=0.9", "panels=8", "profiles=false"])
def test_short_forms_of_callbacks_pass_the_check(told):
    """They stand for a node, as conf/callbacks/default.yaml and docs/training.md say."""
    with composing():
        parsed = OverridesParser.create().parse_overrides([f"callbacks.{told}"])
        check_kinds(compose("config"), parsed)


def test_installed_command_prints_the_configuration(tmp_path):
    shown = subprocess.run(
        [sys.executable, "-m", "depthbench.run", "--cfg", "job", "loss=gan"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "_target_: depthbench.tasks.Adversarial" in shown


@pytest.mark.parametrize("group", sorted(set(GROUPS) - {"loss", "protocol"}))  # these two have tests of their own
def test_every_option_composes_and_names_what_exists(group):
    for option in group_options(group):
        if "/" in option:  # a paper's study: tests/test_experiments.py
            continue
        config = composed(f"{group}={option}")
        for key, value in OmegaConf.to_container(config).get("data").items():
            if value == "???":
                config.data[key] = "given"
        plain = OmegaConf.to_container(config, resolve=True)
        assert all(find(target, EVERY) for target in targets(plain))


def targets(node):
    if isinstance(node, dict):
        if "_target_" in node:
            yield node["_target_"]
        node = list(node.values())
    for value in node if isinstance(node, list) else ():
        yield from targets(value)


def test_a_plain_run_tells_what_where_and_how_long(tmp_path, monkeypatch, capfd):
    make_frames(tmp_path / "frames")
    monkeypatch.chdir(tmp_path)
    tiny = [item for item in TINY if "estimate" not in item]
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr(sys, "argv", ["depthbench", *tiny, f"data.root={tmp_path / 'frames'}", "trainer.max_epochs=2"])
    main()
    output = capfd.readouterr().out
    assert "Training test_resnet + UNetDecoder" in output
    assert "by Regression with L1 on 12 frames (NYULabeled) for 2 epochs; test on 15 frames, protocol full" in output
    assert "results in runs/" in output
    assert "append trainer=smoke" not in output  # who chose the CPU knows
    assert "About" in output
    assert "images per second in 3 timed steps" in output
    assert "full: AbsRel" in output
    (path,) = (file.parent for file in (tmp_path / "runs").glob("*/DONE"))
    assert output.endswith(f"Next: depthbench predict run=runs/{path.name} input=PHOTO output=FOLDER\n")
    assert len(path.name.encode()) < 130
    main()
    assert "Done already" in capfd.readouterr().out


def test_a_folder_of_configurations_may_be_added(tmp_path, monkeypatch, capfd):
    (tmp_path / "own" / "loss").mkdir(parents=True)
    (tmp_path / "own" / "loss" / "mine.yaml").write_text("_target_: depthbench.losses.L2\n")
    monkeypatch.chdir(tmp_path)
    for given in (["--config-dir=own"], ["-cd", "own"], ["--config-dir", str(tmp_path / "own")]):
        monkeypatch.setattr(sys, "argv", ["depthbench", *given, "loss=mine", "--cfg", "job", "-p", "loss"])
        main()
        assert "_target_: depthbench.losses.L2" in capfd.readouterr().out


def test_paths_need_no_quotes_within_quotes(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("HOME", str(tmp_path))
    for given, meant in {
        "~/no": f"{tmp_path}/no",
        "my data (v2)": "my data (v2)",
        "/x/run#1": "/x/run#1",
        "/x/epoch=3-step=100.ckpt": "/x/epoch=3-step=100.ckpt",
    }.items():
        monkeypatch.setattr(sys, "argv", ["depthbench", f"output={given}", "--cfg", "job", "-p", "output"])
        main()
        assert capfd.readouterr().out.strip() == meant


def test_a_sweep_composes_each_job_once_to_list_it(tmp_path, monkeypatch):
    """The check before it composes as many as there are options, not as there are combinations."""
    composed = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("depthbench.run.compose", lambda *one, **two: composed.append(one) or compose(*one, **two))
    options, _ = typed(["-m", "loss=l1,l2,berhu", "data.split=12,13,14,15", "seed=range(20)"])
    check(options)
    assert len(composed) <= 4


@pytest.mark.parametrize(
    "word", ["best=AbsRel", "early_stopping=5", "average=0.999", "panels=8", "panels=0", "inference_time=false"]
)
def test_one_value_stands_for_a_callback_where_its_page_says_so(word):
    check_kinds(composed(), OverridesParser.create().parse_overrides([f"callbacks.{word}"]))

"""One command for all: what it hands on, what it must not wait for, and its completion."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from depthbench import __version__, run
from depthbench.__main__ import main
from depthbench.cli import COMMANDS, next_step
from depthbench.completion import SCRIPTS, candidates
from depthbench.config.compose import group_options, readable
from depthbench.inference.command_line import OPTIONS as PREDICT_OPTIONS
from depthbench.prepare.__main__ import COMMANDS as PREPARE

SLOW = ("torch", "wandb", "matplotlib", "pytorch_lightning")

HELPS = [["--help"], [], ["--version"], *([name, "--help"] for name in COMMANDS), ["run", "-h"], ["predict"]]
HELPS += [["prepare", name, "--help"] for name in PREPARE]

MISTAKES = [
    (["runn"], "There is no command runn; did you mean run"),
    (["loss=l1"], "A command comes first: depthbench run loss=l1"),
    (["run", "los=l1"], "There is no los in the configuration; did you mean loss"),
    (["run", "loss=l3"], "loss=l3 does not exist; did you mean"),
    (["run", "model.encoder=resnet50"], "did you mean model.encoder.name=resnet50"),
    (["run", "data=nyu_labeled", "data.root=/no/such"], "data.root=/no/such is missing"),
    (["run", "data=nyu_labeled"], "data.root must be given"),
    (["run", "-m", "loss=l1,brhu"], "loss=brhu does not exist"),
    (["run", "-sc", "install=bash"], 'eval "$(depthbench completion bash)"'),
    (["evaluate", "run=/no/such"], "/no/such is not a run folder"),
    (["evaluate", "run=latest"], "There are no runs yet"),
    (["evaluate", "predictions=.", "data=folder", "data.root=~/no (such)"], "/no (such) is missing"),
    (["evaluate", "predictions=.", "data=foldr"], "data=foldr does not exist"),
    (["evaluate", "predictions=.", "data=rooms", "data.size=64"], "one value where a list is needed"),
    (["predict", "run=1a2b", "input=.", "output=x"], "There are no runs yet"),
    (["export", "run=/no/such", "output=x.onnx"], "/no/such is not a run folder"),
    (["export", "run=x"], "output must be given"),
    (["report", "/no/such"], "/no/such is not a run folder"),
    (["report", "latest"], "There are no runs yet"),
    (["prepare", "chek"], "There is no command chek; did you mean check"),
    (["prepare", "check", "data=folder", "data.root=/no/such"], "data.root=/no/such is missing"),
    (["prepare", "cache", "data=folder", "data.root=/no/such", "output=c"], "data.root=/no/such is missing"),
    (["prepare", "manifest", "data=foldr"], "data=foldr does not exist"),
    (["prepare", "nyu-raw", "raw=/no/such", "output=x", "scenes=all"], "raw=/no/such does not exist"),
    (["prepare", "fetch", "data=nuy"], "There is no download of data=nuy"),
    (["dashboards", "carvalho2018/lossess"], "did you mean carvalho2018/losses"),
    (["dashboards", "nothing"], "lee2020/backbones"),
    (["completion", "fish"], "for bash or zsh"),
]


def in_one_process(folder: Path, lines: list[list[str]]) -> list[tuple[int, str, str]]:
    """Status and output of several commands in a process of their own, which must not have imported what is slow."""
    code = f"""
import contextlib, io, json, sys
from depthbench.__main__ import main
told = []
for line in {lines!r}:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(line)
        except SystemExit as end:
            status = end.code or 0
    found = [name for name in {SLOW!r} if name in sys.modules]
    assert not found, (line, found, err.getvalue())
    told.append((status, out.getvalue(), err.getvalue()))
print(json.dumps(told))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    import json

    return [tuple(one) for one in json.loads(done.stdout)]


def test_no_help_waits_for_torch(tmp_path):
    for line, (status, out, err) in zip(HELPS, in_one_process(tmp_path, HELPS), strict=True):
        assert (status, err) == (0, ""), line
        assert len(out.splitlines()) < 70
        assert "Next:" not in out
        if line[:1] == ["prepare"] and len(line) == 3:
            assert f"depthbench prepare {line[1]}" in out
    assert list(tmp_path.iterdir()) == []


def test_no_mistake_that_needs_no_torch_waits_for_it(tmp_path):
    for (line, sentence), (status, out, err) in zip(
        MISTAKES, in_one_process(tmp_path, [line for line, _ in MISTAKES]), strict=True
    ):
        assert (status, out) == (2, ""), line
        assert sentence in err, line
        assert err.count("\n") == 1, line
    assert list(tmp_path.iterdir()) == []


def test_help_lists_the_commands_in_a_line_each(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    width = max(map(len, COMMANDS))
    for name, command in COMMANDS.items():
        assert f"  {name:<{width}}  {command.does}\n" in out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"depthbench {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_gets_its_arguments(name, monkeypatch):
    from importlib import import_module

    given = []
    monkeypatch.setattr(import_module(COMMANDS[name].module), "main", lambda arguments: given.append(arguments) or 3)
    assert main([name, "a=1", "--b"]) == 3
    assert given == [["a=1", "--b"]]


def test_the_doors_of_modules_stay_open(tmp_path):
    """`python -m depthbench.run` and its sisters, with the sweep of the documents."""
    sweep = ["-m", "loss=l1,eigen,berhu,gan", "data.split=795,12k,230k"]
    options, rest = run.typed(sweep)
    run.check(options)
    assert rest == sweep
    for module in ("run", "evaluate", "predict", "export", "report", "prepare", "dashboards"):
        assert Path(run.__file__).parent.joinpath(f"{module}.py").is_file() or module in ("report", "prepare")
    shown = subprocess.run(
        [sys.executable, "-m", "depthbench", "run", "loss=gan", "--cfg", "job", "data.split=12k", "-p", "loss"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "depthbench.losses" in shown
    assert "_target_: depthbench.data" not in shown


def test_the_next_step_can_be_pasted(monkeypatch, capsys):
    monkeypatch.setattr("shutil.which", lambda _: None)
    next_step("report", "my runs", "--output", "page.html")
    assert capsys.readouterr().out == "Next: python -m depthbench report 'my runs' --output page.html\n"


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("data.root=~/x", str(Path.home() / "x")),
        ("data.root=my data (v2)", "my data (v2)"),
        ("data.root=/x/run#1", "/x/run#1"),
        ("data.root=/x/epoch=3-step=100.safetensors", "/x/epoch=3-step=100.safetensors"),
        ("+data.root=/x (y)/z", "/x (y)/z"),
        ("data.root=/x/it@home%20&co;", "/x/it@home%20&co;"),
        ("data.root=/数据/深度 (2)", "/数据/深度 (2)"),
    ],
)
def test_plain_paths_are_quoted_for_hydra(override, value):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (quoted,) = readable([override])
    (parsed,) = OverridesParser.create().parse_overrides([quoted])
    assert parsed.value() == value
    assert readable([quoted]) == [quoted]


@pytest.mark.parametrize(
    "override",
    ["loss=l1", "loss=l1,l2", "data.size=[1,2]", "a={b:1}", "seed=range(3)", "x='a b'", "~model", "loss=[l1"],
)
def test_what_hydra_reads_or_may_be_a_list_is_left_alone(override):
    assert readable([override]) == [override]


def test_a_path_that_exists_may_have_commas_brackets_and_quotes(tmp_path, monkeypatch):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    for name in ("loss=l1,data.size=[96,128]-68a7d4b7", "Anna's (old) photos", 'the "best", really'):
        (tmp_path / name).mkdir()
        (parsed,) = OverridesParser.create().parse_overrides(readable([f"data.root={tmp_path / name}"]))
        assert parsed.value() == str(tmp_path / name)


def test_candidates_are_what_is_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert candidates([""]) == sorted([*COMMANDS, "--help", "--version"])
    assert candidates(["ru"]) == ["run"]
    assert candidates(["run", "loss="]) == [f"loss={name}" for name in group_options("loss")]
    assert candidates(["run", "-m", "loss=l1,eig"]) == ["loss=l1,eigen", "loss=l1,eigen_grad"]
    assert "experiment=carvalho2018/losses" in candidates(["run", "experiment=carv"])
    assert "experiment=carvalho2018/shared" not in candidates(["run", "experiment=carv"])
    assert candidates(["run", "see"]) == ["seed="]
    assert candidates(["run", "launch.f"]) == ["launch.fail_fast="]
    assert candidates(["run", "data=nyu_labeled", "data.ro"]) == ["data.root="]
    assert candidates(["run", "data.ro"]) == []  # of rooms, which have none
    assert candidates(["run", "trainer=cpu", "trainer.max_e"]) == ["trainer.max_epochs="]  # from its defaults
    assert candidates(["run", "optim.optimizer.l"]) == ["optim.optimizer.lr="]
    assert candidates(["evaluate", "structure=e"]) == ["structure=edges"]
    assert candidates(["prepare", "ch"]) == ["check"]
    assert candidates(["prepare", "cache", "qu"]) == ["quality="]
    assert candidates(["prepare", "cache", "data=roo"]) == ["data=rooms", "data=rooms_ood", "data=rooms_to_nyu"]
    assert candidates(["predict", "max"]) == ["max_depth="]
    assert candidates(["predict", "input=/"]) == []  # files are the shell's to complete
    assert candidates(["dashboards", "li2017/l"]) == ["li2017/losses"]
    assert candidates(["nonsense", ""]) == []
    for folder in ("runs/loss-l1-11112222", "runs/deep/loss-l2-33334444"):
        Path(folder).mkdir(parents=True)
        for name in ("config.yaml", "run.json"):
            (Path(folder) / name).touch()
    everything = ["run=latest", "run=runs/deep/loss-l2-33334444", "run=runs/loss-l1-11112222"]
    for command in ("evaluate", "predict", "export"):
        assert candidates([command, "run="]) == everything
        assert candidates([command, "run=33"]) == ["run=33334444"]


BASH = """
PATH="$1:$PATH"
eval "$(depthbench completion bash)"
complete -p depthbench
while IFS= read -r line; do
  COMP_LINE="$line"; COMP_POINT=${#line}; COMP_WORDS=($line); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
  _depthbench
  (IFS='|'; echo "${COMPREPLY[*]}")
done
"""


@pytest.fixture
def command(tmp_path):
    """The folder of a `depthbench` as it is installed."""
    script = tmp_path / "bin" / "depthbench"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m depthbench "$@"\n')
    script.chmod(0o755)
    return script.parent


def test_completion_in_bash(command, tmp_path):
    lines = {
        "depthbench ru": "run ",
        "depthbench run seed": "seed=",
        "depthbench run -m loss=l1,eig": "l1,eigen|l1,eigen_grad",  # bash replaces what is behind the `=`
        "depthbench run experiment=li": "li2017/convergence|li2017/losses|li2017/projections",
        "depthbench run data.root=/": "",
        "depthbench prepare ma": "manifest ",
        "depthbench predict ": "--help|" + "".join(f"{key}=|" for key in sorted(PREDICT_OPTIONS))[:-1],
    }
    done = subprocess.run(
        ["bash", "-c", BASH, "bash", str(command)],
        input="\n".join(lines) + "\n",
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    installed, *replies = done.stdout.splitlines()
    assert installed == "complete -o default -o nospace -F _depthbench depthbench" or "-F _depthbench" in installed
    assert dict(zip(lines, replies, strict=True)) == lines
    assert done.stderr == ""


def test_completion_in_zsh(command, tmp_path):
    import shutil

    zsh = os.environ.get("ZSH_FOR_TESTS") or shutil.which("zsh")
    if zsh is None:
        pytest.skip("needs zsh, which is not installed")
    code = """
    PATH="$1:$PATH"
    compdef() { print "compdef $*" }
    compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -r -- "${(j:|:)@}" }
    compset() { : }; _files() { print files }
    eval "$(depthbench completion zsh)"
    try() { words=("$@"); CURRENT=$#words; _depthbench }
    try depthbench ru; try depthbench run loss=l1,eig nothing
    try depthbench run loss=l1,eig; try depthbench run data.root=/; try depthbench prepare ma
    """
    done = subprocess.run([zsh, "-f", "-c", code, "zsh", str(command)], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "compdef _depthbench depthbench",
        "run",
        "files",
        "loss=l1,eigen|loss=l1,eigen_grad",
        "files",
        "manifest",
    ]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_scripts_are_printed(shell, capsys):
    assert main(["completion", shell]) == 0
    assert capsys.readouterr().out.rstrip() == SCRIPTS[shell]


def test_a_word_is_completed_soon(command, tmp_path):
    """Not a limit on a busy machine: CPU seconds of the whole process, which are 0.2 where it imports no torch."""
    before = os.times()
    subprocess.run([command / "depthbench", "completion", "--words", "run", "loss="], check=True, capture_output=True)
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 2

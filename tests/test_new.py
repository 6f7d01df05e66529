"""What `depthbench new` writes runs as it stands, and its checks see what is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from depthbench.new import KINDS, main, write_component
from depthbench.test_plugin import main as check_it

PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n0", "-c"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One package with a component of every kind, and a project of its own."""
    folder = tmp_path_factory.mktemp("new")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for kind in KINDS:
            name = f"kind_{kind}"
            write_component([kind, name] if kind == "plugin" else [kind, name, "--into", "all_kinds"])
    return folder


@pytest.mark.processes
def test_every_test_passes_as_written(written):
    """One process of pytest runs them all."""
    (written / "pytest.ini").write_text("[pytest]\n")
    command = [*PYTEST, "pytest.ini", "all_kinds/tests", "kind_plugin/tests"]
    done = subprocess.run(command, cwd=written, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "skipped" not in done.stdout
    assert len(list(written.glob("*/tests/test_*.py"))) == len(KINDS)


@pytest.mark.processes
def test_the_checks_run_on_a_plugin(written):
    command = [sys.executable, "-m", "depthbench", "test-plugin"]
    done = subprocess.run([*command, "all_kinds"], cwd=written, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(KINDS) - 1
    assert all(line.endswith("checks passed") for line in lines)
    assert "loss=kind_loss: 9 checks passed" in lines


BROKEN = {
    "loss": ("(prediction - target).abs() ** self.power", "((prediction - target) ** 2).sqrt()", "perfect prediction"),
    "network": ("self.head(self.body(image - 0.5))", "self.body(image)[:, :1].bfloat16()", "float32 under autocast"),
    "data": ("depth[None]", "torch.rand_like(depth[None])", "always the same"),
    "augment": ("rng.uniform(self.least, 1.0)", "np.random.rand()", "random only by"),
    "metric": (".abs(), valid", ".abs().amax(0, keepdim=True).expand(len(valid), 1), valid", "batches do not matter"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_component_is_seen(kind, tmp_path, monkeypatch, capsys):
    from depthbench.config import kinds, plugins

    monkeypatch.setattr(plugins, "_opened", {})
    monkeypatch.setattr(kinds, "_trusted", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    name, (good, bad, check) = f"bad_{kind}", BROKEN[kind]
    write_component([kind, name, "--into", f"{name}_package"])
    file = Path(f"{name}_package/{name}.py")
    assert good in file.read_text()
    file.write_text(file.read_text().replace(good, bad))
    capsys.readouterr()
    assert check_it([f"{name}_package"]) == 1
    told = capsys.readouterr().out
    assert "checks failed" in told
    assert check in told


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["los", "mine"], "There is no kind los; did you mean loss?"),
        (["loss"], "Give the kind and a name"),
        (["loss", "l1"], "loss=l1 exists already"),
        (["loss", "Mine"], "Mine can't be the name of a module of yours"),
        (["loss", "torch"], "torch can't be the name"),
        (["loss", "mine", "--into"], "--into needs a folder"),
        (["loss", "mine", "--into", "torch"], "torch can't be the name"),
        (["loss", "mine", "--into", "a-b"], "a-b can't be the name"),
        (["loss", "mine", "--into", "file"], "is a file"),
        (["loss", "twice"], "twice.py exists already"),
    ],
)
def test_mistakes(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    if "twice" in arguments:
        assert main(arguments) == 0
    assert main(arguments) == 2
    assert sentence in capsys.readouterr().err

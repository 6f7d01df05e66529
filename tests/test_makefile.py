"""The install: any Python from 3.11 on, no compiler, one sentence where that is not so."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from safetensors import safe_open

from depthbench.inference.network import untrained
from depthbench.run import check, typed

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("sh", "bash", "make", "cat", "env", "rm", "mkdir", "uname", "echo", "git")
pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


@pytest.fixture
def folder(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHON", "MAKEFLAGS", "MAKELEVEL")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=clean | environment, capture_output=True, text=True, check=False
    )


def python(folder: Path, version: str, code: int) -> Path:
    """An interpreter that answers like another version: ``code`` to every program, its version to --version."""
    script = folder / f"python{version}"
    script.write_text(f"#!/bin/sh\n[ \"$1\" = --version ] && echo 'Python {version}' && exit 0\nexit {code}\n")
    script.chmod(0o755)
    return script


def test_an_old_python_is_refused_in_one_sentence_before_anything_is_made(folder):
    found = make(folder, "install", f"PYTHON={python(folder, '3.10.13', 1)}")
    sentence, *rest = found.stderr.splitlines()
    assert sentence.startswith("depthbench needs Python 3.11 or newer, but ")
    assert "is Python 3.10.13; name another: make install PYTHON=" in sentence
    assert [line for line in rest if not line.startswith("make")] == []
    assert found.returncode == 2
    assert not (folder / ".venv").exists()


def test_a_missing_python_is_refused_in_one_sentence(folder):
    found = make(folder, "install", "PYTHON=python-that-is-not-there")
    assert "python-that-is-not-there is missing; name another" in found.stderr.splitlines()[0]
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize(
    ("stamp", "named", "anew"),
    [
        (None, False, True),  # nothing yet, or an install that did not end
        ("3.10", True, True),  # of another Python than the one that is named
        ("{0}.{1}", True, False),
        ("3.10", False, False),  # `make test` uses the environment that is there
    ],
)
def test_an_environment_of_another_python_is_made_anew(folder, stamp, named, anew):
    if stamp:
        (folder / ".venv").mkdir()
        (folder / ".venv" / ".installed").write_text(stamp.format(*sys.version_info) + "\n")
    found = make(folder, "-n", "install", *([f"PYTHON={sys.executable}"] if named else []))
    assert ("-m venv --clear .venv" in found.stdout) == anew, found.stdout + found.stderr


def test_the_default_install_holds_no_package_that_needs_a_compiler(folder):
    commands = make(folder, "-n", "install", f"PYTHON={sys.executable}").stdout
    assert "dev,launchers,dashboards,search,exr]" in commands
    assert "fast" not in commands
    assert "fast" in make(folder, "-n", "install-all", f"PYTHON={sys.executable}").stdout
    assert "6 GB" in commands  # size and time are said before the download


def test_a_release_is_given_its_version_and_the_environment_stays(folder):
    (folder / ".venv").mkdir()
    (folder / ".venv" / ".installed").write_text("{}.{}\n".format(*sys.version_info))
    found = make(folder, "-n", "release", "VERSION=0.2.0", f"PYTHON={sys.executable}").stdout
    assert found.rstrip().endswith('tools/release.py "0.2.0"')
    assert "-m venv" not in found


def test_the_site_of_a_version_stands_beside_those_of_others(folder):
    commands = make(folder, "-n", "docs-version").stdout
    assert "docs.site_pages build/pages --versions" in commands
    assert "mike deploy --config-file build/mkdocs.yml --update-aliases" in commands
    assert commands.count("newest") == 2  # the alias of this version, and where the root of the site leads
    assert make(folder, "-n", "docs-version", "ALIAS=old").stdout.count("newest") == 1


def test_every_room_with_a_floor_exists_and_is_measured(folder):
    commands = make(folder, "-n", "coverage").stdout
    measured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["run"]["source"]
    for room in measured:
        path = room.removeprefix("depthbench.").replace(".", "/")
        assert (ROOT / "src/depthbench" / path).is_dir()
        assert f"{path}=" in commands
    (floors,) = re.findall(r"^FLOORS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert len(floors.split()) == len(measured)
    assert make(folder, "-n", "coverage", "TESTS=tests/stats").stdout.count(" --cov-report= tests/stats\n") == 1
    assert all(50 <= int(floor.partition("=")[2]) <= 100 for floor in floors.split())  # a floor, not a formality


@pytest.mark.parametrize("released", [True, False])
def test_the_demo_starts_from_the_released_network_where_there_is_one(released, folder):
    """The wheel has no networks: there the same study starts from nothing."""
    if released:
        (folder / "networks").symlink_to(ROOT / "networks")
    lines = make(folder, "-n", "demo").stdout.splitlines()
    (line,) = [line for line in lines if "experiment=demo" in line]
    words = shlex.split(line)[4:]
    check(typed(["-m", *words])[0])
    starts = [word for word in words if word.startswith(("init=", "model."))]
    assert ("init=networks/rooms-mobilenetv2" in starts) == bool(starts) == released
    if released:
        net = untrained(*(word for word in starts if not word.startswith("init="))).net
        with safe_open(ROOT / "networks/rooms-mobilenetv2/model.safetensors", "pt") as file:
            assert {name: file.get_slice(name).get_shape() for name in file.keys()} == {  # noqa: SIM118
                name: list(value.shape) for name, value in net.state_dict().items()
            }
        assert any("start of networks/rooms-mobilenetv2" in line for line in lines)


def bare_path(folder: Path, interpreter: str) -> str:
    """A PATH with the tools that the README asks for, and no compiler."""
    tools = folder / "tools"
    tools.mkdir()
    for name in NEEDED:
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    (tools / "python3").symlink_to(interpreter)
    return str(tools)


def interpreters() -> dict[str, str]:
    """Real ones of the supported versions, by version."""
    found = {}
    for version in ("3.11", "3.12", "3.13"):
        places = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python{version}"))
        path = str(places[-1]) if places else shutil.which(f"python{version}")
        if path:
            found[version] = path
    return found


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_supported_python_resolves_without_a_compiler(version, tmp_path):
    interpreter = interpreters().get(version)
    if interpreter is None:
        pytest.skip(f"needs Python {version}, which is not installed")
    subprocess.run([interpreter, "-m", "venv", tmp_path / "venv"], check=True)
    command = [tmp_path / "venv" / "bin" / "pip", "install", "--dry-run", "--quiet", "--only-binary", ":all:"]
    command += ["--no-binary", "antlr4-python3-runtime,depthbench"]  # pure Python, without a wheel
    command += ["--constraint", ROOT / "constraints.txt", f"{ROOT}[dev,launchers,dashboards,search,exr]"]
    environment = {**os.environ, "PATH": bare_path(tmp_path, interpreter)}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
def test_a_real_install_needs_no_compiler(tmp_path):
    checkout = tmp_path / "checkout"
    subprocess.run(["git", "clone", "--quiet", ROOT, checkout], check=True)
    path = bare_path(tmp_path, sys.executable)
    assert shutil.which("g++", path=path) is None
    try:
        done = make(checkout, "install", PATH=path)
        assert done.returncode == 0, done.stdout + done.stderr
        where = [checkout / ".venv/bin/python", "-c", "import depthbench; print(depthbench.__file__)"]
        said = subprocess.run(where, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
        assert said.startswith(str(checkout))
    finally:
        shutil.rmtree(checkout / ".venv", ignore_errors=True)

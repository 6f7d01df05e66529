"""The wheel carries configurations and studies, and works outside a checkout."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def test_wheel_holds_every_configuration_and_study(wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())
    for file in (ROOT / "conf").rglob("*.yaml"):
        assert f"depthbench/{file.relative_to(ROOT)}" in packed
    for file in (*(ROOT / "experiments").rglob("*.yaml"), *(ROOT / "experiments").glob("*/published.csv")):
        assert f"depthbench/conf/experiment/{file.relative_to(ROOT / 'experiments')}" in packed
    assert "depthbench/py.typed" in packed


def test_wheel_holds_no_result_pages_and_nothing_twice(wheel):
    """Pages, pictures and descriptions of studies are for the repository: they were five sixths of the wheel."""
    packed = zipfile.ZipFile(wheel).namelist()
    assert len(set(packed)) == len(packed)
    assert not [name for name in packed if ("conf/" in name and "/results/" in name) or name.endswith("README.md")]
    assert not [name for name in packed if name.startswith("depthbench/experiments/")]
    endings = {Path(name).suffix for name in packed if ".dist-info/" not in name}
    assert endings <= {
        ".py",
        ".c",
        ".h",
        ".yaml",
        ".csv",
        ".typed",
        ".css",
        ".html",
        ".js",
        ".json",
        ".txt",
    }  # no pictures
    largest = max(zipfile.ZipFile(wheel).infolist(), key=lambda item: item.file_size)
    assert largest.file_size < 100_000, largest.filename


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """The Python of an empty environment that sees this one's dependencies but not this checkout."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    (here,) = {path for path in map(Path, sys.path) if path.name == "site-packages"}
    (site / "dependencies.pth").write_text(f"{here}\n")
    # The editable install of this checkout must not be what is found.
    where = "import depthbench; print(depthbench.__file__)"
    found = subprocess.run([python, "-c", where], cwd=folder, check=True, capture_output=True, text=True).stdout
    assert found.startswith(str(site))
    return python


ONNX = ("onnx", "onnxruntime", "onnxscript")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "left", "count", "packages"),
    [
        ("own_pairs", "runs/*/DONE", 5, ()),
        ("own_code", "runs/*/DONE", 2, ()),
        ("search", "runs/*/search.json", 5, ("optuna",)),
        ("foreign_models", ".predictions/*/*.npz", 12, ("transformers", *ONNX)),
        ("fine_tuning", "runs/*/DONE", 5, ()),
        ("export", "again/model.safetensors", 1, ONNX),
        ("notebook", "runs/*/DONE", 2, ()),
    ],
)
def test_journey(python, tmp_path, name, left, count, packages):
    """The script does what a user would type, and stops where a command does otherwise."""
    found = [pytest.importorskip(package, reason=f"this journey needs {package}") for package in packages]
    places = os.pathsep.join(str(Path(package.__file__).parents[1]) for package in found)
    script = [python, ROOT / f"examples/{name}.py", tmp_path / "journey"]
    environment = {**os.environ, "PYTHONPATH": places}
    done = subprocess.run(script, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert len(list((tmp_path / "journey").glob(left))) >= count


def test_installed_wheel_runs_from_another_folder(python, tmp_path):
    command = [python, "-m", "depthbench.run"]
    shown = subprocess.run([*command, "--cfg", "job"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert "_target_: depthbench.data.DataModule" in shown
    short = ["trainer=smoke", "logger=csv", "data.split=16", "data.size=[32,40]", "data.test_frames=4"]
    short += ["data.val_frames=2", "data.batch_size=4", "data.test_batch_size=2"]
    done = subprocess.run([*command, *short], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert "AbsRel" in done
    assert list(tmp_path.glob("runs/*/DONE"))

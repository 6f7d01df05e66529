"""The scripts of benchmarks/: each starts as its docstring says, from anywhere, and tells what it takes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = [one for one in sorted((ROOT / "benchmarks").glob("*.py")) if "__main__" in one.read_text(encoding="utf-8")]


def told(script: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a script in a folder that has nothing to do with it, and return its output."""
    return subprocess.run([sys.executable, script, "--help"], cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_benchmark_says_what_it_takes(script, tmp_path):
    found = told(script, tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("usage: ")


def test_a_script_that_imports_its_neighbors_finds_them():
    """Only the script's own folder is on the path of a script; importing it here is faster than starting it."""
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        if "from benchmarks" in text or "from tests" in text:
            assert "sys.path.insert" in text, f"{script.name} starts from its own folder only as a module."


def test_make_bench_names_scripts_that_are_there():
    (line,) = [
        one for one in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if one.startswith("SPEED :=")
    ]
    assert set(line.partition(":=")[2].split()) <= {script.stem for script in SCRIPTS}

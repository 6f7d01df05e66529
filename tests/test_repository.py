"""What is under version control: nothing that a command wrote into the folder of the repository."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    ".ci",
    ".github",
    "benchmarks",
    "conf",
    "docs",
    "examples",
    "experiments",
    "networks",
    "src",
    "tests",
    "tools",
}
FILES = {
    *(".dockerignore", ".gitattributes", ".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md", "CITATION.cff"),
    *("CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "Dockerfile", "LICENSE", "Makefile", "README.md", "SECURITY.md"),
    *("constraints.txt", "pyproject.toml"),
}


def git(*words: str) -> str:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no clone")
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_the_top_level_holds_known_names_only():
    """The page of a report, with its pictures, lands there by default: ``git add -A`` must not take it."""
    assert {path.partition("/")[0] for path in git("ls-files").splitlines()} <= FOLDERS | FILES


@pytest.mark.parametrize("name", ["report.html", "report_files/gallery.png", "runs/x/DONE"])
def test_results_of_commands_are_ignored(name):
    assert git("check-ignore", name).strip() == name

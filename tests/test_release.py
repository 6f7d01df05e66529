"""The release script: every reason against a release is named, and nothing is tagged before all are gone."""

import datetime
import importlib.util
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TODAY = datetime.date(2026, 12, 24)
spec = importlib.util.spec_from_file_location("release", ROOT / "tools" / "release.py")
release = importlib.util.module_from_spec(spec)
spec.loader.exec_module(release)


@pytest.fixture
def tree(tmp_path):
    """A repository that is ready for 0.3.0."""
    package = tmp_path / "src" / "depthbench"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""Package."""\n\n__version__ = "0.3.0"\n')
    (tmp_path / "CITATION.cff").write_text("cff-version: 1.2.0\nversion: 0.3.0\n")
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## 0.3.0 (2026-12-24)\n\n- New.\n\n## 0.2.0 (2026-12-01)\n\n- Old.\n"
    )
    release.git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commit(tmp_path)
    return tmp_path


def commit(tree: Path) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false"]
    release.git(tree, "add", ".")
    release.git(tree, *identity, "commit", "--quiet", "--message=x")


def replace(tree: Path, file: str, old: str, new: str) -> None:
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new))
    commit(tree)


def test_a_ready_tree_has_no_faults(tree):
    assert release.faults(tree, "0.3.0", TODAY) == []


@pytest.mark.parametrize("version", ["v0.3.0", "0.3", "0.3.0.1", "0.03.0", "", "latest"])
def test_a_word_that_is_no_version_is_refused(tree, version):
    (sentence,) = release.faults(tree, version, TODAY)
    assert "type MAJOR.MINOR.PATCH" in sentence


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "src/depthbench/__init__.py",
            "0.3.0",
            "0.2.9",
            "src/depthbench/__init__.py states version 0.2.9; write 0.3.0.",
        ),
        ("CITATION.cff", "version: 0.3.0", "version: 0.1.0", "CITATION.cff states version 0.1.0; write 0.3.0."),
        ("CHANGELOG.md", "0.3.0 (2026-12-24)", "0.3.0 (unreleased)", "is (unreleased); write ## 0.3.0 (2026-12-24)."),
        ("CHANGELOG.md", "## 0.3.0", "## 0.3.00", "has no section for it; write ## 0.3.0 (2026-12-24)."),
        ("CHANGELOG.md", "- New.\n", "", "for 0.3.0 is empty"),
    ],
)
def test_each_fault_is_one_sentence_with_its_remedy(tree, file, old, new, said):
    replace(tree, file, old, new)
    (sentence,) = release.faults(tree, "0.3.0", TODAY)
    assert said in sentence


def test_all_faults_are_named_at_once(tree):
    release.git(tree, "-c", "user.name=a", "-c", "user.email=a@b.invalid", "tag", "v0.3.0")
    release.git(tree, "switch", "--quiet", "--create", "side")
    (tree / "left.txt").write_text("over")
    found = "\n".join(release.faults(tree, "0.3.0", TODAY))
    for said in ("left.txt", "not from side", "The tag v0.3.0 exists"):
        assert said in found


def test_nothing_is_built_or_tagged_where_a_fault_is_left(tree, capsys):
    (tree / "left.txt").write_text("over")
    assert release.release(tree, "0.3.0") == 2
    assert "left.txt" in capsys.readouterr().err
    assert not (tree / "dist").exists()
    assert release.git(tree, "tag") == ""


def test_packages_are_checked_before_the_tag(tree, monkeypatch, capsys):
    run = subprocess.run
    monkeypatch.setattr(
        subprocess, "run", lambda words, **named: None if "build" in words else run(words, **named)
    )  # a build that makes nothing
    assert release.release(tree, "0.3.0") == 1
    assert "made no depthbench-0.3.0-py3-none-any.whl" in capsys.readouterr().err
    assert release.git(tree, "tag") == ""


def test_the_project_states_one_version():
    assert len(set(release.written_versions(ROOT).values())) == 1

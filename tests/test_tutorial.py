"""docs/tutorial.md: its commands are understood, and the slow test does the whole of it in an empty folder."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from depthbench.cli import COMMANDS
from depthbench.config.compose import group_options

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "tutorial.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
(SCRIPT,) = [text for language, text in BLOCKS if language == "python"]
LINES = [line for language, text in BLOCKS if not language for line in text.splitlines()]
COMMAND_LINES = [shlex.split(line)[1:] for line in LINES if line.startswith("depthbench ")]


def test_the_page_has_each_step_once():
    assert [words[0] for words in COMMAND_LINES] == ["prepare", "run", "report", "evaluate", "predict", "export"]
    assert all(words[0] in COMMANDS for words in COMMAND_LINES)


@pytest.mark.parametrize("words", [words for words in COMMAND_LINES if words[0] == "run"], ids=" ".join)
def test_its_options_exist(words):
    overrides = OverridesParser.create().parse_overrides([word for word in words[1:] if word != "-m"])
    for override in overrides:
        if (options := group_options(override.key_or_group)) and "." not in override.key_or_group:
            chosen = override.input_line.split("=", 1)[1].split(",")
            assert set(chosen) <= set(options)


def test_nothing_needs_a_quote_that_it_lacks():
    for line in LINES:
        bare = re.sub(r"'[^']*'", "", line.split("  #")[0])
        assert not re.search(r"[\[\]*?(){}~]", bare), line


@pytest.mark.slow
def test_all_of_it_in_an_empty_folder(tmp_path):
    (tmp_path / "make_pairs.py").write_text(SCRIPT)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for line in LINES:
        words = shlex.split(line, comments=True)
        if words[0] == "pip":
            continue
        start = [sys.executable, "-m", "depthbench"] if words[0] == "depthbench" else [sys.executable]
        done = subprocess.run(
            [*start, *words[1:]], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, line + done.stdout + done.stderr
    assert len(list(tmp_path.glob("runs/*/DONE"))) == 2
    assert len(list(tmp_path.glob("depth/**/*"))) >= 32
    assert (tmp_path / "page.html").is_file()
    assert (tmp_path / "net.onnx").is_file()

"""Every command of README exists, its words are known, and those of the first screen are run."""

import re
import shlex
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from depthbench.__main__ import COMMANDS
from depthbench.run import check, typed
from tests.commands import make_frames, run
from tests.test_own_code import outside

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"^```\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)


def commands(text):
    """The commands of a block as words, without comments and ``python -m``; lines that go on are one."""
    lines = text.replace("\\\n", " ").splitlines()
    return [
        re.sub(r"^python -m depthbench\.(\w+)", r"depthbench \1", line.split(" #")[0].strip()) for line in lines if line
    ]


EVERY = [line for block in BLOCKS for line in commands(block) if line.startswith("depthbench")]
RUNS = [line for line in EVERY if line.split()[1] == "run" and "--help" not in line and "plugins=" not in line]


def test_every_command_exists():
    assert len(EVERY) > 10
    assert {line.split()[1] for line in EVERY} <= set(COMMANDS)


def test_nothing_needs_quoting_in_a_shell():
    """zsh takes brackets, stars and question marks outside quotes for patterns of file names."""
    bare = [re.sub(r"'[^']*'|\"[^\"]*\"", "", line) for line in EVERY]
    assert not [line for line in bare if re.search(r"[\[\]*?]", line)]


@pytest.mark.parametrize("line", RUNS)
def test_the_words_of_run_are_known(line, tmp_path):
    words = shlex.split(line)[2:]
    if "init=latest" in words:  # that run is the reader's
        words.remove("init=latest")
    frames = make_frames(tmp_path, 1, 1) if any(word.startswith("data.root=") for word in words) else None
    words = [f"data.root={frames}" if word.startswith("data.root=") else word for word in words]
    words = ["data=rooms" if word == "data=..." else word for word in words]
    check(typed(words)[0])


@pytest.mark.slow
def test_the_first_screen_is_run(tmp_path):
    """But for ``make demo``, which the tests of the Makefile run."""
    _, sweep, evaluate = commands(BLOCKS[0])
    printed = run(tmp_path, *shlex.split(sweep)[2:], "trainer=smoke", "logger=csv", timeout=1200)
    assert len(list(tmp_path.glob("runs/*/DONE"))) == 12
    assert "depthbench report" in printed.splitlines()[-1]
    frames, predictions = make_nyu_frames(tmp_path / "frames"), tmp_path / "predictions"
    predictions.mkdir()
    for path in (frames / "test").glob("depth_*.png"):
        metres = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float32) / 1000
        np.save(predictions / path.stem.replace("depth_", ""), 1.1 * metres)
    places = {"predictions=FOLDER": f"predictions={predictions}", "data.root=FOLDER": f"data.root={frames}"}
    words = [places.get(word, word) for word in shlex.split(evaluate)[1:]]
    printed = outside(
        [sys.executable, "-m", "depthbench", "evaluate", *words[1:], "data.scale=0.001", "data.test_frames=2"], tmp_path
    )
    scores = {line.split()[0]: line for line in printed.splitlines() if line.strip()}
    assert "0.100" in scores["eigen"]  # AbsRel


def make_nyu_frames(root):
    """Two test pairs of NYUv2's size; one to train on, since the data set has both parts."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 1), ("test", 2)):
        (root / part).mkdir(parents=True)
        for index in range(count):
            depth = rng.uniform(1000, 8000, (480, 640)).astype(np.uint16)
            cv2.imwrite(str(root / part / f"rgb_{index:05d}.png"), np.zeros((480, 640, 3), np.uint8))
            cv2.imwrite(str(root / part / f"depth_{index:05d}.png"), depth)
    return root

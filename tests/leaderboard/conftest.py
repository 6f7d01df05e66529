"""A leaderboard of tiny networks on two sets of a few frames."""

import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from depthbench.config.compose_once import composing_once
from depthbench.evaluate import main
from depthbench.leaderboard import cell, fill

MODELS = "models=[near=python:networks:depth,far=python:networks:far,relative=python:networks:disparity]"


def sets(frames: Path) -> list[str]:
    return [
        "data=[nyu_labeled,folder]",
        f"data.nyu_labeled.root={frames}",
        "data.nyu_labeled.test_frames=null",
        f"data.folder.root={frames}",
        "data.folder.name=attic",
        "data.scale=0.001",
        "device=cpu",
    ]


@pytest.fixture(scope="session", autouse=True)
def _composed_once():
    """The commands of these tests compose the same few configurations again and again."""
    with composing_once():
        yield


@pytest.fixture(scope="session")
def frames(tmp_path_factory) -> Path:
    """Six test frames whose depth rises with the row, 40x48 pixels."""
    root, rng = tmp_path_factory.mktemp("frames"), np.random.default_rng(0)
    rows, columns = np.mgrid[:40, :48]
    for part, count in (("train", 1), ("test", 6)):
        (root / part).mkdir()
        for place in range(count):
            rgb = rng.integers(0, 255, (40, 48, 3), dtype=np.uint8)
            depth = 2.5 + 0.02 * rows + 0.2 * np.sin(columns / 5 + place) + 0.6 * rgb[..., 2] / 255
            cv2.imwrite(str(root / part / f"rgb_{place:05d}.png"), rgb)
            cv2.imwrite(str(root / part / f"depth_{place:05d}.png"), np.rint(1000 * depth).astype(np.uint16))
    return root


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with the networks, in which commands are typed."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(Path(__file__).with_name("networks.py"), tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    sys.modules.pop("networks", None)


@pytest.fixture
def here(monkeypatch) -> list[Path]:
    """Orders are carried out in this process, which costs no start; returns those that were."""
    done: list[Path] = []

    def run(self, orders, ended):
        for number, (order, log) in enumerate(orders):
            log.touch()
            done.append(order)
            ended(number, cell.main([str(order), "0"]))

    monkeypatch.setattr(cell, "die_with_parent", lambda parent: None)
    monkeypatch.setattr(fill.Work, "run", run)
    return done


@pytest.fixture
def evaluate(frames, capsys):
    """Type the command, with its output folder ``board``; status, and what it said."""

    def typed(*words: str) -> tuple[int, str, str]:
        models = [] if any(word.startswith("models=") for word in words) else [MODELS]
        code = main([*models, *sets(frames), *words, *([] if "output=" in "".join(words) else ["output=board"])])
        told = capsys.readouterr()
        return code, told.out, told.err

    return typed

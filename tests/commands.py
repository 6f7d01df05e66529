"""Running the commands as users do, on frames that the tests make themselves."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from tests.forked import Command

# A network and pictures as small as they get; what is tested is everything around them.
TINY_NET = ["model.encoder.name=test_resnet", "model.decoder.widths=[16,8,8,8]"]
TINY_TWO_STREAM = [
    "model=two_stream",
    "model.encoder.name=test_resnet",
    "model.encoder.taps=[layer2,layer3,layer4]",
    "model.encoder.pretrained=false",
    "model.units=16",
    "model.width=8",
]
TINY_RUN = [
    "data=nyu_labeled",
    "protocol=full",
    "data.scale=0.001",
    "data.size=[64,64]",
    "data.batch_size=4",
    "data.split=12",
    "data.val_frames=2",
    "data.test_frames=15",
    "trainer=cpu",
    "trainer.estimate=false",
    "logger=csv",
]
TINY = [*TINY_NET, *TINY_RUN]
TEST_FRAMES = 15


def make_frames(root: Path, train: int = 12, test: int = TEST_FRAMES) -> Path:
    """A folder of pictures in the layout of `data=nyu_labeled`."""
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("test", test)):
        (root / part).mkdir(parents=True)
        for index in range(count):
            rgb = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            depth = rng.uniform(1000, 5000, (64, 64)).astype(np.uint16)
            cv2.imwrite(str(root / part / f"rgb_{index:05d}.png"), rgb)
            cv2.imwrite(str(root / part / f"depth_{index:05d}.png"), depth)
    return root


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "depthbench.run", *arguments]


def start(folder: Path, *arguments: str, fresh: bool = False, **variables: str) -> subprocess.Popen | Command:
    """Start a command in a folder, with variables of the environment; ``fresh``: in an interpreter of its own."""
    variables = {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline", **variables}
    if not fresh:
        return Command(folder, arguments, variables)
    environment, pipe = {**os.environ, **variables}, subprocess.PIPE
    return subprocess.Popen(
        command(*arguments), cwd=folder, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
    )


def run(folder: Path, *arguments: str, code: int = 0, timeout: float = 300, fresh: bool = False) -> str:
    """Run a command in a folder, check its exit status, return what it printed."""
    try:
        return finish(start(folder, *arguments, fresh=fresh), code, timeout)
    except AssertionError as error:
        logs = "\n".join(log.read_text() for log in folder.glob("runs/*/log*.txt"))
        raise AssertionError(f"{error}\n{logs}") from None


def finish(process: subprocess.Popen | Command, code: int = 0, timeout: float = 300) -> str:
    """Wait for a command, check its exit status, return what it printed."""
    output, _ = process.communicate(timeout=timeout)
    assert process.returncode == code, output
    return output


def runs(folder: Path) -> dict[str, Path]:
    """Run folders by name."""
    return {json.loads(file.read_text())["name"]: file.parent for file in sorted(folder.glob("runs/*/run.json"))}


def status(run: Path) -> dict:
    return json.loads((run / "status.json").read_text())


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)

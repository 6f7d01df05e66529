"""Nothing that this environment can import has an effect when a configuration names it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("gadgets.py")


def tried(folder, share, *packages):
    command = [sys.executable, str(SCRIPT), str(folder), str(share), *packages]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "rigged" not in packages:
        assert [path.name for path in folder.iterdir()] == ["evil.pkl"]
    return json.loads(output.splitlines()[-1])


@pytest.mark.processes
def test_no_name_of_the_bench_is_a_gadget(tmp_path):
    report = tried(tmp_path, 0.02, "depthbench")
    assert report["tried"] > 10_000
    assert report["calls"] > 1000
    assert "depthbench.losses.L1" in report["allowed"]
    assert report["effects"] == []


@pytest.mark.processes
def test_a_gadget_would_be_seen(tmp_path):
    effects = tried(tmp_path, 0, "rigged")["effects"]
    assert {name for name, _ in effects} == {"rigged.Unpickles", "rigged.Writes", "rigged.Starts"}
    assert any(event.startswith("pickle.find_class") for _, event in effects)
    assert any(event.startswith("subprocess.Popen") for _, event in effects)


@pytest.mark.processes
def test_an_open_plugin_gives_its_components_and_nothing_else(tmp_path):
    report = tried(tmp_path, 1, "plugin")
    assert {"plugin.Mine", "plugin.Shift"} <= set(report["allowed"])
    # What it imports is found under its own name, too: ours stays what it is.
    assert set(report["allowed"]) <= {"plugin.Mine", "plugin.Shift", "plugin.L1", "plugin.Transform"}
    assert report["tried"] > 500
    assert report["effects"] == []


@pytest.mark.slow
def test_no_name_of_the_whole_environment_is_a_gadget(tmp_path):
    packages = ["depthbench", "torch.nn", "torch.optim", "torchmetrics", "albumentations", "pytorch_lightning"]
    report = tried(tmp_path, 1, *packages)
    assert report["tried"] > 500_000
    assert report["effects"] == []

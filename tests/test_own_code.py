"""A user's own loss, as README prints it, in a folder of the user's."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["model.encoder.name=test_resnet", "model.decoder.widths=[16,8,8,8]", "data.size=[32,40]", "data.split=16"]
SMALL += ["data.test_frames=4", "data.val_frames=2", "data.batch_size=4", "logger=csv", "trainer.estimate=false"]


def outside(command, folder):
    """Run a command in a folder that is not the checkout; its output."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    environment.pop("DEPTHBENCH_PLUGINS", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def add_a_loss(folder, training):
    """Do what the section of README says, word for word; files are named in the text before them."""
    section = (ROOT / "README.md").read_text().split("## Add a loss\n")[1].split("\n## ")[0]
    files, commands = [], []
    for before, kind, block in re.findall(r"(.*?)```(\w*)\n(.*?)```", section, re.DOTALL):
        if kind:
            (name,) = re.findall(r"`(mybench/\S+)`", before)
            assert (folder / name).is_file()  # the command has written it
            (folder / name).write_text(block)
            files.append(name)
            continue
        for line in block.splitlines():
            words = line.split()
            commands.append(words[1])
            if words[:2] == ["depthbench", "run"]:
                words = [*words, *SMALL] if training else []
            if words:
                program = ["-m", "depthbench"] if words[0] == "depthbench" else []
                output = outside([sys.executable, *program, *words[1:]], folder)
    return files, commands, output


@pytest.mark.processes
def test_a_loss_is_added_as_readme_says(tmp_path):
    files, commands, output = add_a_loss(tmp_path, training=False)
    assert [Path(name).suffix for name in files] == [".py", ".yaml", ".py"]
    assert commands == ["new", "-m", "test-plugin", "run"]
    assert output == "loss=charbonnier: 9 checks passed\n"


@pytest.mark.slow
def test_the_added_loss_is_trained(tmp_path):
    *_, output = add_a_loss(tmp_path, training=True)
    assert "AbsRel" in output
    assert "plugins=mybench" in output.splitlines()[-1]  # the next command needs it, too

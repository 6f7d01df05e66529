"""Help and mistakes are told without torch, which takes seconds to import."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from depthbench import run
try:
    run.main()
except SystemExit:
    pass
print("heavy:", sorted({"torch", "pytorch_lightning", "timm", "wandb", "matplotlib"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["los=l1"],
        ["loss=l9"],
        ["trainer.max_epochs=ten"],
        ["data=nyu_labeled", "data.root=missing"],
        ["-m", "data=nyu_labeled", "data.root=missing", "seed=0,1"],
        ["-m", "loss=l1,l9"],
        ["-m", "hydra/launcher=parallel", "hydra.launcher.n_jobs=0"],
    ],
)
def test_help_and_mistakes_wait_for_nothing_heavy(tmp_path, arguments):
    command = [sys.executable, "-c", SCRIPT, *arguments]
    output = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "heavy: []"

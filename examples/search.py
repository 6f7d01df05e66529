"""A search for loss and learning rate by Optuna: trials are run folders, bad ones are pruned, and it goes on.

    python examples/search.py FOLDER

Works in FOLDER with the commands that one would type; it ends with an error where a command does otherwise.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

SMALL = ["model.encoder.name=test_resnet", "model.decoder.widths=[16,8,8,8]", "data.size=[32,40]", "data.split=16"]
SMALL += ["data.test_frames=4", "data.val_frames=2", "data.batch_size=8", "trainer=cpu", "trainer.max_epochs=2"]
SMALL += ["trainer.estimate=false", "logger=csv"]
SEARCH = ["hydra/sweeper=optuna", "optim.optimizer.lr=tag(log,interval(1e-4,1e-2))", "loss=l1,berhu"]


def command(*words: object) -> str:
    """Run `depthbench ...`, which must succeed."""
    line = [str(word) for word in words]
    print(f"\n$ depthbench {shlex.join(line)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "depthbench", *line], capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, flush=True)
    if done.returncode:
        raise SystemExit(f"Not as expected: status {done.returncode}")
    return done.stdout


def journey() -> None:
    """Three trials, two more, and a report."""
    pruning = ["hydra.sweeper.pruner=median", "+hydra.sweeper.pruner_options.n_startup_trials=1"]
    first = command("run", "-m", *SEARCH, *pruning, "hydra.sweeper.n_trials=3", *SMALL)
    if "3 trials, " not in first:
        raise SystemExit("The search does not say how it ended.")

    # The same command with more trials goes on with the same study.
    again = command("run", "-m", *SEARCH, *pruning, "hydra.sweeper.n_trials=5", *SMALL)
    if "5 trials, " not in again or len(list(Path("runs").glob("*/search.json"))) != 5:
        raise SystemExit("The search began anew.")
    command("report", "runs", "--output", "report.html", "--no-figures")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    os.chdir(place)
    journey()

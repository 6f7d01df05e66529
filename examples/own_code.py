"""Your own loss and decoder, in a package of yours: written, checked, swept, scored, and seen by nobody uninvited.

    python examples/own_code.py FOLDER

Works in FOLDER with the commands that one would type; it ends with an error where a command does otherwise.
"""

import os
from pathlib import Path

from journeys import command, start

SMALL = ["model.encoder.name=test_resnet", "data.size=[32,40]", "data.split=16", "data.test_frames=4"]
SMALL += ["data.val_frames=2", "data.batch_size=4", "trainer=smoke", "trainer.estimate=false", "logger=csv"]


def journey() -> None:
    """From nothing to a report."""
    # Class, YAML and test of each, in the package `mybench`; they run as they stand.
    command("new", "loss", "power_loss", "--into", "mybench")
    command("new", "decoder", "thin", "--into", "mybench")
    command("test-plugin", "mybench")

    # A sweep of two jobs: a loss of depthbench and one's own, both with one's own decoder.
    command("run", "-m", "plugins=mybench", "loss=l1,power_loss", "model=thin", *SMALL)
    runs = sorted(path.parent for path in Path("runs").glob("*/DONE"))
    (own,) = [run for run in runs if "power_loss" in run.name]

    # Whoever is sent a run opens the package that it names, or not.
    refusal = "open its package with plugins=[mybench] (only if you trust it)"
    command("evaluate", f"run={own}", refused=refusal)
    command("evaluate", "plugins=mybench", f"run={own}", "protocol=rooms", "output=scores.json")
    os.environ["DEPTHBENCH_PLUGINS"] = "mybench"  # for all that follows
    command("export", f"run={own}", "output=net.onnx")
    del os.environ["DEPTHBENCH_PLUGINS"]
    command("report", "runs", "--output", "report.html", "--no-figures")  # needs nothing but the run folders


if __name__ == "__main__":
    start(journey, __doc__)

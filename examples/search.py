"""A search for loss and learning rate by Optuna: trials are run folders, bad ones are pruned, and it goes on.

    python examples/search.py FOLDER

Works in FOLDER with the commands that one would type; it ends with an error where a command does otherwise.
"""

from pathlib import Path

from journeys import command, expect, start

SMALL = ["model.encoder.name=test_resnet", "model.decoder.widths=[16,8,8,8]", "data.size=[32,40]", "data.split=16"]
SMALL += ["data.test_frames=4", "data.val_frames=2", "data.batch_size=8", "trainer=cpu", "trainer.max_epochs=2"]
SMALL += ["trainer.estimate=false", "logger=csv"]
SEARCH = ["hydra/sweeper=optuna", "optim.optimizer.lr=tag(log,interval(1e-4,1e-2))", "loss=l1,berhu"]


def journey() -> None:
    """Three trials, two more, and a report."""
    pruning = ["hydra.sweeper.pruner=median", "+hydra.sweeper.pruner_options.n_startup_trials=1"]
    first = command("run", "-m", *SEARCH, *pruning, "hydra.sweeper.n_trials=3", *SMALL)
    expect("3 trials, " in first, "The search does not say how it ended.")

    # The same command with more trials goes on with the same study.
    again = command("run", "-m", *SEARCH, *pruning, "hydra.sweeper.n_trials=5", *SMALL)
    goes_on = "5 trials, " in again and len(list(Path("runs").glob("*/search.json"))) == 5
    expect(goes_on, "The search began anew.")
    command("report", "runs", "--output", "report.html", "--no-figures")


if __name__ == "__main__":
    start(journey, __doc__)

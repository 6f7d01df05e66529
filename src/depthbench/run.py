"""Train and test one configuration; with ``-m`` a sweep. See ``--help``."""

import os
import sys

import hydra
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig

from depthbench.cli import asks_for_help
from depthbench.config.aliases import renew_overrides
from depthbench.config.compose import config_dir
from depthbench.config.mistakes import MISTAKES, explain
from depthbench.errors import UserError
from depthbench.launch.job import run_job
from depthbench.runs.folder import RunFolder, device_count
from depthbench.runs.ledger import Ledger
from depthbench.runs.results import read_scores

SHOWN = ("AbsRel", "RMSE", "log10", "delta1", "delta2", "delta3")

GROUPS = {
    "data": "what is learnt from and tested on",
    "augment": "what is done to training frames",
    "model": "the network",
    "loss": "what is minimized; it brings the kind of training that it needs",
    "optim": "optimizer and schedule",
    "trainer": "machine, precision, length of training",
    "protocol": "how predictions are scored",
    "logger": "where numbers and pictures go",
    "experiment": "a study of a paper",
    "scale": "how large a study is",
    "debug": "what to do when something is wrong",
}

HELP = """Train a depth network and test it:  python -m depthbench.run [group=option ...] [key=value ...]

Without arguments a small network learns from the built-in rooms on the machine at hand. Choose something else in
one of these groups:

{groups}

Every value can be changed: data.split=12k, optim.optimizer.lr=1e-4, trainer.max_epochs=20. `--cfg job` prints them all.

A sweep runs every combination, each job in a process of its own:
  python -m depthbench.run -m loss=l1,eigen,berhu,gan data.split=795,12k,230k
Started again, it skips what is done and continues what was interrupted. `hydra/launcher=submitit_slurm` sends the
jobs to a cluster.

For a quick look at whether everything runs, append trainer=smoke."""


def help_text() -> str:
    """Sentences, and the options of each group as they are on disk."""
    width = max(map(len, GROUPS))
    lines = []
    for group, meaning in GROUPS.items():
        lines += [f"  {group:<{width}}  {meaning}:", f"  {'':<{width}}  {', '.join(options(group)) or '-'}"]
    return HELP.format(groups="\n".join(lines))


def options(group: str) -> list[str]:
    """The names of a group's YAML files; of a paper's folder without the parts that its studies are made of."""
    folder = config_dir() / group
    files = [*folder.glob("*.yaml"), *folder.glob("*/*.yaml")]
    return sorted(str(file.relative_to(folder).with_suffix("")) for file in files)


def job(config: DictConfig) -> float | None:
    """One job, as Hydra calls it: here and now, or, in a sweep, in a process of its own. Returns AbsRel."""
    context = HydraConfig.get()
    folder = RunFolder.create(config, list(context.overrides.task), context.runtime.choices)
    if context.mode == RunMode.MULTIRUN:
        if run_job(folder, config.launch.timeout) and config.launch.fail_fast:
            raise SystemExit(1)
    else:
        run_alone(folder)
    return folder.read_json("DONE").get("score")


def run_alone(folder: RunFolder) -> None:
    """Run one configuration in this process, or one process per device where nobody has started them yet."""
    # Here and not above: torch takes seconds to import, and help or a mistake should be told at once.
    from depthbench.data.stream import check_shares
    from depthbench.launch.execute import execute

    launched = "RANK" in os.environ or int(os.environ.get("SLURM_NTASKS", "1")) > 1
    if folder.done and not launched:
        print(f"Done already; delete {folder.path} to run it again.")
    else:
        devices = device_count(folder.config)
        check_shares(folder.config.data.batch_size, devices)
        alone = launched or devices == 1
        code = execute(folder, progress_bar=True) if alone else run_job(folder, log=sys.stdout.buffer)
        if code:
            raise SystemExit(code)
    print(summary(folder))


def summary(folder: RunFolder) -> str:
    """The test scores, one line per protocol."""
    lines = [
        f"{protocol}: " + ", ".join(f"{name} {scores[name]:.3f}" for name in SHOWN if name in scores)
        for protocol, scores in read_scores(folder.path / "scores.json").items()
    ]
    return "\n".join(lines)


def check(arguments: list[str]) -> None:
    """Compose what the arguments ask for before Hydra does: a mistake gets a sentence with the nearest names."""
    overrides = [argument for argument in arguments if "=" in argument or argument.startswith("~")]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        known = compose("config", return_hydra_config=True)
        parsed = OverridesParser.create().parse_overrides(overrides)
        jobs = BasicSweeper.split_arguments(parsed, None)[0]
        try:
            for one in jobs:
                compose("config", overrides=one)
        except MISTAKES as error:
            raise UserError(explain(error, known)) from None


def main() -> None:
    """Entry point: one sentence and status 2 for a user's mistake."""
    arguments = sys.argv[1:]
    if asks_for_help(arguments):
        print(help_text())
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, not to Hydra's printer
    sys.argv[1:] = arguments = renew_overrides(arguments)
    try:
        check(arguments)
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="config")(job)()
    except MISTAKES as error:
        print(explain(error), file=sys.stderr)
        raise SystemExit(2) from None
    finally:
        if Ledger.current is not None:
            Ledger.current.close()
    if Ledger.current is not None and Ledger.current.failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

"""Train and test one configuration; with ``-m`` a sweep. See ``--help``."""

import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence

import hydra
from hydra import compose
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from depthbench.cli import GOES_ON, asks_for_help, command_line, next_step
from depthbench.config.aliases import renew_overrides
from depthbench.config.compose import composing, config_dir, group_options, is_group, readable
from depthbench.config.compose_once import composing_once
from depthbench.config.mistakes import MISTAKES, explain
from depthbench.config.needed_files import check_needed
from depthbench.config.targets import check_packages
from depthbench.config.values import check_kinds, check_values
from depthbench.errors import UserError
from depthbench.files import full_disk
from depthbench.launch import launcher
from depthbench.launch.exit_codes import USER_ERROR
from depthbench.launch.job import run_job
from depthbench.launch.leaving import leave
from depthbench.launch.moved import check_moved
from depthbench.launch.nodes import this_node
from depthbench.launch.stop_signals import stoppable
from depthbench.launch.warm.client import WarmServer
from depthbench.runs.checksums import read_done
from depthbench.runs.creation import unmake
from depthbench.runs.folder import RunFolder
from depthbench.runs.ledger import Ledger
from depthbench.runs.origin import following
from depthbench.runs.results import read_scores
from depthbench.search.sweeper import register_search

SHOWN = ("AbsRel", "RMSE", "log10", "delta1", "delta2", "delta3")

GROUPS = {
    "data": "data to train and test on",
    "augment": "changes of the training frames",
    "model": "the network",
    "loss": "the minimized loss; it brings the kind of training that it needs",
    "optim": "optimizer and schedule",
    "trainer": "machine, precision, length of training",
    "protocol": "how predictions are scored",
    "logger": "where numbers and pictures go",
    "experiment": "a study of a paper",
    "scale": "how large a study is",
    "debug": "settings for finding faults",
}

HELP = """Train a depth network and test it:  depthbench run [group=option ...] [key=value ...]

Without arguments a small network learns from the built-in rooms on the machine at hand. Choose something else in
one of these groups:

{groups}

Every value can be changed: data.split=12k, optim.optimizer.lr=1e-4, trainer.max_epochs=20. `--cfg job` prints them all.

A sweep runs every combination, each job in a process of its own:
  depthbench run -m loss=l1,eigen,berhu,gan data.split=795,12k,230k
Started again, it skips what is done and continues what was interrupted. `hydra/launcher=submitit_slurm` sends the
jobs to a cluster.

For a quick look at whether everything runs, append trainer=smoke."""


def help_text() -> str:
    """Sentences, and the options of each group as they are on disk."""
    width = max(map(len, GROUPS))
    lines = []
    for group, meaning in GROUPS.items():
        lines += [f"  {group:<{width}}  {meaning}:", f"  {'':<{width}}  {', '.join(group_options(group)) or '-'}"]
    return HELP.format(groups="\n".join(lines))


def job(config: DictConfig) -> float | None:
    """One job, as Hydra calls it: here and now, or, in a sweep, in a process of its own. Returns AbsRel."""
    try:
        return _job(config)
    except MISTAKES as error:  # here, since Hydra would print the job's overrides first
        print(explain(error), file=sys.stderr, flush=True)
        raise SystemExit(2) from None


def _job(config: DictConfig) -> float | None:
    context = HydraConfig.get()
    folder = RunFolder.create(config, list(context.overrides.task), context.runtime.choices)
    check_moved(folder, config)
    if context.mode == RunMode.MULTIRUN:
        failed = run_job(folder, config.launch.timeout) and folder.status["state"] != "pruned"
        if failed and config.launch.fail_fast:
            raise SystemExit(1)
    else:
        try:
            run_alone(folder)
        except UserError:
            if "RANK" not in os.environ:
                unmake(folder.path)
            raise
    return read_done(folder.path).get("score")


def run_alone(folder: RunFolder) -> None:
    """Run one configuration in this process, or one process per device where nobody has started them yet."""
    # Here and not above: torch takes seconds to import, and help or a mistake should be reported at once.
    from depthbench.data.stream import check_shares
    from depthbench.launch.execute import execute
    from depthbench.training.devices import check_accelerator, device_count

    launched = "RANK" in os.environ
    nodes = folder.config.trainer.num_nodes
    node = None if launched else this_node(nodes)
    if folder.done and not launched:
        print(" ".join(filter(None, ["Done already.", folder.other_code(), f"Delete {folder.path} to run it again."])))
    else:
        check_accelerator(folder.config.trainer.accelerator)  # before there are several processes to say it
        devices = device_count(folder.config)
        check_shares(folder.config.data.batch_size, devices * nodes)
        if launched or devices * nodes == 1:
            code = execute(folder, progress_bar=True)
            if code == USER_ERROR and not launched:
                unmake(folder.path)
        else:
            with stoppable():
                code = run_job(folder, log=sys.stdout.buffer)
        if code:
            raise SystemExit(code)
    if node is not None and node.rank > 0:
        return
    print(summary(folder))
    if int(os.environ.get("RANK", "0")) == 0:
        next_step("predict", f"run={folder.path}", "input=PHOTO", "output=FOLDER")


def summary(folder: RunFolder) -> str:
    """The test scores, one line per protocol."""
    lines = [
        f"{protocol}: " + ", ".join(f"{name} {scores[name]:.3f}" for name in SHOWN if name in scores)
        for protocol, scores in read_scores(folder.path / "scores.json").items()
    ]
    return "\n".join(lines)


def typed(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Hydra's options among the arguments, and the arguments as Hydra reads them: options first, paths in quotes.

    Raises:
        UserError: if options can't go together, or one is Hydra's own way to install completion.
    """
    options = get_args_parser().parse_intermixed_args(list(arguments))
    if options.shell_completion:
        raise UserError('Completion is installed by another command: eval "$(depthbench completion bash)", or zsh.')
    alone = {"-m": options.multirun, "--cfg": options.cfg, "--info": options.info, "--run": options.run}
    given = [name for name, value in alone.items() if value]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} can't go together; leave one out.")
    overrides = list(options.overrides)
    flags = list(arguments)
    for override in overrides:
        flags.remove(override)
    options.overrides = readable(overrides)
    return options, [*flags, *options.overrides]


def check(options: Namespace) -> None:
    """Compose the configuration before Hydra does: a mistake gets a sentence with the nearest names.

    Of a sweep every option of every group is tried; its jobs are composed when they are listed.

    Raises:
        UserError: for any mistake.
    """
    with composing():
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        known = None
        try:
            parsed = parser.parse_overrides(options.overrides)
            chosen = [one for one in parsed if is_group(one.key_or_group) and not one.is_delete()]
            known = compose("config", _jobs(chosen)[0])
            sweep = options.multirun or any(one.input_line == "hydra.mode=MULTIRUN" for one in parsed)
            if sweep:
                _check_searched(parsed)
            for one in [] if sweep else parsed:
                _check_single(one, known)
            check_kinds(known, parsed)
            for job_overrides in _jobs(parsed):
                config = compose("config", overrides=job_overrides)
                check_values(config)
                check_packages(config)
                if not (sweep or options.cfg or options.info):  # jobs of a sweep may run on other machines
                    OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
                    check_needed(config)
        except RecursionError:
            raise UserError(
                "A YAML includes itself through its defaults; copy the keys that it needs into it, and remove that "
                "default."
            ) from None
        except MISTAKES as error:
            raise UserError(explain(error, known or compose("config"))) from None


def _jobs(parsed: Sequence[Override]) -> list[list[str]]:
    """The fewest jobs that have every option of every group; of values the first."""
    columns = [
        [f"{one.get_key_element()}={value}" for value in values_of(one)] or [str(one.input_line)] for one in parsed
    ]
    groups = [column for one, column in zip(parsed, columns, strict=True) if is_group(one.key_or_group)]
    count = max(map(len, groups), default=1)
    return [[column[index % len(column)] for column in columns] for index in range(count)]


def _check_searched(parsed: Sequence[Override]) -> None:
    """A range is no list of values: Hydra's own sweeper can't run it."""
    searched = [one for one in parsed if one.is_interval_sweep()]
    chosen = [str(one.input_line) for one in parsed if one.key_or_group == "hydra/sweeper"]
    if not searched:
        return
    config = compose("config", chosen, return_hydra_config=True)
    if str(config.hydra.sweeper._target_).endswith(".BasicSweeper"):
        raise UserError(f"{searched[0].input_line} is a range to search in; add hydra/sweeper=optuna to the command.")


def values_of(override: Override) -> list[str]:
    """The values of a sweep; the ends of a range; nothing if there is no sweep."""
    value = override.value()
    if isinstance(value, IntervalSweep):
        return [str(value.start), str(value.end)]
    return list(override.sweep_string_iterator()) if override.is_discrete_sweep() else []


def _check_single(override: Override, known: DictConfig) -> None:
    """Outside of a sweep a value with commas is a slip: of a list, or of ``-m``."""
    if override.is_interval_sweep():
        raise UserError(
            f"{override.input_line} is a range to search in; add -m and hydra/sweeper=optuna to the command."
        )
    if not override.is_choice_sweep():
        return
    key, _, text = str(override.input_line).partition("=")
    if OmegaConf.is_list(OmegaConf.select(known, key, throw_on_missing=False)):
        raise UserError(f"{key}={text} is not a list; write '{key}=[{text}]'.")
    raise UserError(f"{key}={text} asks for several runs; add -m to the command to have them all.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: one sentence and status 2 for a user's mistake."""
    arguments = command_line(arguments)
    if asks_for_help(arguments):
        print(help_text())
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, not to Hydra's printer
    try:
        options, rest = typed(following(renew_overrides(arguments)))
        sys.argv = [sys.argv[0], *rest]  # Hydra's launchers and the record of a run look there
        launcher.register()
        register_search()
        with composing_once():
            check(options)
            hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="config")(job)()
    except MISTAKES as error:
        print(explain(error), file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:  # Hydra writes files, too
        sentence = full_disk(error)
        if sentence is None:
            raise
        print(sentence, file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print(GOES_ON, file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        WarmServer.stop()
        if Ledger.current is not None:
            Ledger.current.close()
    if Ledger.current is not None and Ledger.current.failures:
        raise SystemExit(1)
    if Ledger.current is not None and Ledger.current.folders:
        places = sorted({str(folder.path.parent) for folder in Ledger.current.folders})
        next_step("report", *places, "--output", "report.html")


def command() -> None:
    """The command, and the end of its process."""
    status: object = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code
    except BaseException:
        traceback.print_exc()
        status = 1
    leave(status if isinstance(status, int) else int(status is not None))


if __name__ == "__main__":
    command()

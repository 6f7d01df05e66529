"""W&B dashboards as code: ``depthbench dashboards STUDY`` saves a workspace for a study of ``experiments/``.

It shows runs begun with ``experiment=STUDY``, grouped by the keys that the study sweeps, seeds together. Without a key
the same definition is checked and, with ``--json``, written to a file.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from hydra import compose

from depthbench.cli import command_line, exit_status
from depthbench.config.compose import composing, readable
from depthbench.config.mistakes import MISTAKES, explain
from depthbench.errors import UserError
from depthbench.files import write_atomically

SCORES = ("AbsRel", "RMSE", "log10", "delta1")


@dataclass(frozen=True)
class Dashboard:
    """Contents of a study's dashboard.

    Attributes:
        study: as in ``experiment=``.
        groups: keys of the W&B configuration by which runs are grouped.
        protocol: under which the scores are shown.
        project: W&B project.
        entity: W&B user or team; None for the key's own.
    """

    study: str
    groups: tuple[str, ...]
    protocol: str
    project: str
    entity: str | None

    @property
    def scores(self) -> list[str]:
        """The test scores shown, as they are logged."""
        return [f"test/{self.protocol}/{name}" for name in SCORES]


def dashboard(study: str, overrides: Sequence[str] = ()) -> Dashboard:
    """Read a study: its swept keys and its protocol.

    Raises:
        UserError: if there is no such study, or an override does not fit it.
    """
    try:
        with composing():
            config = compose("config", [f"experiment={study}", *readable(overrides)], return_hydra_config=True)
    except MISTAKES as error:
        raise UserError(explain(error)) from None
    choices = config.hydra.runtime.choices
    swept = [key for key in config.hydra.sweeper.params or {} if key != "seed"]
    groups = tuple(f"choices.{key}" if key in choices else str(key) for key in swept)
    logger = config.logger
    project, entity = logger.get("project") or "depthbench", logger.get("entity")
    return Dashboard(study, groups, str(config.protocol.name), str(project), entity)


def workspace(board: Dashboard, entity: str) -> Any:
    """The dashboard as a W&B workspace, not saved yet.

    Raises:
        UserError: if the package for it is not installed.
    """
    try:
        expr, wr, ws = (import_module(f"wandb_workspaces.{name}") for name in ("expr", "reports.v2", "workspaces"))
    except ImportError:
        raise UserError("Dashboards need one package more: pip install 'depthbench[dashboards]'.") from None
    bars = [wr.BarPlot(title=name, metrics=[name]) for name in board.scores]
    names = ("val/AbsRel", "val/RMSE", "train/loss", "speed/images_per_second")
    lines = [wr.LinePlot(title=name, x="Step", y=[name], groupby_rangefunc="minmax") for name in names]
    terms = [wr.LinePlot(title=name, x="Step", metric_regex=f"^{name}/.*") for name in ("terms", "weights")]
    time = wr.ScatterPlot(title="error against time", x="Runtime", y=wr.SummaryMetric(board.scores[0]), log_x=True)
    pictures = [wr.MediaBrowser(title=name, media_keys=[name]) for name in ("panels/test", "panels/val")]
    sections = [
        ws.Section(name="Scores", panels=[*bars, time], is_open=True, pinned=True),
        ws.Section(name="Convergence", panels=lines, is_open=True),
        ws.Section(name="Terms of the loss", panels=terms),
        ws.Section(name="Pictures", panels=pictures, is_open=True),
    ]
    runs = ws.RunsetSettings(
        filters=expr.And(ws.Config("study") == board.study),
        groupby=[ws.Config(key) for key in board.groups],
        pinned_columns=[f"summary:{name}" for name in board.scores],
    )
    return ws.Workspace(entity=entity, project=board.project, name=board.study, sections=sections, runset_settings=runs)


def definition(space: Any) -> dict[str, Any]:
    """The workspace in W&B's own model, which checks every field."""
    content: dict[str, Any] = space._to_model().model_dump(mode="json", by_alias=True)
    return content


def main(arguments: Sequence[str] | None = None) -> int:
    """Save or check the dashboard; 0 if that went well, 2 after a user's mistake."""
    command = argparse.ArgumentParser(
        prog="depthbench dashboards", description="Save or check a study's W&B workspace."
    )
    command.add_argument("study", help="as in experiment=STUDY, such as carvalho2018/dataset_size")
    command.add_argument("overrides", nargs="*", help="of the configuration, such as logger.project=mine")
    command.add_argument("--json", metavar="FILE", help="also write the definition")
    options = command.parse_args(command_line(arguments))
    return exit_status(lambda: save_dashboard(options), "Stopped before the dashboard was saved.")


def save_dashboard(options: argparse.Namespace) -> None:
    """Save the dashboard, or without a key check it; the definition as JSON where that is asked for."""
    board = dashboard(options.study, options.overrides)
    # Here and not above: they take seconds to import, and help or a mistake should be reported at once.
    from wandb.errors import Error as WandbError

    from depthbench.training.loggers import has_key

    try:
        _save(board, has_key(), options)
    except WandbError as error:
        raise UserError(str(error)) from None


def _save(board: Dashboard, key: bool, options: argparse.Namespace) -> None:
    space = workspace(board, board.entity or (_own_entity() if key else "nobody"))
    content = definition(space)
    if options.json:
        write_atomically(Path(options.json), json.dumps(content, indent=1) + "\n")
    if key:
        print(space.save().url)
    else:
        print(f"The dashboard of {board.study} is sound; to save it, run `wandb login` and this command again.")


def _own_entity() -> str:
    import wandb

    return str(wandb.Api().default_entity)


if __name__ == "__main__":
    sys.exit(main())

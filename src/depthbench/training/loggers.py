"""Where numbers go: a CSV table in the run folder always, Weights & Biases if wanted."""

import csv
import io
import netrc
import os
import socket
from argparse import Namespace
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from pytorch_lightning.loggers import Logger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from depthbench.errors import UserError
from depthbench.files import write_atomically


class MetricsTable(Logger):
    """``metrics.csv``: one row per step at which something was logged, one column per name.

    A continued run keeps the rows of what it keeps: those up to the step of its checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.path = folder / "metrics.csv"
        self.columns = ["epoch", "step"]
        self.rows: list[dict[str, Any]] = []
        if self.path.is_file():
            with self.path.open(newline="") as file:
                reader = csv.DictReader(file)
                self.columns = list(reader.fieldnames or self.columns)
                self.rows = list(reader)

    @property
    def name(self) -> str:
        """Lightning's name for the logger."""
        return "csv"

    @property
    def version(self) -> str:
        """Lightning's version of the run."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The configuration lies beside the table already."""

    def column(self, name: str) -> list[float]:
        """What was logged under a name, in order."""
        return [float(row[name]) for row in self.rows if row.get(name) not in (None, "")]

    @rank_zero_only
    def keep_until(self, epoch: int, step: int) -> None:
        """Forget what was logged after this epoch and step."""
        self.rows = [row for row in self.rows if int(row["epoch"] or 0) <= epoch and int(row["step"]) <= step]
        self._rewrite()

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append to the row of this step."""
        row = {"step": step or 0, **{key: float(value) for key, value in metrics.items()}}
        if "epoch" in row:
            row["epoch"] = int(row["epoch"])
        self.rows.append(row)
        new = [key for key in row if key not in self.columns]
        if new:
            self.columns += new
            self._rewrite()
        else:
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, self.columns).writerow(row)

    def _rewrite(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.path, text.getvalue())


def wandb_logger(
    folder: Path, name: str, run_id: str, config: dict[str, Any], mode: str = "auto", **arguments: Any
) -> WandbLogger:
    """A W&B run that belongs to a run folder: same id whenever the folder is continued.

    Args:
        folder: the run folder, where W&B keeps its files too.
        name: shown in W&B.
        run_id: the folder's id.
        config: the resolved configuration.
        mode: ``online``, ``offline``, ``disabled``, or ``auto``: online where there is a key and a network.
        **arguments: project, entity, group, tags.
    """
    if mode not in ("auto", "online", "offline", "disabled"):
        raise UserError(f"logger.mode={mode} is unknown; choose auto, online, offline or disabled.")
    if mode == "auto":
        mode = os.environ.get("WANDB_MODE") or ("online" if has_key() and _reachable() else "offline")
    os.environ.setdefault("WANDB_SILENT", "true")
    places: dict[str, Any] = {"name": name, "id": run_id, "save_dir": str(folder), "resume": "allow", "mode": mode}
    return WandbLogger(**places, config=config, log_model=False, **arguments)


def _host() -> str:
    return urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""


def has_key() -> bool:
    """Whether W&B would find a key: in the environment or in .netrc."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(_host()) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _reachable() -> bool:
    try:
        socket.create_connection((_host(), 443), timeout=3).close()
    except OSError:
        return False
    return True

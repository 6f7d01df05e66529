"""``metrics.csv`` in the run folder."""

import csv
import io
import os
from argparse import Namespace
from pathlib import Path
from typing import Any, Self

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from depthbench.errors import UserError
from depthbench.files import told_unwritable, write_atomically
from depthbench.input_files import read_table
from depthbench.runs.checksums import RowsChecksum, check_rows


class MetricsTable(Logger):
    """``metrics.csv``: one row per step at which something was logged, one column per name.

    ``step`` counts the optimizer steps of the network from 0. A continued run keeps as many
    rows as its checkpoint has counted.

    Args:
        folder: the run folder.

    Raises:
        UserError: if the table of an earlier start can't be read.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.path = Path(folder) / "metrics.csv"
        self.columns = ["epoch", "step"]
        self.rows: list[dict[str, Any]] = []
        if self.path.is_file():
            self._read()
        self._sum = RowsChecksum(self.rows)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_sum"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._sum = RowsChecksum(self.rows)

    @property
    def checksum(self) -> str:
        """The checksum of all rows, for a checkpoint."""
        return self._sum.value

    @classmethod
    def of(cls, trainer: pl.Trainer) -> Self:
        """The table among a trainer's loggers."""
        return next(logger for logger in trainer.loggers if isinstance(logger, cls))

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
        """Values logged under a name, in order."""
        return [float(row[name]) for row in self.rows if row.get(name) not in (None, "")]

    @rank_zero_only
    def keep(self, count: int, checksum: str | None = None) -> None:
        """Forget all rows but the first ones, and the columns that only the forgotten ones had.

        Args:
            count: of rows to keep.
            checksum: that they had; None where it is not known.

        Raises:
            UserError: if there are fewer in a table that is there, or others.
        """
        if count > len(self.rows) and self.path.is_file():
            raise UserError(
                f"{self.path} has {len(self.rows)} rows, but had {count} when the checkpoint was saved; delete it to "
                "go on without the earlier rows."
            )
        check_rows(self.path, self.rows[:count], checksum)
        if count == len(self.rows):
            return
        self.rows = self.rows[:count]
        self._sum = RowsChecksum(self.rows)
        kept = {key for row in self.rows for key, value in row.items() if value not in (None, "")}
        self.columns = [key for key in self.columns if key in kept or key in ("epoch", "step")]
        self.rows = [{key: row[key] for key in self.columns if key in row} for row in self.rows]
        self._rewrite()

    def rows_until(self, steps: int) -> int:
        """Number of rows about the first so many steps."""
        later = (place for place, row in enumerate(self.rows) if int(row["step"]) >= steps)
        return next(later, len(self.rows))

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append to the row of this step.

        Raises:
            UserError: if the disk is full.
        """
        row = {"step": step or 0, **{key: float(value) for key, value in metrics.items()}}
        if "epoch" in row:
            row["epoch"] = int(row["epoch"])
        self.rows.append(row)
        self._sum.add(row)
        new = [key for key in row if key not in self.columns]
        if new or not self.path.is_file():
            self.columns += new
            self._rewrite()
        else:
            with told_unwritable(self.path), self.path.open("a", newline="") as file:
                csv.DictWriter(file, self.columns).writerow(row)

    @rank_zero_only
    def sync(self) -> None:
        """Have the rows written to disk, before a checkpoint that counts them."""
        if self.path.is_file():
            with told_unwritable(self.path), self.path.open("rb") as file:
                os.fsync(file.fileno())

    def _read(self) -> None:
        try:
            header, *rows = read_table(self.path) or [[]]
            self.columns = header or self.columns
            sound = {"epoch", "step"} <= set(self.columns)
        except UserError:
            sound = False
        if not sound:
            raise UserError(f"{self.path} is not a table of metrics; delete it to go on without the earlier rows.")
        # A last row without an end was cut off by whatever interrupted the run: no checkpoint counts it.
        named = [dict(zip(self.columns, row, strict=True)) for row in rows if len(row) == len(self.columns)]
        self.rows = [row for row in named if row["step"].isdigit()]

    def _rewrite(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.path, text.getvalue())

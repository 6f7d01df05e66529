"""TensorBoard, whose steps are not repeated where a run goes on from its checkpoint (an optional package)."""

from collections.abc import Mapping, Sequence
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only


class TensorBoard(TensorBoardLogger):
    """Lightning's logger; arguments as there."""

    @rank_zero_only
    def keep(self, rows: Sequence[Mapping[str, Any]], forgotten: Sequence[Mapping[str, Any]]) -> None:
        """Have TensorBoard hide everything from the first forgotten step on, and show the kept numbers of it anew.

        Pictures of that step are shown anew only where they are made again.

        Args:
            rows: of ``metrics.csv`` that a continued run keeps.
            forgotten: those after them, which it makes again.
        """
        if not forgotten:
            return
        first = min(int(row["step"]) for row in forgotten)
        if self._experiment is not None:
            self._experiment.close()
            self._experiment = None
        self._kwargs["purge_step"] = first
        for row in rows:
            if int(row["step"]) >= first:
                numbers = {key: float(value) for key, value in row.items() if key != "step" and value not in (None, "")}
                self.log_metrics(numbers, int(row["step"]))

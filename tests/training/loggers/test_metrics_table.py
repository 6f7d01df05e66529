"""``metrics.csv`` on a disk that is full."""

import errno
from pathlib import Path

import pytest

from depthbench.errors import UserError
from depthbench.training.loggers import MetricsTable


def test_a_row_for_which_there_is_no_room_is_told_in_a_sentence(tmp_path, monkeypatch):
    table = MetricsTable(tmp_path)
    table.log_metrics({"train/loss": 1.0}, 0)

    def full(*arguments, **named):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(UserError, match=r"metrics\.csv can't be written: the disk is full"):
        table.log_metrics({"train/loss": 0.5}, 1)

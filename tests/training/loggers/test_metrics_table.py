"""``metrics.csv`` on a disk that is full."""

import errno
import pickle
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


def test_a_process_that_starts_anew_goes_on_with_the_rows(tmp_path):
    table = MetricsTable(tmp_path)
    table.log_metrics({"loss": 0.5, "epoch": 0}, step=1)
    other = pickle.loads(pickle.dumps(table))
    for one in (table, other):
        one.log_metrics({"loss": 0.25, "epoch": 0}, step=2)
    assert other.rows == table.rows
    assert other.checksum == table.checksum

"""Two processes of a group, as torchrun would start them."""

from depthbench.training.callbacks import status_reporter
from tests import forked


def on_two_processes(work, place, *arguments, seconds=900):
    """Call ``work(place, rank, *arguments)`` in both, and fail with what they told if one fails."""
    forked.on_two_processes(place, _process, work, place, arguments, seconds=seconds)


def _process(rank, work, place, arguments):
    status_reporter.INTERVAL = 0  # a row of the table for every step, whatever the machine does
    work(place, rank, *arguments)

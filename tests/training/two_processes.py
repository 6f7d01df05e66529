"""Two processes of a group, as torchrun would start them."""

import multiprocessing
import os
import socket
import traceback

import torch

from depthbench.training.callbacks import status_reporter


def on_two_processes(work, place, *arguments, seconds=900):
    """Call ``work(place, rank, *arguments)`` in both, and fail with what they told if one fails."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_process, args=(rank, port, work, place, arguments)) for rank in (0, 1)]
    for one in both:
        one.start()
    for one in both:
        one.join(seconds)
    codes = [one.exitcode for one in both]
    for one in both:
        one.kill()
    assert codes == [0, 0], "".join(file.read_text() for file in sorted(place.glob("failed*")))


def _process(rank, port, work, place, arguments):
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test"}
    torch.set_num_threads(1)
    status_reporter.INTERVAL = 0  # a row of the table for every step, whatever the machine does
    try:
        torch.distributed.init_process_group("gloo")
        work(place, rank, *arguments)
    except BaseException as error:
        (place / f"failed{rank}").write_text("".join(traceback.format_exception(error)))
        os._exit(1)

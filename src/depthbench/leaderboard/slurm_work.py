"""The cells of a leaderboard as jobs of SLURM: each is sent once, and waited for until the queue has it no more."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from depthbench.cores import threads_of_each
from depthbench.errors import UserError
from depthbench.files import read_json, write_atomically
from depthbench.launch import slurm_sweep
from depthbench.launch.processes import FreshProcess, environment_alone
from depthbench.launch.slurm import queue
from depthbench.leaderboard.cell import OUTCOME
from depthbench.leaderboard.work import MODULE

SENT = ".slurm"  # beside an order: the job that has it

SendOrders = Callable[[Sequence[tuple[str, str]]], list[str]]
"""Orders and logs -> jobs of SLURM."""


class SlurmWork:
    """Runs orders, a job of SLURM for each; takes the place of :class:`~depthbench.leaderboard.work.Work`.

    Args:
        send: sends orders as one array.
    """

    def __init__(self, send: SendOrders) -> None:
        self.send = send

    def run(self, orders: Sequence[tuple[Path, Path]], ended: Callable[[int, int], None]) -> None:
        """Send the groups that are not in the queue, and wait for all; arguments as for ``Work.run``.

        Raises:
            UserError: if SLURM doesn't say which jobs it has: they might be sent twice.
        """
        known = queue()
        if known is None:
            raise UserError("SLURM doesn't say which jobs it has (squeue --me); is this a machine of the cluster?")
        jobs = {place: _sent(order) for place, (order, _) in enumerate(orders)}
        missing = [place for place, job in jobs.items() if job not in known]
        for start in range(0, len(missing), slurm_sweep.ARRAY):
            part = missing[start : start + slurm_sweep.ARRAY]
            sent = self.send([(str(orders[place][0]), str(orders[place][1])) for place in part])
            for place, job in zip(part, sent, strict=True):
                write_atomically(orders[place][0].with_suffix(SENT), job, durable=False)
                jobs[place] = job
            print(f"Sent to SLURM: {sent[0]}{f' to {sent[-1]}' if len(sent) > 1 else ''}.", flush=True)
        try:
            self._wait(orders, jobs, ended)
        except KeyboardInterrupt:
            left = " ".join(sorted({str(job) for job in jobs.values()}))
            print(
                f"The jobs stay in SLURM's queue; the same command waits for them, and this ends them: scancel {left}"
            )
            raise

    def _wait(
        self, orders: Sequence[tuple[Path, Path]], jobs: dict[int, str], ended: Callable[[int, int], None]
    ) -> None:
        outcomes = [Path(read_json(order)["result"]).with_suffix(OUTCOME) for order, _ in orders]
        absent = Counter[str]()
        while jobs:
            known = queue()
            for place, job in list(jobs.items()):
                absent[job] += known is not None and job not in known
                if outcomes[place].is_file() or absent[job] >= slurm_sweep.GONE:
                    del jobs[place]
                    ended(place, int(not outcomes[place].is_file()))
            if jobs:
                time.sleep(slurm_sweep.POLL)

    def ending(self, code: int, log: Path) -> str:
        """The reason why a job left no outcome."""
        return f"SLURM ended its job before it was done; {log.name} and the files in logs/slurm say more"


def _sent(order: Path) -> str:
    file = order.with_suffix(SENT)
    return file.read_text() if file.is_file() else ""


def submitted(settings: Mapping[str, Any], logs: Path) -> SendOrders:
    """Sends by submitit.

    Args:
        settings: of its launcher, by their names.
        logs: folder for its own files.
    """

    def send(orders: Sequence[tuple[str, str]]) -> list[str]:
        # Here and not above: an extra, and only this needs it.
        from submitit import AutoExecutor

        executor = AutoExecutor(folder=logs / "slurm" / "%j", cluster="slurm")
        executor.update_parameters(**slurm_sweep.submitit_names(settings))
        return [str(job.job_id) for job in executor.map_array(run_order, *zip(*orders, strict=True))]

    return send


def run_order(order: str, log: str) -> int:
    """Carry out an order in a fresh process; submitit calls this on the node. The exit status of the process."""
    environment = environment_alone()
    environment.setdefault("OMP_NUM_THREADS", threads_of_each(1))
    with Path(log).open("wb") as output:
        return FreshProcess(MODULE, [order], environment, output).wait()

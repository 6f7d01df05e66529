"""Processes that fill cells, a few at once, each with a GPU of its own where there is one."""

import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from depthbench.cores import threads_of_each
from depthbench.launch.devices import reserved
from depthbench.launch.processes import FreshProcess, environment_alone
from depthbench.runs.machine import visible_gpus

MODULE = "depthbench.leaderboard.cell"


class Work:
    """Runs orders, a process for each.

    Args:
        folder: where locks of GPUs lie.
        jobs: at once; None for one per GPU, or one.
        on_gpu: whether a process gets a GPU.
    """

    def __init__(self, folder: Path, jobs: int | None, on_gpu: bool) -> None:
        self.folder, self.gpus = folder, visible_gpus() if on_gpu else []
        self.jobs = jobs or max(1, len(self.gpus))
        self._running: set[FreshProcess] = set()
        self._stopping = threading.Event()

    def run(self, orders: Sequence[tuple[Path, Path]], ended: Callable[[int, int], None]) -> None:
        """Run all.

        Args:
            orders: files of orders, and of the output of their processes.
            ended: is called with an order's number and the exit status of its process, one at a time.
        """
        with ThreadPoolExecutor(self.jobs) as pool:
            waiting: dict[Future[int], int] = {pool.submit(self._one, *one): place for place, one in enumerate(orders)}
            try:
                while waiting:
                    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        ended(waiting.pop(future), future.result())
            except BaseException:  # Ctrl-C: running groups start again the next time
                self._stopping.set()
                pool.shutdown(wait=False, cancel_futures=True)
                for process in list(self._running):
                    process.kill_group()
                raise

    def _one(self, order: Path, log: Path) -> int:
        environment = environment_alone()
        environment.setdefault("OMP_NUM_THREADS", threads_of_each(self.jobs))
        with reserved(self.folder, self.gpus, min(1, len(self.gpus))) as own, log.open("wb") as output:
            if own:
                environment["CUDA_VISIBLE_DEVICES"] = ",".join(own)
            if self._stopping.is_set():
                return -signal.SIGTERM
            process = FreshProcess(MODULE, [str(order)], environment, output)
            self._running.add(process)
            try:
                return process.wait()
            finally:
                self._running.discard(process)

    def ending(self, code: int, log: Path) -> str:
        """The reason why a process ended without an outcome."""
        if code < 0:
            return f"its process was killed by {signal.Signals(-code).name}"
        return f"its process ended with status {code}; {log.name} says more"

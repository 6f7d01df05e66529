"""A sweep on SLURM: send each job once, wait until the queue has none any more, whatever happens to them meanwhile."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from omegaconf import DictConfig

from depthbench.errors import UserError
from depthbench.launch.slurm import cancel, queue
from depthbench.launch.slurm_job import over_since, run_pack
from depthbench.runs.folder import RunFolder

RECORD = "slurm.json"  # in a run folder: which job of SLURM has it
ARRAY = 1000  # jobs in an array; SLURM's own limit is 1001 where nobody has changed it
POLL = 5.0  # seconds between looks
GONE = 3  # looks without a job in the queue before it has ended: its files may come later than that news

T = TypeVar("T")
Send = Callable[[list[list[str]]], list[str]]


def run_sweep(folders: Sequence[RunFolder], params: Mapping[str, Any], per_node: int, launch: DictConfig) -> None:
    """Send the jobs that are neither done nor in the queue, and wait for all.

    Args:
        folders: of all jobs.
        params: of submitit's launcher, by its names.
        per_node: jobs that share one of SLURM's.
        launch: the configuration's group of that name.

    Raises:
        UserError: if nodes are asked for otherwise than the jobs need them, or SLURM doesn't answer.
        SystemExit: if a job fails and ``launch.fail_fast`` is set.
    """
    left = [folder for folder in folders if not folder.done]
    check_nodes(left, int(params.get("nodes") or 1), int(params.get("tasks_per_node") or 1), per_node)
    if left:
        sent = send_missing(left, per_node, _submit(params, launch.timeout))
        wait(sent, launch.fail_fast)


def check_nodes(folders: Sequence[RunFolder], nodes: int, tasks: int, per_node: int) -> None:
    """Refuse jobs that can't run.

    Raises:
        UserError: saying which keys to set.
    """
    if tasks != 1:
        raise UserError(
            f"hydra.launcher.tasks_per_node={tasks}, but a job is one task on each node and starts a process per "
            "device itself; leave it at 1."
        )
    wanted = {int(folder.config.trainer.num_nodes) for folder in folders}
    if wanted - {nodes}:
        raise UserError(
            f"Jobs of this sweep have trainer.num_nodes={', '.join(map(str, sorted(wanted)))}, and "
            f"hydra.launcher.nodes={nodes} asks SLURM for another number; make them the same."
        )
    if nodes > 1 and per_node > 1:
        raise UserError("hydra.launcher.jobs_per_node is for jobs of one node; leave it at 1, or trainer.num_nodes=1.")


def send_missing(folders: Sequence[RunFolder], per_node: int, send: Send) -> list[tuple[RunFolder, str]]:
    """Send the jobs that are not in the queue; all with their numbers there.

    Raises:
        UserError: if SLURM doesn't say which jobs it has: they might be sent twice.
    """
    known = queue()
    if known is None:
        raise UserError("SLURM doesn't say which jobs it has (squeue --me); is this a machine of the cluster?")
    sent, missing = [], []
    for folder in folders:
        job = folder.read_json(RECORD).get("job")
        if job in known:
            sent.append((folder, job))
        else:
            missing.append(folder)
    if sent:
        print(
            f"{len(sent)} of them are in SLURM's queue already: {_counted(known[job] for _, job in sent)}.", flush=True
        )
    for part in _parts(_parts(missing, per_node), ARRAY):
        jobs = send([[str(folder.path) for folder in pack] for pack in part])
        for pack, job in zip(part, jobs, strict=True):
            for folder in pack:
                folder.write_json(RECORD, {"job": job, "sent": time.time()})
                sent.append((folder, job))
        print(f"Sent to SLURM: {jobs[0]}{f' to {jobs[-1]}' if len(jobs) > 1 else ''}.", flush=True)
    return sent


def wait(sent: Sequence[tuple[RunFolder, str]], fail_fast: bool) -> None:
    """Wait until each job is done or has left the queue.

    Raises:
        SystemExit: if one fails and the others shall not go on.
    """
    absent = Counter[str]()
    try:
        while sent:
            known = queue()
            if known is not None:  # else SLURM is busy, or its controller is started again
                absent.update(job for job in {job for _, job in sent} if job not in known)
                for job in known:
                    del absent[job]
            over = [folder for folder, job in sent if folder.done or absent[job] >= GONE]
            if fail_fast and any(
                over_since(folder, folder.read_json(RECORD)["sent"], ["failed"]) for folder, _ in sent
            ):
                cancel(sorted({job for _, job in sent}))
                raise SystemExit(1)
            sent = [(folder, job) for folder, job in sent if folder not in over]
            if sent:
                time.sleep(POLL)
    except KeyboardInterrupt:
        jobs = " ".join(sorted({job for _, job in sent}))
        print(f"The jobs stay in SLURM's queue; the same command waits for them, and this ends them: scancel {jobs}")
        raise SystemExit(130) from None


def _parts(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _submit(params: Mapping[str, Any], timeout: float | None) -> Send:
    """Packs of run folders -> jobs of SLURM, one array."""

    def send(packs: list[list[str]]) -> list[str]:
        """Submit an array; returns the numbers of its jobs."""
        # Here and not above: an extra, and only this needs it.
        from submitit import AutoExecutor

        restarts = int(params.get("max_num_timeout") or 0)
        executor = AutoExecutor(folder=params["submitit_folder"], cluster="slurm")
        executor.update_parameters(**submitit_names(params))
        count = len(packs)
        jobs = executor.map_array(run_pack, packs, [timeout] * count, [restarts] * count)
        return [str(job.job_id) for job in jobs]

    return send


# submitit takes these as they are, and settings that only SLURM has with a prefix.
_OF_ALL_CLUSTERS = ("timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name")
SHARED = (*_OF_ALL_CLUSTERS, "stderr_to_stdout")


def submitit_names(params: Mapping[str, Any]) -> dict[str, Any]:
    """The launcher's parameters under the names of submitit's executor; the job may be queued again."""
    own = {key: value for key, value in params.items() if key not in ("submitit_folder", "max_num_timeout")}
    own["additional_parameters"] = {"requeue": True, **(own.get("additional_parameters") or {})}
    return {key if key in SHARED else f"slurm_{key}": value for key, value in own.items()}


def _counted(states: Any) -> str:
    return ", ".join(f"{count} {state.lower()}" for state, count in Counter(states).items())

"""Questions to SLURM: which jobs it has, and to queue this one again."""

import os
import subprocess
from collections.abc import Mapping, Sequence

WAIT = 60.0  # seconds for an answer


def queue() -> dict[str, str] | None:
    """State (``PENDING``, ``RUNNING``, ...) of this user's jobs that have not ended; None if SLURM gives no answer.

    Jobs of an array count one by one, as ``12_0``. This needs no accounting, unlike ``sacct``.
    """
    answer = _ask("squeue", "--me", "--all", "--array", "--noheader", "--format=%i %T")
    return None if answer is None else parse_queue(answer)


def parse_queue(text: str) -> dict[str, str]:
    r"""Jobs and their states, from a line of each.

    Example:
        >>> parse_queue("7_0 RUNNING\n7_1 PENDING\n")
        {'7_0': 'RUNNING', '7_1': 'PENDING'}
    """
    return {job: state for job, _, state in (line.strip().partition(" ") for line in text.splitlines()) if job}


def cancel(jobs: Sequence[str]) -> None:
    """Cancel jobs, both waiting and running."""
    if jobs:
        _ask("scancel", *jobs)


def requeue_this_job() -> bool:
    """Have SLURM end this job and queue it again under its number; whether it agreed."""
    return _ask("scontrol", "requeue", os.environ["SLURM_JOB_ID"]) is not None


def restarts(environment: Mapping[str, str] | None = None) -> int:
    """Number of times that this job was queued again."""
    return int((os.environ if environment is None else environment).get("SLURM_RESTART_COUNT", "0"))


def _ask(*command: str) -> str | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=WAIT).stdout
    except (OSError, subprocess.SubprocessError):
        return None

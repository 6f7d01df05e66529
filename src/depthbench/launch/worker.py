"""The process of one job: ``python -m depthbench.launch.worker RUN_FOLDER [PARENT]``.

With several devices it becomes torchrun's agent and starts itself once per device; Lightning then finds its processes
launched and never launches any itself (which, in a sweep, would replay the sweep).
"""

import os
import sys

from depthbench.errors import UserError
from depthbench.launch.exit_codes import USER_ERROR
from depthbench.launch.parent_death import die_with_parent
from depthbench.runs.folder import RunFolder


def become_agent(folder: RunFolder, processes: int) -> None:
    """Start one process per device on this machine and wait for them; torchrun does the work."""
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    arguments = ["--standalone", f"--nproc-per-node={processes}", "-m", __spec__.name, str(folder.path)]
    try:
        torchrun.main(arguments)
    except ChildFailedError as error:  # the process has told why
        sys.exit(error.get_first_failure()[1].exitcode)


def main() -> None:
    """Entry point of a job's process."""
    folder = RunFolder(sys.argv[1])
    launched = "RANK" in os.environ
    if not launched:
        die_with_parent(int(sys.argv[2]) if sys.argv[2:] else os.getppid())
        # Here and not above: torch takes seconds to import, in which whoever started this may be gone.
        from depthbench.training.devices import device_count

        try:
            processes = device_count(folder.config)
        except UserError as error:  # a damaged folder
            print(error, file=sys.stderr)
            sys.exit(USER_ERROR)
        if processes > 1:
            become_agent(folder, processes)
            return
    elif "TORCHELASTIC_RUN_ID" in os.environ:  # torchrun's agent may be killed: its processes save and end, too
        die_with_parent(os.getppid())
    # Here and not above: it imports Lightning, which takes seconds that an agent needn't spend.
    from depthbench.launch.execute import execute

    sys.exit(execute(folder))


if __name__ == "__main__":
    main()

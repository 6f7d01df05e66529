"""The process of one job: ``python -m depthbench.launch.worker RUN_FOLDER [PARENT]``.

With several devices, or on several nodes, it becomes torchrun's agent and starts itself once per device; Lightning then
finds its processes launched and never launches any itself (which, in a sweep, would replay the sweep).
"""

import os
import sys

from depthbench.errors import UserError
from depthbench.launch.exit_codes import USER_ERROR
from depthbench.launch.parent_death import die_with_parent
from depthbench.runs.folder import RunFolder


def main() -> None:
    """Entry point of a job's process."""
    folder = RunFolder(sys.argv[1])
    launched = "RANK" in os.environ
    if not launched:
        die_with_parent(int(sys.argv[2]) if sys.argv[2:] else os.getppid())
        # Here and not above: torch takes seconds to import, in which the starting process may be gone.
        from depthbench.training.devices import device_count

        try:
            processes, nodes = device_count(folder.config), folder.config.trainer.num_nodes
        except UserError as error:  # a damaged folder
            print(error, file=sys.stderr)
            sys.exit(USER_ERROR)
        if processes > 1 or nodes > 1:
            # Here and not above: it imports torch, as do its processes.
            from depthbench.launch.agent import become_agent

            become_agent(folder, processes, __spec__.name)
            return
    elif "TORCHELASTIC_RUN_ID" in os.environ:  # torchrun's agent may be killed: its processes save and end, too
        die_with_parent(os.getppid())
    # Here and not above: it imports Lightning, which takes seconds that an agent needn't spend.
    from depthbench.launch.execute import execute

    sys.exit(execute(folder))


if __name__ == "__main__":
    main()

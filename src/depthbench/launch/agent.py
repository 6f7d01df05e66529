"""torchrun's agent of a job: one process per device of this node, joined with the processes of the other nodes."""

import os
import sys

import torch

from depthbench.cores import threads_of_each
from depthbench.errors import UserError
from depthbench.launch.exit_codes import BUSY, INTERRUPTED, USER_ERROR
from depthbench.launch.meeting import Refused, meet
from depthbench.launch.nodes import Node, this_node
from depthbench.runs.folder import RunFolder
from depthbench.runs.machine import code_hash, code_version
from depthbench.training.signals import SIGNALS

PATIENCE = 600.0  # seconds, where an older configuration has no launch.patience
GRACE = "60"  # seconds that processes have to save


def become_agent(folder: RunFolder, processes: int, module: str) -> None:
    """Start one process per device and wait for them; torchrun does the work.

    Args:
        folder: the run folder.
        processes: how many on this node.
        module: that each runs, on the folder's path.
    """
    # Here and not above: they take a while to import, and must find their variables.
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    os.environ.setdefault("OMP_NUM_THREADS", threads_of_each(processes))
    os.environ["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"] = GRACE
    arguments, store = ["--standalone"], None
    try:
        if (node := this_node(folder.config.trainer.num_nodes)) is not None:
            store = _met(folder, node, processes)  # kept: torchrun uses it, too
            arguments = [f"--nnodes={node.nodes}", f"--node-rank={node.rank}", f"--rdzv-id={folder.path.name}"]
            arguments += [f"--master-addr={node.host}", f"--master-port={node.port}"]
        arguments += [f"--nproc-per-node={processes}", f"--signals-to-handle={','.join(one.name for one in SIGNALS)}"]
        torchrun.main([*arguments, "-m", module, str(folder.path)])
    except ChildFailedError as error:  # the process has printed the reason
        code = error.get_first_failure()[1].exitcode
        sys.exit(code if code >= 0 else 128 - code)
    except SignalException:
        sys.exit(INTERRUPTED)
    finally:
        del store


def _met(folder: RunFolder, node: Node, processes: int) -> object:
    """Wait for the other nodes; ends this process where they can't work together."""
    about = {
        "run": folder.path.name,
        "code of depthbench": f"{code_version()}, hash {code_hash()}",
        "version of torch": torch.__version__,
        "number of devices": str(processes),
    }
    busy = f"Another process is working in {folder.path}." if node.rank == 0 and folder.locked() else ""
    try:
        return meet(node, about, float(folder.config.launch.get("patience", PATIENCE)), busy)
    except Refused as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(BUSY)
    except UserError as error:
        print(error, file=sys.stderr, flush=True)
        if node.rank == 0:
            folder.update_status(state="failed", reason=str(error))
        sys.exit(USER_ERROR)

"""Train and test in this process, keeping the run's status."""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator

from depthbench.errors import UserError
from depthbench.launch.exit_codes import BUSY, INTERRUPTED, USER_ERROR
from depthbench.runs.folder import Busy, RunFolder
from depthbench.training.callbacks import Pruned, Stopped
from depthbench.training.loggers import close_wandb
from depthbench.training.trainer import train_and_test

ASKED = "asked to stop"  # the reason of a run that was interrupted


def execute(folder: RunFolder, progress_bar: bool = False) -> int:
    """Train and test in this process (one of a group, or the only one), keeping the status; returns an exit status."""
    first = int(os.environ.get("RANK", "0")) == 0
    code = 1
    try:
        with folder.lock() if first else contextlib.nullcontext():
            if folder.done and "RANK" not in os.environ:  # another sweep has finished it since this job began
                return (code := 0)
            if first:
                folder.update_status(state="running", reason=None, pid=os.getpid())
            with recorded(folder, first):
                if first and (other := folder.claim_code()):
                    print(other, flush=True)
                train_and_test(folder, progress_bar)
        code = 0
    except Busy as error:
        print(error, file=sys.stderr)
        code = BUSY
    except (Stopped, KeyboardInterrupt, NodeLost) as error:
        print(error or "Interrupted.", file=sys.stderr)
        code = INTERRUPTED
    except Pruned as error:
        print(f"Pruned: {error}.")
        code = 0
    except UserError as error:
        print(error, file=sys.stderr)
        code = USER_ERROR
    except Exception:
        if _asked_to_stop(folder):
            print("Another process of the run was asked to stop.", file=sys.stderr)
            code = INTERRUPTED
        else:
            traceback.print_exc()
    finally:
        close_wandb(code)
    return code


class NodeLost(Exception):
    """A process on another node ended without a reason; the run goes on from its checkpoint."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"A process on another node is gone; start the run again to continue it ({_one_line(error)}).")


# gloo and NCCL in their own words.
_LOST = ("closed by peer", "reset by peer", "remote process exited", "communicator was aborted", "Broken pipe")


def lost_node(error: Exception, nodes: int) -> bool:
    """Whether an error says that a process on another node is gone."""
    return nodes > 1 and isinstance(error, RuntimeError) and any(words in str(error) for words in _LOST)


@contextlib.contextmanager
def recorded(folder: RunFolder, first: bool) -> Iterator[None]:
    """Write down why a run ends early. Every process of a group does: the first to fail knows the reason."""
    try:
        yield
    except (Stopped, KeyboardInterrupt):
        if folder.status.get("state") != "failed":  # else a neighbor's failure stopped this process
            _note(folder, state="interrupted", reason=ASKED)
        raise
    except Pruned as error:
        if first:
            _note(folder, state="pruned", reason=str(error))
        raise
    except Exception as error:
        kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        # The first reason counts: a process whose neighbor died fails in a collective.
        told = folder.status.get("state") == "failed" or _asked_to_stop(folder)
        if not told and lost_node(error, _nodes(folder)):
            lost = NodeLost(error)
            _note(folder, state="interrupted", reason=str(lost))
            raise lost from error
        if not told:
            _note(folder, state="failed", reason=f"{kind}{_one_line(error)}")
        raise


def _nodes(folder: RunFolder) -> int:
    """Nodes of the run; 1 where its configuration can't be read, which is then the failure."""
    try:
        return int(folder.config.trainer.num_nodes)
    except UserError:
        return 1


def _asked_to_stop(folder: RunFolder) -> bool:
    """Whether a process of the group was asked to stop: its neighbors' errors in a collective are then no failures."""
    return folder.status.get("reason") == ASKED


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:1000]


def _note(folder: RunFolder, **fields: str) -> None:
    """Change the status, unless the disk is still full."""
    with contextlib.suppress(OSError, UserError):
        folder.update_status(**fields)

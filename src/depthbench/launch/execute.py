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
            if first:
                folder.update_status(state="running", reason=None, pid=os.getpid())
            with _recorded(folder, first):
                train_and_test(folder, progress_bar)
        code = 0
    except Busy as error:
        print(error, file=sys.stderr)
        code = BUSY
    except (Stopped, KeyboardInterrupt) as error:
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


@contextlib.contextmanager
def _recorded(folder: RunFolder, first: bool) -> Iterator[None]:
    """Write down why a run ends early. Every process of a group does: the first to fail knows the reason."""
    try:
        yield
    except (Stopped, KeyboardInterrupt):
        _note(folder, state="interrupted", reason=ASKED)
        raise
    except Pruned as error:
        if first:
            _note(folder, state="pruned", reason=str(error))
        raise
    except Exception as error:
        kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        message = " ".join(str(error).split())[:1000]
        # The first reason counts: a process whose neighbor died fails in a collective.
        if folder.status.get("state") != "failed" and not _asked_to_stop(folder):
            _note(folder, state="failed", reason=f"{kind}{message}")
        raise


def _asked_to_stop(folder: RunFolder) -> bool:
    """Whether a process of the group was: what its neighbors then meet in a collective is no failure."""
    return folder.status.get("reason") == ASKED


def _note(folder: RunFolder, **fields: str) -> None:
    """Change the status, unless the disk is as full as it was for what failed."""
    with contextlib.suppress(OSError, UserError):
        folder.update_status(**fields)

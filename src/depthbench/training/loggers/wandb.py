"""Weights & Biases, never in the way: a server that is away costs seconds, and nothing is lost."""

import http.client
import netrc
import os
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from depthbench.errors import UserError

MODES = ("auto", "online", "offline", "disabled")
ANSWER = 3.0  # seconds in which the server must answer before a run begins
INIT = 5.0  # seconds in which it must accept the run
FINISH = 8.0  # seconds that a run waits at its end for unsent data
UPLOADS = ("filestream: ", "runfiles: ", "runupserter: ", "UploadTask")  # as the client's log names them
BEST = {"min": ("AbsRel", "SqRel", "RMSE", "RMSElog", "log10", "SILog"), "max": ("delta1", "delta2", "delta3")}


class WandB(WandbLogger):
    """A W&B run that belongs to a run folder: same id whenever the folder is continued.

    Args:
        folder: the run folder, where W&B keeps its files too.
        name: the overrides of the run, from which its short name is made.
        run_id: the folder's id; in a sweep of W&B that of its agent is taken.
        project: of W&B.
        entity: of W&B; by default the user's.
        group: of runs that belong together; by default the study, or the common settings of a sweep's seeds.
        tags: by default the names of data, network and loss.
        mode: ``online``, ``offline``, ``disabled``, or ``auto``: online where there is a key and the server answers.
        **arguments: of ``wandb.init``.

    Raises:
        UserError: if the mode is unknown.
    """

    def __init__(
        self,
        folder: str | Path,
        name: str,
        run_id: str,
        project: str = "depthbench",
        entity: str | None = None,
        group: str | None = None,
        tags: Sequence[str] = (),
        mode: Literal["auto", "online", "offline", "disabled"] = "auto",
        **arguments: Any,
    ) -> None:
        if mode not in MODES:
            raise UserError(f"logger.mode={mode} is unknown; choose auto, online, offline or disabled.")
        os.environ.setdefault("WANDB_SILENT", "true")
        if os.environ.get("WANDB_SWEEP_ID"):  # W&B's agent has begun the run, and counts it by its own id
            run_id = os.environ.get("WANDB_RUN_ID", run_id)
        told: dict[str, Any] = {"name": short_name(name), "id": run_id, "save_dir": str(folder), "log_model": False}
        told |= {"entity": entity, "group": group, "tags": list(tags), "job_type": "train", **arguments}
        super().__init__(project=project, **told)
        self._wandb_init.pop("anonymous", None)  # W&B warns of this argument whatever its value
        self.folder, self.mode, self.overrides = Path(folder), str(mode), name

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:
        """The configuration with ``choices``, ``study`` and ``sweep``, by which dashboards find and group runs."""
        if self._experiment is not None or not isinstance(params, dict):
            super().log_hyperparams(params)
            return
        choices: Mapping[str, Any] = params.get("choices") or {}
        init = self._wandb_init
        if not init["tags"]:
            init["tags"] = [str(choices[key])[:64] for key in ("data", "model", "loss") if choices.get(key)]
        if init["group"] is None:
            init["group"] = params.get("study") or (short_name(self.overrides, "seed") if params.get("sweep") else None)
        init["config"] = {key: value for key, value in params.items() if key != "sweep"}

    @property
    def experiment(self) -> Any:
        """The run in W&B, begun at the first call (and nowhere but in the first process)."""
        if getattr(rank_zero_only, "rank", 0) == 0 and self._experiment is None:
            self._begin()
        return super().experiment

    def _begin(self) -> None:
        import wandb

        self._wandb_init["mode"] = mode = self._mode()
        if mode == "online":  # offline, a time limit at the end would not wait for the file either
            self._wandb_init["settings"] = wandb.Settings(init_timeout=INIT, finish_timeout=FINISH)
        try:
            experiment = super().experiment
        except wandb.errors.Error as error:
            if mode != "online":
                raise
            wandb.teardown()  # data that still wait for the server
            first = next(iter(str(error).splitlines()), type(error).__name__)
            print(f"W&B does not take the run ({first}); {self._later()}", flush=True)
            self._wandb_init |= {"mode": "offline", "settings": None}
            experiment = super().experiment
        for summary, names in BEST.items():
            for name in names:
                experiment.define_metric(f"val/{name}", step_metric="trainer/global_step", summary=summary)

    def _mode(self) -> str:
        asked = self.mode
        if asked == "auto":
            asked = os.environ.get("WANDB_MODE") or ("online" if has_key() else "offline")
        if asked == "online" and not answers():
            print(f"W&B does not answer at {base_url()}; {self._later()}", flush=True)
            return "offline"
        return asked

    def _later(self) -> str:
        return f"the run goes on offline. Afterwards: wandb sync {self.folder}/wandb/offline-run-*"


def close_wandb(exit_code: int) -> None:
    """End the W&B run whatever happened, failed runs as failed; unsent data stay in its folder after some seconds."""
    wandb = sys.modules.get("wandb")
    run = None if wandb is None else wandb.run
    if wandb is None or run is None:
        return
    folder, begun = Path(run.dir).parent, time.monotonic()
    wandb.finish(exit_code=exit_code)
    if not run.offline and (time.monotonic() - begun > FINISH or not_sent(folder)):
        print(f"W&B did not take everything. To send the rest: wandb sync {folder}", flush=True)


def not_sent(folder: Path) -> bool:
    """Whether W&B's client gave up an upload of a run: nothing but its log says so.

    Args:
        folder: of the run, which W&B names by date and id.
    """
    try:
        lines = (folder / "logs" / "debug-internal.log").read_text(errors="replace").splitlines()
    except OSError:
        return False
    return any('"level":"ERROR' in line and any(part in line for part in UPLOADS) for line in lines)


def short_name(overrides: str, *without: str) -> str:
    """Overrides without groups' paths and without where data lie, at most 64 characters.

    >>> short_name("loss=gan,data=nyu,data.root=/data/nyu,optim.optimizer.lr=1e-4,seed=1")
    'gan nyu lr=1e-4 seed=1'
    """
    parts = []
    for override in _split(overrides):
        key, _, value = override.lstrip("+~").partition("=")
        last = key.rpartition(".")[2]
        if last in (*without, "root") or value.startswith(("/", "~", "./")):
            continue
        parts.append(value.rpartition("/")[2] if "." not in key and key != "seed" else f"{last}={value}")
    return " ".join(parts)[:64] or "default"


def _split(overrides: str) -> list[str]:
    """Split at commas that are outside of brackets."""
    parts, depth = [""], 0
    for letter in overrides:
        depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part]


def base_url() -> str:
    """Address of the server."""
    return os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai"


def has_key() -> bool:
    """Whether W&B would find a key: in the environment or in .netrc."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(urlsplit(base_url()).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False


def answers(seconds: float = ANSWER) -> bool:
    """Whether the server at W&B's address (through a proxy, where one is set) answers in time, whatever it answers."""
    found: list[bool] = []
    # In a thread: the look-up of a name has no time limit of its own.
    asking = threading.Thread(target=lambda: found.append(_asked(seconds)), daemon=True)
    asking.start()
    asking.join(seconds + 1)
    return found == [True]


def _asked(seconds: float) -> bool:
    try:
        urllib.request.urlopen(f"{base_url().rstrip('/')}/healthz", timeout=seconds).close()
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:  # W&B has its own list of certificates
        return isinstance(error.reason, ssl.SSLCertVerificationError)
    except (OSError, http.client.HTTPException, ValueError):
        return False
    return True

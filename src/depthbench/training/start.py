"""The start of a training: trained weights of a network, or the end of another run."""

import shutil
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.files import whole
from depthbench.input_files import check_regular
from depthbench.runs.folder import RunFolder
from depthbench.runs.origin import check_weights
from depthbench.tasks import DepthTask
from depthbench.training.checkpoint_file import Resumed, read, to_resume

_NET = "net."  # before the names of a network's weights in a task's
_TABLES = ("metrics.csv", "loss_trace.csv")  # which a continued run goes on with
_SHOWN = 3


def where_it_stands(folder: RunFolder, config: DictConfig) -> Resumed | None:
    """The checkpoint that a run goes on from: its own, or, at its beginning, the end of the run that it continues.

    Raises:
        UserError: if there is one that can't be read, or it is not the one that the configuration means.
    """
    own = to_resume(folder.checkpoint)
    if own is not None or not config.get("continue"):
        return own
    followed = RunFolder(config["continue"])
    check_weights(followed.checkpoint, config.origin["state"])
    state = read(followed.checkpoint)
    state["callbacks"].get("LastCheckpoint", {})["finished"] = False
    for name in _TABLES:
        if (followed.path / name).is_file():
            with whole(folder.path / name) as part:
                shutil.copyfile(followed.path / name, part)
    return Resumed(followed.checkpoint, state, "")


def load_start(net: nn.Module, config: DictConfig) -> str | None:
    """Load the weights of ``init`` into a network; returns a sentence about it, or None without ``init``.

    Args:
        net: the network of the run.
        config: its configuration; ``init_match=fitting`` takes the weights whose names and shapes fit.

    Raises:
        UserError: if they are not all there, or with ``fitting`` none fits.
    """
    if not config.get("init"):
        return None
    path, match = Path(config.init), config.init_match
    if match not in ("all", "fitting"):
        raise UserError(f"init_match={match} is unknown; choose all or fitting.")
    check_weights(path, config.origin["weights"])
    given, own = network_weights(path), net.state_dict()
    fit = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    lacking, unknown = sorted(set(own) - set(fit)), sorted(set(given) - set(fit))
    if match == "all" and (lacking or unknown):
        raise UserError(
            f"init={path}: {len(fit)} of the network's {len(own)} weights fit; {_listed(lacking, 'is', 'are')} not in "
            f"the file, {_listed(unknown, 'is', 'are')} not in the network (or of another shape). Choose the same "
            "model, or append init_match=fitting to take the weights that fit."
        )
    if not fit:
        raise UserError(f"init={path}: none of its weights fits this network; choose another file or another model.")
    net.load_state_dict({**own, **fit})
    rest = f"; {_listed(lacking, 'stays', 'stay')} as initialized" if lacking else ""
    return f"Starts from {path}: {len(fit)} of {len(own)} weights{rest}."


def network_weights(path: Path) -> dict[str, Tensor]:
    """The weights of a network by name, from a checkpoint of a run or from ``.safetensors``.

    Raises:
        UserError: if the file can't be read.
    """
    if path.suffix == ".safetensors":
        check_regular(path)
        try:
            found: dict[str, Tensor] = load_file(path)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path} can't be read ({error}); take another copy.") from None
        return found
    state: dict[str, Any] = read(path, ["state_dict"])["state_dict"]
    return {name.removeprefix(_NET): value for name, value in state.items() if name.startswith(_NET)}


def _listed(names: list[str], one: str, many: str) -> str:
    if not names:
        return f"none {one}"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more} {one if len(names) == 1 else many}"


def go_on(task: DepthTask, config: DictConfig) -> str | None:
    """Tell a task after how many steps its training goes on; returns a sentence about it, or None where none does.

    Raises:
        UserError: if the kind of training shares its stages among all steps.
    """
    if not config.get("continue"):
        return None
    if len(task.phases(1000)) > 1:
        raise UserError(
            "The stages of this training share all its steps, so it can't be continued; start another one from its "
            "weights: init=RUN."
        )
    steps, schedule = int(config.origin["steps"]), config.continue_schedule
    task.optim = task.optim.after(steps, schedule)
    told = {"restart": "begins anew", "stretch": "is that of all the steps", "hold": "stays where it ended"}[schedule]
    return f"Goes on from {config['continue']} after {steps} steps; the learning rate's schedule {told}."

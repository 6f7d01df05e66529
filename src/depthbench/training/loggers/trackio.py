"""trackio: W&B's interface with its data in a local database (an optional package)."""

import importlib
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from depthbench.errors import UserError


class Trackio(Logger):
    """A trackio run that belongs to a run folder: continued whenever the folder is.

    Args:
        project: of trackio; ``trackio show --project NAME`` opens it.
        name: of the run there, the same at every start.
        group: of runs that belong together.
        **arguments: of ``trackio.init``, such as ``space_id``.

    Raises:
        UserError: if the package is not installed.
    """

    def __init__(self, project: str, name: str, group: str | None = None, **arguments: Any) -> None:
        super().__init__()
        try:
            self.trackio = importlib.import_module("trackio")
        except ImportError:
            raise UserError("logger=trackio needs one package more: pip install trackio.") from None
        self.project = project
        self.arguments = {"name": name, "group": group, "resume": "allow", "embed": False, **arguments}
        self.config: dict[str, Any] = {}
        self.run: Any = None

    @property
    def name(self) -> str:
        """Lightning's name for the logger."""
        return self.project

    @property
    def version(self) -> str:
        """Lightning's version of the run."""
        return str(self.arguments["name"])

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The configuration, in one level: trackio's table has a column for each key."""
        self.config = flat(vars(params) if isinstance(params, Namespace) else params)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log at the network's step."""
        if self.run is None:
            self.run = self.trackio.init(self.project, config=self.config, **self.arguments)
        self.run.log(dict(metrics), step=step)

    @rank_zero_only
    def log_image(self, key: str, images: Sequence[Any], step: int | None = None, caption: Sequence[str] = ()) -> None:
        """Log pictures ``(H, W, 3)`` of 8 bits, each under its own name."""
        for index, (image, text) in enumerate(zip(images, caption, strict=True)):
            self.log_metrics({f"{key}/{index}": self.trackio.Image(image, caption=text)}, step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write the remaining values, at the end of the training and of the test; later values continue the run."""
        if self.run is not None:
            self.run.finish()
            self.run = None


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"a": {"b": 1}}`` as ``{"a.b": 1}``; lists as text."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            leaves |= flat(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = str(value) if isinstance(value, list) else value
    return leaves

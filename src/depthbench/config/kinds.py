"""Classes that a configuration may make: known kinds from the rooms that hold such classes, and nothing else.

A YAML is data that people exchange, so a name in it must never run anything but the constructor of a component. A class
is allowed by its bases and by the place of its definition; functions, methods and everything with effects of
its own (trainers, caches, commands) are not. Packages of a user join by :func:`trust`, which a file can't call.
"""

import importlib
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from depthbench.errors import UserError


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    Attributes:
        name: in the plural, for sentences.
        bases: dotted names of the classes of which it is a subclass; without them every class of the packages is meant,
            and of a user's package every class that inherits from one of these.
        packages: packages and modules in which the class is defined.
    """

    name: str
    bases: tuple[str, ...]
    packages: tuple[str, ...]

    def holds(self, found: type, trusted: Sequence[str] = ()) -> bool:
        """Whether a class is of this kind; it may also be defined in a trusted package."""
        if not within(found.__module__, (*self.packages, *trusted)):
            return False
        if not self.bases:
            return any(within(base.__module__, self.packages) for base in found.__mro__)
        names = {f"{base.__module__}.{base.__qualname__}" for base in found.__mro__}
        return not names.isdisjoint(self.bases)


COMPONENTS = (
    Kind(
        "networks and losses",
        ("torch.nn.modules.module.Module",),
        ("depthbench.losses", "depthbench.models", "torch.nn.modules"),
    ),
    Kind(
        "metrics",
        ("torchmetrics.metric.Metric",),
        # Other metrics of torchmetrics download networks and read files of weights.
        ("depthbench.metrics", "torchmetrics.aggregation", "torchmetrics.regression"),
    ),
    Kind("optimizers", ("torch.optim.optimizer.Optimizer",), ("torch.optim",)),
    Kind("schedules", ("torch.optim.lr_scheduler.LRScheduler",), ("torch.optim",)),
    Kind(
        "data sets",
        ("torch.utils.data.dataset.Dataset", "depthbench.data.readers.reader.Reader"),
        # Not the caches in memory and on disk, which take space when they are made.
        ("depthbench.data.readers", "depthbench.data.mixed", "depthbench.data.cache.packed"),
    ),
    Kind(
        "transforms",
        ("albumentations.core.transforms_interface.BasicTransform", "albumentations.core.composition.BaseCompose"),
        ("albumentations",),
    ),
    # Small classes that only keep their arguments.
    Kind(
        "policies, protocols, schedules and depth spaces",
        (),
        (
            "depthbench.data.augment",
            "depthbench.losses.set_transforms",
            "depthbench.losses.weighting.rebalancing",
            "depthbench.models.depth_spaces",
            "depthbench.protocols.protocol",
            "depthbench.protocols.pair_protocol",
            "depthbench.tasks.optimization",
        ),
    ),
)

# Objects that only training makes, at their places: they have effects (files of a cache, of checkpoints, of a log).
TASKS = Kind("kinds of training", ("pytorch_lightning.core.module.LightningModule",), ("depthbench.tasks",))
DATA_MODULES = Kind(
    "data modules", ("pytorch_lightning.core.datamodule.LightningDataModule",), ("depthbench.data.module",)
)
CALLBACKS = Kind(
    "callbacks",
    ("pytorch_lightning.callbacks.callback.Callback",),
    ("depthbench.training.callbacks", "pytorch_lightning.callbacks"),
)
LOGGERS = Kind(
    "loggers",
    ("pytorch_lightning.loggers.logger.Logger",),
    ("depthbench.training.loggers", "pytorch_lightning.loggers"),
)

EVERY = (*COMPONENTS, TASKS, DATA_MODULES, CALLBACKS, LOGGERS)

# Where names are looked up at all: nothing else is imported because a file names it.
ROOTS = ("depthbench", "albumentations", "pytorch_lightning", "torch.nn", "torch.optim", "torchmetrics")

# Libraries of the house: only the classes above may be named, and they are not plugins.
_LIBRARIES = (
    *dict.fromkeys(root.partition(".")[0] for root in ROOTS),
    *("cv2", "h5py", "huggingface_hub", "hydra", "hydra_plugins", "lightning_fabric", "numpy", "omegaconf", "pip"),
    *("pytest", "scipy", "setuptools", "timm", "torchvision", "wandb", "yaml"),
)

_trusted: list[str] = []


def trust(package: str) -> None:
    """Let configurations name classes of a user's own package: networks, losses, metrics, data sets and the like.

    To be called for modules that this machine's user chose (an installed plug-in, an argument of the command line),
    never for a name that comes from a run folder, a checkpoint or any other file that may have been sent.
    """
    if package not in _trusted:
        _trusted.append(package)


def is_library(name: str) -> bool:
    """Whether a module is one of Python or of the house's libraries, which no user opens for configurations."""
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or top in _LIBRARIES


def within(path: str, packages: Sequence[str]) -> bool:
    """Whether a dotted name lies in one of the packages or is one of them."""
    return any(path == package or path.startswith(f"{package}.") for package in packages)


def find(target: str, kinds: Sequence[Kind]) -> type:
    """The class that a ``_target_`` names.

    Raises:
        UserError: if there is none, or it is of none of the kinds.
    """
    check_package(target)
    module, rest = _module(target)
    found = _member(module, rest[0]) if rest else module
    if found is None:
        raise UserError(f"_target_: {target} does not exist ({module.__name__} has no {rest[0]}).")
    if len(rest) == 1 and isinstance(found, type) and any(kind.holds(found, _trusted) for kind in kinds):
        return found
    raise UserError(
        f"_target_: {target} is not allowed; here a configuration makes {', '.join(kind.name for kind in kinds)}, and "
        "nothing else"
        + ("; your own class must inherit from one of these classes." if within(target, _trusted) else ".")
    )


def check_package(target: str) -> None:
    """Refuse a ``_target_`` of a package that configurations may not name; nothing is imported.

    Raises:
        UserError: with the way to open the package, where it may be one of a user.
    """
    allowed = (*ROOTS, *_trusted)
    dotted = re.fullmatch(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+", target)
    if dotted and within(target, allowed):
        return
    top = target.partition(".")[0]
    if dotted and not is_library(top):
        raise UserError(f"This run uses {target}; open its package with plugins=[{top}] (only if you trust it).")
    listed = ", ".join(allowed)
    raise UserError(f"_target_: {target} is not allowed; a configuration may name only classes of {listed}.")


def _member(module: ModuleType, name: str) -> object:
    """A name of a module; of the bench's own modules also one that is imported when it is first used."""
    return getattr(module, name, None) if within(module.__name__, ROOTS[:1]) else vars(module).get(name)


def _module(target: str) -> tuple[ModuleType, list[str]]:
    """The innermost module of a dotted name, and the parts that follow it."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network when it is imported
    parts = target.split(".")
    module: ModuleType | None = None
    for index in range(len(parts)):
        inside = None if module is None else vars(module).get(parts[index])
        if module is not None and inside is not None and not isinstance(inside, ModuleType):
            return module, parts[index:]
        try:
            module = importlib.import_module(".".join(parts[: index + 1]))
        except (Exception, SystemExit) as error:  # whatever a module raises that lacks its dependencies
            path = ".".join(parts[: index + 1])
            if isinstance(error, ModuleNotFoundError) and error.name == path:
                if module is None:
                    raise UserError(f"_target_: {target} does not exist (there is no {parts[0]}).") from None
                return module, parts[index:]
            raise UserError(f"_target_: {target} can't be imported ({type(error).__name__}: {error}).") from None
    assert module is not None
    return module, []

"""Former names: targets, keys and options of earlier versions still work, and say today's name once.

A change of a name adds the pair here. A former name may lead to another former name; chains are followed.
Names in run folders are renewed in silence, names that a user typed with one sentence on stderr.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

# Former dotted names of classes -> today's.
CLASSES: dict[str, str] = {
    "depthbench.callbacks.Checkpoints": "depthbench.training.callbacks.LastCheckpoint",
    "depthbench.callbacks.Progress": "depthbench.training.callbacks.StatusReporter",
    "depthbench.callbacks.StepSeed": "depthbench.training.callbacks.SeedEachStep",
    "depthbench.callbacks.checkpoints.Checkpoints": "depthbench.training.callbacks.LastCheckpoint",
    "depthbench.callbacks.progress.Progress": "depthbench.training.callbacks.StatusReporter",
    "depthbench.callbacks.step_seed.StepSeed": "depthbench.training.callbacks.SeedEachStep",
    "depthbench.data.Cached": "depthbench.data.MemoryCache",
    "depthbench.data.CachedFiles": "depthbench.data.PackedDataset",
    "depthbench.data.DenseDepth": "depthbench.data.DenseDepthNYU",
    "depthbench.data.Kept": "depthbench.data.DiskCache",
    "depthbench.data.cache.Cached": "depthbench.data.MemoryCache",
    "depthbench.data.cache.Kept": "depthbench.data.DiskCache",
    "depthbench.data.cached_files.CachedFiles": "depthbench.data.PackedDataset",
    "depthbench.data.rooms.Rooms": "depthbench.data.Rooms",
    "depthbench.data.zipped.DenseDepth": "depthbench.data.DenseDepthNYU",
    "depthbench.losses.DBE": "depthbench.losses.DepthBalancedEuclidean",
    "depthbench.losses.Flip": "depthbench.losses.Mirror",
    "depthbench.losses.LossSpace": "depthbench.losses.space.LossSpace",
    "depthbench.losses.Meter": "depthbench.losses.PeriodMeans",
    "depthbench.losses.meter.Meter": "depthbench.losses.PeriodMeans",
    "depthbench.losses.pointwise.DBE": "depthbench.losses.DepthBalancedEuclidean",
    "depthbench.metrics.Protocol": "depthbench.protocols.EvalProtocol",
    "depthbench.metrics.ProtocolSuite": "depthbench.protocols.Scorer",
    "depthbench.protocols.ProtocolSuite": "depthbench.protocols.Scorer",
    "depthbench.metrics.Structure": "depthbench.protocols.Structure",
    "depthbench.metrics.protocol.Protocol": "depthbench.protocols.EvalProtocol",
    "depthbench.models.Bounded": "depthbench.models.TanhDepth",
    "depthbench.models.Log": "depthbench.models.LogDepth",
    "depthbench.models.Metric": "depthbench.models.MetricDepth",
    "depthbench.data.stream.Stream": "depthbench.data.stream.FrameStream",
    "depthbench.models.two_stream.Stream": "depthbench.models.two_stream.DepthStream",
    "depthbench.models.depthnet.Predictor": "depthbench.models.PredictModule",
    "depthbench.models.Predictor": "depthbench.models.PredictModule",
    "depthbench.models.Reciprocal": "depthbench.models.InverseDepth",
    "depthbench.models.spaces.Bounded": "depthbench.models.TanhDepth",
    "depthbench.models.spaces.Log": "depthbench.models.LogDepth",
    "depthbench.models.spaces.Metric": "depthbench.models.MetricDepth",
    "depthbench.models.spaces.Reciprocal": "depthbench.models.InverseDepth",
}

# Former modules -> the package or module where their classes are found today under the same names.
MODULES: dict[str, str] = {
    **dict.fromkeys(
        (
            "depthbench.callbacks",
            "depthbench.callbacks.checkpoints",
            "depthbench.callbacks.inference_time",
            "depthbench.callbacks.loss_weights",
            "depthbench.callbacks.panels",
            "depthbench.callbacks.profiles",
        ),
        "depthbench.training.callbacks",
    ),
    **dict.fromkeys(
        (
            "depthbench.data.kitti",
            "depthbench.data.make3d",
            "depthbench.data.matterport",
            "depthbench.data.nyu_labeled",
            "depthbench.data.nyu_raw",
            "depthbench.data.nyu_sync",
            "depthbench.data.pairs",
            "depthbench.data.reader",
            "depthbench.data.rooms.dataset",
            "depthbench.data.sunrgbd",
            "depthbench.data.zipped",
        ),
        "depthbench.data",
    ),
    "depthbench.data.loader": "depthbench.data.stream",
    "depthbench.launch.ledger": "depthbench.runs.ledger",
    "depthbench.logger": "depthbench.training.loggers",
    **dict.fromkeys(
        (
            "depthbench.losses.sets",
            "depthbench.losses.transforms",
            "depthbench.losses.uncertainty",
            "depthbench.losses.weighting",
            "depthbench.losses.weights",
        ),
        "depthbench.losses",
    ),
    "depthbench.losses.base": "depthbench.losses.map_loss",
    "depthbench.metrics.image_metric": "depthbench.metrics.image.image_metric",
    **dict.fromkeys(
        (
            "depthbench.metrics.boundaries",
            "depthbench.metrics.edges",
            "depthbench.metrics.normals",
            "depthbench.metrics.ordinal",
            "depthbench.metrics.points",
            "depthbench.metrics.ssim",
        ),
        "depthbench.metrics",
    ),
    "depthbench.metrics.structure": "depthbench.protocols",
    "depthbench.metrics.suite": "depthbench.protocols",
    **dict.fromkeys(
        (
            "depthbench.models.d3net",
            "depthbench.models.decoder",
            "depthbench.models.densedepth",
            "depthbench.models.fpn",
            "depthbench.models.lee",
            "depthbench.models.unet",
        ),
        "depthbench.models",
    ),
    "depthbench.models.dpt": "depthbench.models.decoders.dpt",
    "depthbench.models.hu": "depthbench.models.decoders.hu",
    "depthbench.models.taps": "depthbench.models.intermediate_features",
    "depthbench.tasks.sets": "depthbench.tasks",
}


def _reduction(variant: str) -> dict[str, Any]:
    """Former arguments ``variant`` of losses whose formula is the same in the paper and in the released code."""
    return {"reduction": "holes_as_zero_error" if variant == "released" else "pixel"}


# Arguments of a class (today's name) that changed: former argument -> meaning of its value today.
ARGUMENTS: dict[tuple[str, str], Callable[[Any], dict[str, Any]]] = {
    ("depthbench.protocols.EvalProtocol", "scaling"): lambda value: {"alignment": value},
    ("depthbench.protocols.EvalProtocol", "swapped"): lambda value: {"swap_prediction_and_truth": value},
    **{
        (f"depthbench.losses.{name}", "variant"): _reduction
        for name in ("L1", "L2", "RelativeL1", "Huber", "BerHu", "LogL1")
    },
    **{
        (f"depthbench.losses.{name}", "lam"): lambda value: {"lambda_": value}
        for name in ("Eigen", "EigenGrad", "SILog")
    },
    **{
        (f"depthbench.losses.{name}", "floor"): lambda value: {"min_prediction": value}
        for name in ("LogL1", "SquareRoot", "Eigen", "EigenGrad", "SILog")
    },
    ("depthbench.losses.Translation", "share"): lambda value: {"fraction": value},
    ("depthbench.tasks.Adversarial", "first"): lambda value: {"update_first": value},
}

# Former dotted keys of the configuration -> today's.
KEYS: dict[str, str] = {
    "protocol.scaling": "protocol.alignment",
    "protocol.swapped": "protocol.swap_prediction_and_truth",
    "loss.lam": "loss.lambda_",
    "loss.floor": "loss.min_prediction",
    "task.first": "task.update_first",
}

# Keys that former run folders lack -> the value that gives the code's former behavior.
ADDED: dict[str, Any] = {"protocol.fill_borders": "none"}

# Former options of the groups, as `group=option` -> today's `group=option`.
OPTIONS: dict[str, str] = {
    "protocol=none": "protocol=full",
    "kind=depth": "kind=metric_depth",
    "kind=inverse": "kind=metric_disparity",
    "loss=rebalanced": "loss=lee2020",
    "loss=rebalanced_released": "loss=lee2020_released",
}

_said: set[str] = set()


def say_once(sentence: str) -> None:
    """Print a sentence on stderr the first time that this process has it to say."""
    if sentence not in _said:
        _said.add(sentence)
        print(sentence, file=sys.stderr, flush=True)


def silent(sentence: str) -> None:
    """Say nothing: the names are in a file that an earlier version wrote."""


def current_target(target: str) -> str:
    """Today's name of a class: the name itself, or the successor of a former name."""
    seen = {target}
    while True:
        module, _, name = target.rpartition(".")
        following = CLASSES.get(target) or (f"{MODULES[module]}.{name}" if module in MODULES else target)
        if following in seen:
            return target
        seen.add(following)
        target = following


def renamed(argument: str) -> Callable[[Any], dict[str, Any]]:
    """Make a change for :data:`ARGUMENTS` that gives an unchanged value another argument's name."""
    return lambda value: {argument: value}


def renew_targets(node: Any, say: Callable[[str], None] = say_once) -> Any:
    """A plain tree with today's names in every ``_target_`` and today's arguments beside it."""
    if isinstance(node, list):
        return [renew_targets(value, say) for value in node]
    if not isinstance(node, dict):
        return node
    plain = {key: renew_targets(value, say) for key, value in node.items()}
    former = plain.get("_target_")
    if not isinstance(former, str):
        return plain
    target = current_target(former)
    if target != former:
        say(f"{former} is now {target}.")
    renewed: dict[str, Any] = {}
    for key, value in plain.items():
        change = ARGUMENTS.get((target, key))
        if change is None:
            renewed[key] = target if key == "_target_" else value
        else:
            changed = change(value)
            say(f"{key} of {target} is now {', '.join(changed) or 'gone'}.")
            renewed |= changed
    return renewed


def renew_config(config: Mapping[str, Any], say: Callable[[str], None] = say_once) -> dict[str, Any]:
    """A whole plain configuration under today's names.

    Args:
        config: as it was written, by this version or an earlier one.
        say: takes the sentences with the new names.
    """
    plain: dict[str, Any] = renew_targets(dict(config), say)
    for former, key in KEYS.items():
        found, value = _take(plain, former.split("."))
        if found:
            say(f"{former} is now {key}.")
            _put(plain, key.split("."), value, replace=True)
    for key, value in ADDED.items():
        _put(plain, key.split("."), value, replace=False)
    return plain


def renew(config: DictConfig, say: Callable[[str], None] = say_once) -> DictConfig:
    """:func:`renew_config` of a composed configuration; interpolations stay."""
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=False)  # type: ignore[assignment]
    return OmegaConf.create(renew_config(plain, say))


def _take(tree: dict[str, Any], path: list[str]) -> tuple[bool, Any]:
    for part in path[:-1]:
        following = tree.get(part)
        if not isinstance(following, dict):
            return False, None
        tree = following
    return (True, tree.pop(path[-1])) if path[-1] in tree else (False, None)


def _put(tree: dict[str, Any], path: list[str], value: Any, replace: bool) -> None:
    """Set a value; an added key (``replace`` off) only where its group is there and lacks it."""
    for part in path[:-1]:
        if not isinstance(tree.get(part), dict):
            if not replace:
                return
            tree[part] = {}
        tree = tree[part]
    if replace or path[-1] not in tree:
        tree[path[-1]] = value


def renew_overrides(overrides: Sequence[str], say: Callable[[str], None] = say_once) -> list[str]:
    """Overrides of a command line under today's keys, options and targets; everything else as it is."""
    return [_renew_override(item, say) for item in overrides]


def _renew_override(item: str, say: Callable[[str], None]) -> str:
    marks = item[: len(item) - len(item.lstrip("+~"))]
    key, equals, value = item[len(marks) :].partition("=")
    if not equals and not marks.startswith("~"):
        return item
    today = _current_key(key)
    if today != key:
        say(f"{key} is now {today}.")
    values = [_current_value(today, one, say) for one in value.split(",")]
    return f"{marks}{today}{equals}{','.join(values)}"


def _current_key(key: str) -> str:
    seen = set()
    while key not in seen:
        seen.add(key)
        former = next((old for old in KEYS if key == old or key.startswith(f"{old}.")), None)
        if former is not None:
            key = KEYS[former] + key[len(former) :]
    return key


def _current_value(key: str, value: str, say: Callable[[str], None]) -> str:
    """Today's option of a group, or today's target."""
    if key.endswith("_target_"):
        today = current_target(value)
        if today != value:
            say(f"{value} is now {today}.")
        return today
    option = f"{key}={value}"
    seen = {option}
    while option in OPTIONS and OPTIONS[option] not in seen:
        option = OPTIONS[option]
        seen.add(option)
    if option == f"{key}={value}":
        return value
    say(f"{key}={value} is now {option}.")
    return option.partition("=")[2]

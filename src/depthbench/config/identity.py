"""The identity of a run: everything in its configuration that can change a result.

One list names the keys that can't. A run folder's hash, the cells of the report and ``Done already`` all read it.
Where data lie is not in the hash; which data lie there is compared when a run begins or is found again
(:mod:`depthbench.runs.data_record`), so that a sweep can be planned without opening data.
"""

import fnmatch
import hashlib
import json
from typing import Any

from omegaconf import DictConfig, OmegaConf

from depthbench import __version__
from depthbench.config.aliases import renew_config, silent

# Devices change which pictures share a batch's statistics, so they stay in a run's identity until results are the
# same on any number of devices. Then this tuple joins the list below.
DEVICES = ("trainer.devices", "trainer.num_nodes", "trainer.strategy")

# Where data lie. Patterns match whole keys; a key that is left out is left out with everything below it.
PATHS = ("data.*root", "data.*files", "data.*folder", "data.*path")

NOT_IDENTITY = (
    "output",
    "logger",
    "launch",
    "hydra",
    "run",
    "local",
    # How often something is saved or shown. Any other callback may change training (early stopping does).
    "callbacks.panels*",
    "callbacks.profiles",
    "callbacks.inference_time",
    "callbacks.learning_rate",
    "callbacks.checkpoint*",
    "callbacks.progress*",
    "panels",
    "progress",
    # Speed.
    "data.workers",
    "data.cache",
    "data.cache_folder",
    "data.test_batch_size",
    "data.on_error",  # a run that skips damaged frames is the run without them, or the other one stops
    "trainer.accelerator",
    "trainer.estimate",
    *PATHS,
)

# Arguments that joined a class later, with the values under which it does as before: they are left out, so that runs of
# earlier versions keep their hash, in the class's own node and, where it reads the training frames, in `data`.
_MISSING_DEPTH: dict[str, tuple[Any, ...]] = {"invalid": (None,), "max_depth": (None,)}
LATER: dict[str, dict[str, tuple[Any, ...]]] = {
    "depthbench.data.Hypersim": {"cameras": ("one",)},
    "depthbench.data.KITTI": _MISSING_DEPTH,
    "depthbench.data.Matterport3D": _MISSING_DEPTH,
    "depthbench.data.NYU": _MISSING_DEPTH,
    "depthbench.data.NYULabeled": _MISSING_DEPTH,
    "depthbench.data.Pairs": {
        "part": ("train", "test"),  # which was in the root before
        **dict.fromkeys(("pictures", "depths", "masks", "resize_to", "val_fraction", "test_fraction"), (None,)),
        "bits": (16,),
        "split_by": ("folder",),
        "split_seed": (0,),
    },
}


# Paths of weights that training starts from: two runs are the same if the weights are, which `origin` names.
PINNED = ("init", "continue")

# Settings that joined later, and the key that is null as long as they do nothing: runs of before are the same runs.
SWITCHES = {
    "origin": "origin",
    "init_match": "origin",
    "continue_schedule": "origin",
    "callbacks.best": "callbacks.best.score",
    "callbacks.early_stopping": "callbacks.early_stopping.patience",
    "callbacks.average": "callbacks.average.decay",
    "optim.factors": "optim.factors",
}


def matters(key: str) -> bool:
    """Whether a key of the configuration, or the choice of a group, can change a result.

    Args:
        key: dotted, or a group as on the command line (``data``, ``hydra/launcher``, ``protocol@test``).
    """
    return not _matches(key, NOT_IDENTITY)


def is_path(key: str) -> bool:
    """Whether a key says where data lie."""
    return _matches(key, PATHS)


def _matches(key: str, patterns: tuple[str, ...]) -> bool:
    parts = key.partition("@")[0].replace("/", ".").split(".")
    heads = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(fnmatch.fnmatchcase(head, pattern) for head in heads for pattern in patterns)


def plain(config: DictConfig) -> dict[str, Any]:
    """A configuration as resolved plain data under today's names.

    Raises:
        MissingMandatoryValue: if a value must be given and is not.
    """
    content: dict[str, Any] = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    return renew_config(content, silent)


def identity(content: dict[str, Any], version: str = __version__) -> dict[str, Any]:
    """The part of a plain configuration that can change a result, and the version of the code."""
    kept = {key: value for key, value in content.items() if key not in PINNED}
    for key, switch in SWITCHES.items():
        if _at(content, switch) is None:
            kept = _removed(kept, key.split("."))
    data = kept.get("data")
    if isinstance(data, dict) and isinstance(data.get("train"), dict):
        kept["data"] = _as_before(data, data["train"].get("_target_"))
    return {"version": version, **_without(kept, "")}


def _at(content: Any, key: str) -> Any:
    for part in key.split("."):
        if content and not isinstance(content, dict):
            return content  # a short form: callbacks.best=AbsRel
        content = (content or {}).get(part)
    return content


def _removed(node: dict[str, Any], parts: list[str]) -> dict[str, Any]:
    inside = node.get(parts[0])
    if len(parts) == 1 or not isinstance(inside, dict):
        return {key: value for key, value in node.items() if key != parts[0]} if len(parts) == 1 else node
    return {**node, parts[0]: _removed(inside, parts[1:])}


def _as_before(node: dict[str, Any], target: Any) -> dict[str, Any]:
    """A node without the arguments of :data:`LATER` that change nothing."""
    later = LATER.get(str(target), {})
    return {key: value for key, value in node.items() if key not in later or value not in later[key]}


def _without(node: dict[str, Any], prefix: str) -> dict[str, Any]:
    node = _as_before(node, node.get("_target_"))
    kept = {key: value for key, value in node.items() if matters(f"{prefix}{key}")}
    return {key: _pruned(value, f"{prefix}{key}.") for key, value in kept.items()}


def _pruned(value: Any, prefix: str) -> Any:
    if isinstance(value, list):
        return [_pruned(one, prefix) for one in value]
    return _without(value, prefix) if isinstance(value, dict) else value


def paths(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Places of data that a plain configuration names, by dotted key."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            found |= paths(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            found |= paths({str(index): one for index, one in enumerate(value)}, f"{prefix}{key}.")
        elif is_path(f"{prefix}{key}"):
            found[f"{prefix}{key}"] = value
    return found


def with_paths(content: dict[str, Any], other: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A plain configuration with the places of data of another one, and all else as it is.

    Example:
        >>> from depthbench.config.identity import with_paths
        >>> with_paths({"seed": 1, "data": {"root": "old"}}, {"seed": 2, "data": {"root": "new"}})
        {'seed': 1, 'data': {'root': 'new'}}
    """
    added = {key: value for key, value in other.items() if key not in content and is_path(f"{prefix}{key}")}
    return {key: _placed(value, other.get(key, value), f"{prefix}{key}") for key, value in content.items()} | added


def _placed(value: Any, other: Any, key: str) -> Any:
    if isinstance(value, dict) and isinstance(other, dict):
        return with_paths(value, other, f"{key}.")
    if isinstance(value, list) and isinstance(other, list) and len(value) == len(other):
        return [_placed(one, two, f"{key}.{place}") for place, (one, two) in enumerate(zip(value, other, strict=True))]
    return other if is_path(key) else value


def digest(content: dict[str, Any], version: str = __version__) -> str:
    """SHA-256 of the identity of a plain configuration, in hexadecimal digits."""
    text = json.dumps(identity(content, version), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(config: DictConfig) -> str:
    """Eight hexadecimal digits that name the identity of a run."""
    return digest(plain(config))[:8]

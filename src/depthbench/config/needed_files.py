"""Files that a run needs are looked for before torch, which takes seconds to import, opens them."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from depthbench.config.amounts import frame_count
from depthbench.errors import UserError

LABELED_FILE, SPLITS_FILE = "nyu_depth_v2_labeled.mat", "splits.mat"
LABELED_PAIRS = 795
ENCODER = "depthbench.models.Encoder"  # others may give `pretrained` another meaning
RAW_MANIFEST = "manifest.json"  # of the raw pairs, as `prepare nyu-raw` writes it


def check_needed(config: DictConfig) -> None:
    """Refuse a run whose data or weights are not there, as far as this is known without opening them.

    Raises:
        UserError: naming the first file or folder that is missing.
    """
    check_root(config)
    check_contents(config, ["train", "test"])
    encoder = config.model.get("encoder")
    if OmegaConf.is_dict(encoder) and encoder.get("_target_") == ENCODER and isinstance(encoder.get("pretrained"), str):
        encoder_weights(Path(encoder.pretrained).expanduser())


def encoder_weights(path: Path) -> Path:
    """A file of an encoder's weights.

    Raises:
        UserError: if it is missing.
    """
    if not path.is_file():
        raise UserError(f"There is no file of weights at '{path}'; correct the encoder's `pretrained`.")
    return path


def check_root(config: DictConfig) -> None:
    """Refuse a folder of data that isn't there or is empty.

    Raises:
        UserError: if ``data.root`` is given so.
    """
    root = OmegaConf.select(config, "data.root", throw_on_missing=False)
    if not isinstance(root, str):
        return
    path = Path(root).expanduser()
    if not path.exists():
        raise UserError(f"data.root={root} is missing; give the folder that holds the data set (docs/datasets.md).")
    if path.is_dir() and not any(files for _, _, files in os.walk(path)):
        raise UserError(f"data.root={root} holds no file; give the folder that holds the data set (docs/datasets.md).")


def check_contents(config: DictConfig, parts: Sequence[str]) -> None:
    """Refuse folders that lack the first thing that their readers open, where this is known without opening them.

    Args:
        config: of a run or an evaluation.
        parts: the data sets that will be opened: ``train``, ``test``.

    Raises:
        UserError: naming the folder, and the files that it should hold.
    """
    given = [config.data.get(part) for part in parts]
    plain = [OmegaConf.to_container(part, resolve=True) for part in given if OmegaConf.is_config(part)]
    for node in _nodes(plain):
        look = _LOOKS.get(str(node["_target_"]))
        if look is not None:
            look(node)


def _nodes(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every part of a configuration that names a class, data sets within others too."""
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for value in values:
        yield from _nodes(value)
    if isinstance(node, dict) and "_target_" in node:
        yield node


def check_labeled(root: str | Path) -> None:
    """Refuse a folder that is none of the forms of the labeled part of NYUv2; one that is no folder is left to readers.

    Raises:
        UserError: naming what it lacks.
    """
    path = Path(root).expanduser()
    if not path.is_dir():
        return
    if (path / LABELED_FILE).exists():
        splits_file(path)
        return
    for needed in ("train", "test"):
        if not (path / needed).is_dir():
            raise UserError(f"{path} has neither {LABELED_FILE} nor a folder {needed}; is data.root right?")


def splits_file(root: Path) -> Path:
    """The official ``splits.mat``.

    Raises:
        UserError: if it is missing.
    """
    path = root / SPLITS_FILE
    if not path.is_file():
        raise UserError(
            f"{path} is missing; put the official {SPLITS_FILE} (trainNdxs, testNdxs) beside {LABELED_FILE}."
        )
    return path


def check_amount(labeled_root: str | Path, raw_root: str | Path, split: str | int | None) -> bool:
    """Whether an amount of NYUv2's training frames are labeled pairs; larger amounts are raw pairs.

    Raises:
        UserError: if the folder of these pairs is missing, or not prepared.
    """
    if split is not None and frame_count(split) <= LABELED_PAIRS:
        if not Path(labeled_root).expanduser().is_dir():
            raise UserError(
                f"The labeled part of NYUv2 is missing: there is no folder {labeled_root}. Put {LABELED_FILE} and "
                f"{SPLITS_FILE} there, or set data.labeled_root to the folder that holds them."
            )
        check_labeled(labeled_root)
        return True
    if not (Path(raw_root).expanduser() / RAW_MANIFEST).is_file():
        raise UserError(
            f"data.split={'null' if split is None else split} needs the raw pairs of NYUv2, but {raw_root} holds no "
            f"prepared ones; make them with `python -m depthbench.prepare nyu-raw raw=DOWNLOADS output={raw_root} "
            f"scenes={labeled_root}`, set data.raw_root to the folder that has them, or take "
            f"data.split={LABELED_PAIRS}, the labeled pairs."
        )
    return False


def raw_manifest(root: Path) -> Path:
    """The manifest of prepared raw pairs.

    Raises:
        UserError: if it is missing.
    """
    path = root / RAW_MANIFEST
    if not os.path.lexists(path):
        raise UserError(f"{path} is missing; prepare the folder to its end: depthbench.prepare nyu-raw.")
    return path


def _look_at_raw(node: Mapping[str, Any]) -> None:
    path = Path(str(node["root"])).expanduser()
    if path.is_dir():
        raw_manifest(path)


# The readers call the same functions; all others are heard of when they open their files.
_LOOKS: dict[str, Callable[[Mapping[str, Any]], object]] = {
    "depthbench.data.NYULabeled": lambda node: check_labeled(node["root"]),
    "depthbench.data.NYURaw": _look_at_raw,
    "depthbench.data.NYU": lambda node: check_amount(node["labeled_root"], node["raw_root"], node["split"]),
}

"""Files that a run needs are opened before torch, which takes seconds to import: a wrong folder is said at once."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from safetensors import SafetensorError, safe_open

from depthbench.config.targets import instantiate
from depthbench.errors import UserError
from depthbench.input_files import verify_archive

ENCODER = "depthbench.models.Encoder"  # others may give `pretrained` another meaning
# This package's data sets in files are opened without torch. Rooms are no files, and a mixture's parts are opened one
# by one; a data set of a plug-in is opened by the run.
_READERS = "depthbench.data."
_NO_READERS = ("Rooms", "Mixed")


def check_needed(config: DictConfig) -> None:
    """Refuse a run if its data or weights are missing or of a wrong form; only checks that need no torch.

    Raises:
        UserError: naming the first file or folder that is wrong.
    """
    check_root(config)
    check_contents(config, ["train", "test"])
    encoder = config.model.get("encoder")
    if OmegaConf.is_dict(encoder) and encoder.get("_target_") == ENCODER and isinstance(encoder.get("pretrained"), str):
        encoder_weights(Path(encoder.pretrained).expanduser())


def encoder_weights(path: Path) -> Path:
    """A file of an encoder's weights.

    Raises:
        UserError: if it is missing or damaged, as far as it says so itself.
    """
    if not path.is_file():
        raise UserError(f"There is no file of weights at '{path}'; correct the encoder's `pretrained`.")
    verify_archive(path)
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="np"):
                pass
        except (SafetensorError, OSError) as error:
            raise UserError(f"'{path}' can't be read as .safetensors: {error}; get it again.") from None
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


def check_contents(config: DictConfig, parts: Sequence[str], opened: set[str] | None = None) -> None:
    """Open the data sets in files, so that a wrong folder, a missing unit or a damaged file is said.

    Args:
        config: of a run or an evaluation.
        parts: the data sets that will be opened: ``train``, ``test``.
        opened: data that were opened before, for jobs that share them; newly opened data join it.

    Raises:
        UserError: as their readers.
    """
    opened = set() if opened is None else opened
    given = [config.data.get(part) for part in parts]
    plain = [OmegaConf.to_container(part, resolve=True) for part in given if OmegaConf.is_config(part)]
    for node in _nodes(plain):
        name = str(node["_target_"])
        if name.startswith(_READERS) and name.rpartition(".")[2] not in _NO_READERS:
            text = json.dumps(node, default=str)
            if text not in opened:
                instantiate(node)
                opened.add(text)


def _nodes(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every part of a configuration that names a class, data sets within others too."""
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for value in values:
        yield from _nodes(value)
    if isinstance(node, dict) and "_target_" in node:
        yield node

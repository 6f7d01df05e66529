"""timm networks with their weights: from the hub, from a local file, or random; never half loaded."""

import difflib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub import constants as hub
from huggingface_hub import get_session
from torch import Tensor, nn

from depthbench.config.needed_files import encoder_weights
from depthbench.errors import UserError
from depthbench.input_files import verify_archive


def create_backbone(name: str, pretrained: bool | str | Path, **options: Any) -> nn.Module:
    """Make the timm network ``name`` with its weights.

    Args:
        name: a timm model name.
        pretrained: ``True`` takes timm's weights (from its cache or the network), ``False`` none, a path a
            ``.pth`` (read with ``weights_only``) or ``.safetensors`` file with timm's names.
        options: arguments of ``timm.create_model``.

    Raises:
        UserError: If the name or an option is unknown, or the weights can't be downloaded or do not match.
    """
    name = current_name(name)
    try:
        with torch.device("meta"):
            timm.create_model(name, pretrained=False, **options)
    except (AssertionError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"timm can't make '{name}' with {options}: {error}") from error
    if isinstance(pretrained, bool):
        return _from_hub(name, **options) if pretrained else timm.create_model(name, pretrained=False, **options)
    state = read_weights(name, Path(pretrained).expanduser())
    try:
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"state_dict": state}, **options)
    except RuntimeError as error:
        raise UserError(f"The weights in {pretrained} do not fit {name}: {' '.join(str(error).split())}") from error


def current_name(name: str) -> str:
    """The name that timm has for a network today; older names are resolved with a warning.

    Raises:
        UserError: if there is no such network, or it was removed.
    """
    renamed = timm.models.get_deprecated_models()
    new: str | None = renamed.get(name, name)
    if new is None:
        raise UserError(f"timm has removed the model '{name}' and names no other in its place.")
    if not _exists(new):
        known = timm.list_pretrained(f"{new.partition('.')[0]}.*") or [*timm.list_models(), *timm.list_pretrained()]
        near = difflib.get_close_matches(new, known, n=3) or known[:3]
        called = f"'{name}'" if name == new else f"'{name}', nor '{new}', as it says it is called today"
        raise UserError(f"timm has no model {called}; nearest: {', '.join(near)}.")
    if name != new:
        warnings.warn(f"timm has renamed '{name}': '{new}' is used instead.", stacklevel=2)
    return new


def _exists(name: str) -> bool:
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError:  # the network has no weights of that name
        return False
    return bool(timm.is_model(name))


def _from_hub(name: str, **options: Any) -> nn.Module:
    try:
        with _asked_once():
            return timm.create_model(name, pretrained=True, **options)
    except Exception as error:  # the hub's clients raise many kinds: OSError, RuntimeError, ValueError, their own
        raise UserError(
            f"The pretrained weights of '{name}' can't be downloaded ({type(error).__name__}): connect to the network, "
            "or set the encoder's `pretrained` to a local .pth or .safetensors file, or to false for a random start."
        ) from error


@contextmanager
def _asked_once() -> Iterator[None]:
    """Let the hub's client read its cache only where the hub does not answer: it would try again for a minute."""
    before = hub.HF_HUB_OFFLINE
    try:
        get_session().head(hub.ENDPOINT, timeout=5)
    except Exception:  # whatever the client has for no name, no route, no answer
        hub.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        hub.HF_HUB_OFFLINE = before


def read_weights(name: str, path: Path) -> dict[str, Tensor]:
    """Read a file of weights and compare its names with the timm network ``name``.

    The classifier may be absent or of any size, batch counters may be absent; everything else must match.

    Raises:
        UserError: If the file is missing or unreadable, or names differ (they are listed).
    """
    verify_archive(encoder_weights(path))
    try:
        state: dict[str, Tensor] = timm.models.load_state_dict(str(path), device="cpu", weights_only=True)
    except Exception as error:
        raise UserError(f"'{path}' can't be read as .pth (weights only) or .safetensors: {error}") from error
    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False)
    _compare(name, path, state, network)
    return state


def _compare(name: str, path: Path, state: Mapping[str, Tensor], network: nn.Module) -> None:
    classifier = network.pretrained_cfg.get("classifier") or ()  # type: ignore[union-attr, operator]
    heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)

    def matters(key: str) -> bool:
        return not key.endswith("num_batches_tracked") and key.rpartition(".")[0] not in heads

    expected, found = (set(filter(matters, keys)) for keys in (network.state_dict(), state))
    if expected == found:
        return
    parts = []
    for label, names in (("missing", expected - found), ("unknown", found - expected)):
        if names:
            shown = ", ".join(sorted(names)[:5]) + (", ..." if len(names) > 5 else "")
            parts.append(f"{len(names)} {label} ({shown})")
    raise UserError(f"The names in '{path}' differ from timm's {name}: {'; '.join(parts)}; nothing was loaded.")

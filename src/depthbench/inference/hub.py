"""Trained networks on a hub, and released ones by name from a local mirror."""

import os
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

from depthbench.errors import UserError, first_line

PREFIX = "hub:"
MIRROR = "DEPTHBENCH_MIRROR"  # a folder of exported folders
CHECKOUT = Path(__file__).parents[3] / "networks"
FILES = ("config.json", "model.safetensors", "README.md")


def pull(name: str, files: Sequence[str] = FILES, prefix: str = PREFIX) -> Path:
    """The folder of a network on the hub, downloaded once.

    Args:
        name: ``USER/NAME`` or ``USER/NAME@REVISION``; where the hub is, ``HF_ENDPOINT`` says.
        files: patterns of the files to download.
        prefix: of the name on the command line.

    Raises:
        UserError: if there is no such network, or the hub can't be reached.
    """
    repository, _, revision = name.partition("@")
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=list(files)))
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        if isinstance(error, HfHubHTTPError) and error.response is not None:
            raise UserError(f"{prefix}{name}: the hub has no such network ({first_line(error)}).") from None
        raise UserError(f"{prefix}{name}: the hub can't be reached, and there is no earlier download of it.") from None
    except HFValidationError as error:
        found = f"{prefix}{name} is not a name on the hub ({first_line(error)})"
        raise UserError(f"{found}; write {prefix}USER/NAME.") from None


def push(folder: Path, name: str, private: bool) -> str:
    """Upload an exported folder, and say where it is.

    Raises:
        UserError: if the hub refuses it or can't be reached.
    """
    api = HfApi()
    try:
        api.create_repo(name, private=private, exist_ok=True)
        api.upload_folder(repo_id=name, folder_path=folder, allow_patterns=list(FILES))
    except HFValidationError as error:
        raise UserError(f"{name} is not a name on the hub ({first_line(error)}); write USER/NAME.") from None
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise UserError(
            f"{name} was not uploaded ({first_line(error)}); log in with `hf auth login`, or look whether the hub can "
            "be reached."
        ) from None
    return f"{PREFIX}{name}"


def released(name: str) -> Path | None:
    """The exported folder of a released network; None where there is no such network.

    Args:
        name: of a folder in the mirror that ``DEPTHBENCH_MIRROR`` names, or in ``networks/`` of a checkout.
    """
    mirror = Path(os.environ.get(MIRROR) or CHECKOUT).expanduser()
    if "/" in name or name in ("", ".", ".."):
        return None
    return mirror / name if (mirror / name / "config.json").is_file() else None

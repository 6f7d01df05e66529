"""Where the YAMLs are, and how a configuration is composed from them."""

from pathlib import Path


def config_dir() -> Path:
    """The folder ``conf``: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).parents[1]
    return package / "conf" if (package / "conf").is_dir() else package.parents[1] / "conf"

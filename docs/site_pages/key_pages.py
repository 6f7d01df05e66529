"""Pages of configuration keys: every YAML of ``conf/`` as a table of its keys, values and meanings."""

import re
from pathlib import Path

from docs.site_pages.keys import Key, read_keys
from docs.site_pages.meanings import described_files

LEFT_OUT = ("experiment", "published", "cells", "local", "hydra")


def table(keys: list[Key]) -> str:
    """A Markdown table of keys; empty where there is none."""
    if not keys:
        return ""
    rows = [f"| `{key.name}` | {code(key.value)} | {cell(key.comment)} |" for key in keys]
    return "\n".join(["| Key | Value | Meaning |", "|---|---|---|", *rows]) + "\n"


def code(value: str) -> str:
    """A value as code."""
    return f"`{value}`".replace("|", "\\|") if value else ""


def cell(text: str) -> str:
    """Text of a cell: no bar, and no tag outside of code."""
    parts = re.split(r"(`+[^`]*`+)", text.replace("|", "\\|"))
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


def option(name: str, head: str, keys: list[Key], level: str = "##") -> str:
    """The part of a page about one YAML."""
    return "\n\n".join(part for part in (f"{level} {name}", cell(head), table(keys)) if part)


def groups_of(conf: Path) -> dict[str, list[Path]]:
    """The YAMLs of each group that the site shows."""
    folders = sorted(folder for folder in conf.iterdir() if folder.is_dir() and folder.name not in LEFT_OUT)
    return {folder.name: sorted(folder.rglob("*.yaml")) for folder in folders}


def group_page(name: str, paths: list[Path], keys: dict[Path, list[Key]], conf: Path) -> str:
    """The page of a group."""
    parts = [f"# {name}=", f"{len(paths)} option{'s' if len(paths) != 1 else ''} of the group `{name}`."]
    for path in paths:
        head, _ = read_keys(path.read_text())
        parts.append(option(str(path.relative_to(conf / name).with_suffix("")), head, keys[path]))
    return "\n\n".join(parts) + "\n"


def key_pages(conf: Path) -> dict[str, str]:
    """Pages by their names: one for ``config.yaml``, one for each group."""
    groups, root = groups_of(conf), conf / "config.yaml"
    keys = described_files([root, *(path for paths in groups.values() for path in paths)])
    kept = [key for key in keys[root] if key.name.split(".")[0] != "hydra"]
    links = "\n".join(f"- [{name}](keys/{name}.md)" for name in groups)
    pages = {
        "reference/keys.md": "# Configuration keys\n\n"
        "A key is changed on the command line: `depthbench run seed=1 data.size=[120,160]`. A group is chosen by the "
        "name of an option: `loss=berhu`. Keys of a group begin with the name of the group: `loss.c=0.1`.\n\n"
        f"## Keys of every run\n\n{table(kept)}\n## Groups\n\n{links}\n"
    }
    return pages | {f"reference/keys/{name}.md": group_page(name, paths, keys, conf) for name, paths in groups.items()}

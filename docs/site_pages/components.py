"""Pages of the API and of the components, from the public names and their docstrings."""

import importlib
import inspect
import re
from types import ModuleType
from typing import Any

from docs.site_pages.docstrings import first_paragraph

import depthbench

PAGES = {
    "losses": (
        "Every loss",
        "The formula and its source are the first sentence of each docstring. e = prediction - target.",
    ),
    "metrics": ("Every metric", "The formula and its source are in each docstring. z is the prediction, z* the truth."),
    "models": ("Networks", "Encoders, decoders, depth spaces and the networks that they make."),
    "data": ("Data", "Data sets, the data module, and frames."),
}


def canonical(found: Any, name: str, package: str) -> str:
    """The place where a public object is defined, as mkdocstrings names it."""
    if inspect.isclass(found) or inspect.isfunction(found):
        return f"{found.__module__}.{found.__qualname__}"
    return f"{package}.{name}"


def summary(found: Any) -> str:
    """The first paragraph of a docstring on one line, for a table: no bar, no tag, no star outside of code."""
    parts = re.split(r"(`+[^`]*`+)", first_paragraph(inspect.getdoc(found) or "").replace("|", "\\|"))
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;").replace("*", "\\*") for part in parts)


def api_page() -> str:
    """The functions and classes of ``import depthbench``."""
    found = {name: getattr(depthbench, name) for name in depthbench.__all__}
    # The command of the same name lies where the function is imported from.
    found["evaluate"] = importlib.import_module("depthbench.evaluation.arrays").score_arrays
    parts = ["# From Python: the API", "All of `import depthbench`. [From Python](../python.md) shows how it is used."]
    for name, value in sorted(found.items()):
        if isinstance(value, ModuleType) or not callable(value):
            continue
        parts.append(f"## depthbench.{name}\n\n::: {canonical(value, name, 'depthbench')}")
    return "\n\n".join(parts) + "\n"


def package_page(package: str) -> str:
    """A table of a package's public classes and functions, then each of them in full."""
    module = importlib.import_module(f"depthbench.{package}")
    title, note = PAGES[package]
    names = [name for name in sorted(module.__all__, key=str.lower) if callable(getattr(module, name))]
    rows = [f"| [`{name}`](#{name.lower()}) | {summary(getattr(module, name))} |" for name in names]
    parts = [f"# {title}", note, "\n".join(["| Name | Meaning |", "|---|---|", *rows])]
    parts += [f"## {name}\n\n::: {canonical(getattr(module, name), name, f'depthbench.{package}')}" for name in names]
    return "\n\n".join(parts) + "\n"


def component_pages() -> dict[str, str]:
    """All pages of this kind by their names."""
    return {"reference/api.md": api_page()} | {f"reference/{name}.md": package_page(name) for name in PAGES}

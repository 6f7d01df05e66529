"""Docstrings for the site.

A reference of Sphinx (``:func:`~a.b.c```) is shown as the last part of its name, and a section ``Example:`` is set as
code, which the site's reader of docstrings does for ``Examples:`` only.
"""

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|obj|exc):`(~?)([^`]+)`")


def plain(text: str) -> str:
    """Text with each reference as code, and the section of examples under the title that is known."""
    text = re.sub(r"^(\s*)Example:$", r"\1Examples:", text, flags=re.MULTILINE)
    return ROLE.sub(lambda match: f"`{match[2].rpartition('.')[2] if match[1] else match[2]}`", text)


class PlainRoles(griffe.Extension):
    """Renews the docstring of every object."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for each object after its members are known."""
        if obj.docstring:
            obj.docstring.value = plain(obj.docstring.value)

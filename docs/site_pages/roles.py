"""Docstrings for the site's reader: references and examples in the form that it knows."""

from typing import Any

import griffe
from docs.site_pages.docstrings import plain


class PlainRoles(griffe.Extension):
    """Renews the docstring of every object."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for each object after its members are known."""
        if obj.docstring:
            obj.docstring.value = plain(obj.docstring.value)

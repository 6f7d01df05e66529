"""Things of the parent that a fork must not remove."""

import tempfile
import weakref
from pathlib import Path


def own_temporary_folders() -> None:
    """Give this fork empty temporary folders in place of the parent's, which the parent removes itself.

    Packages make such folders when they are imported (W&B one for pictures) and remove them when their process ends.
    The first fork that ended would leave none for the next one.
    """
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]  # nothing else knows them all
        known = finalizer.peek()
        if known is not None and isinstance(known[0], tempfile.TemporaryDirectory):
            finalizer.detach()
            folder, place = known[0], Path(known[0].name)
            # The same object: others hold it, and its method `cleanup` may be registered to be called at the end.
            tempfile.TemporaryDirectory.__init__(folder, prefix=f"{place.name}-", dir=place.parent)

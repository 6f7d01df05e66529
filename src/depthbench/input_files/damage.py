"""Errors that libraries raise on damaged archives, turned into a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from depthbench.errors import UserError


@contextmanager
def told_damage(where: object, kind: str, raised: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn errors of a library into a sentence.

    Args:
        where: the archive or its member.
        kind: of archive: ``zip``.
        raised: errors of the library on damaged ones.

    Raises:
        UserError: in place of such an error; one that is raised inside stays.

    Example:
        >>> from depthbench.input_files.damage import told_damage
        >>> try:
        ...     with told_damage("a.zip", "zip", (EOFError,)):
        ...         raise EOFError("no end")
        ... except Exception as error:
        ...     print(error)
        a.zip is damaged, truncated or not a zip (no end); download or make it again.
    """
    try:
        yield
    except UserError:
        raise
    except raised as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"{where} is damaged, truncated or not a {kind} ({reason}); download or make it again."
        ) from error

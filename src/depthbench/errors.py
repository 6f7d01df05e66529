"""The one exception that reaches users."""


class UserError(ValueError):
    """A user's mistake in one sentence: what is wrong, where, and what to do.

    Commands print the sentence and exit with status 2; from Python it is an ordinary ``ValueError``.
    """


class DamagedFrame(UserError):
    """A frame of a data set that can't be read; its other frames may be sound."""


def first_line(error: BaseException, longest: int = 200) -> str:
    """First line of an error's text, or the name of its class where it has no text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:longest]


def reason_of(error: Exception, path: object, longest: int = 300) -> str:
    """Text of an error on one line, without ``path`` at its beginning, for a sentence that already names the path."""
    told = " ".join(str(error).split()) or type(error).__name__
    return told.removeprefix(f"{path} ")[:longest].rstrip(".")

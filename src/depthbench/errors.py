"""The one exception that reaches users."""


class UserError(ValueError):
    """A user's mistake in one sentence: what is wrong, where, and what to do.

    Commands print the sentence and exit with status 2; from Python it is an ordinary ``ValueError``.
    """

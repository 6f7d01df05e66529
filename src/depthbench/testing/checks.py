"""The base of all checks."""

from collections.abc import Callable

from depthbench.errors import UserError


class Checks:
    """Checks of one component: its methods ``check_...``, each of which raises AssertionError with a sentence."""

    def names(self) -> list[str]:
        """The names of all checks, as sentences: ``a perfect prediction has finite gradients``."""
        found = sorted(name for name in dir(self) if name.startswith("check_"))
        return [name.removeprefix("check_").replace("_", " ") for name in found]

    def run(self, name: str) -> None:
        """Run a check.

        Args:
            name: one of :meth:`names`.

        Raises:
            AssertionError: where the component fails it.
        """
        check: Callable[[], None] = getattr(self, "check_" + name.replace(" ", "_"))
        check()

    def failures(self) -> dict[str, str]:
        """The checks that fail, and why, in one line each."""
        found = {}
        for name in self.names():
            try:
                self.run(name)
            except (AssertionError, UserError) as error:
                found[name] = " ".join(str(error).split())[:300] or "it does not"
            except Exception as error:  # whatever somebody's code raises
                found[name] = f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
        return found


def require(holds: object, sentence: str) -> None:
    """Fail a check with a sentence.

    Raises:
        AssertionError: unless it holds; not by ``assert``, which ``python -O`` leaves out.
    """
    if not holds:
        raise AssertionError(sentence)

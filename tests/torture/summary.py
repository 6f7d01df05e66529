"""What one part of the torture found."""

from dataclasses import dataclass, field


@dataclass
class Failure:
    """A promise that was broken.

    Args:
        what: a sentence: which promise, how it was broken.
        reproduction: the command line that breaks it again.
    """

    what: str
    reproduction: str


@dataclass
class Summary:
    """Counts of one part, such as ``kills`` or ``files``.

    Args:
        name: of the part.
        wanted: how many tries were asked for.
        done: how many there were.
        failures: of the tries.
        numbers: whatever else was counted or measured, by its name in words; a value has its unit.
        missing: a sentence where the part could not run, or not in full.
    """

    name: str
    wanted: int
    done: int = 0
    failures: list[Failure] = field(default_factory=list)
    numbers: dict[str, int | float | str] = field(default_factory=dict)
    missing: str = ""

    @property
    def passed(self) -> bool:
        """Whether all tries were made and no promise was broken."""
        return not self.failures and self.done >= self.wanted

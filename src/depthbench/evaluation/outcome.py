"""The outcome of an evaluation: scores of its inputs, of depth maps or of pairs of points, and their differences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from depthbench.output_kinds import OutputKind
from depthbench.protocols import EvalProtocol
from depthbench.results.records import DataRecord, ModelRecord
from depthbench.stats.crossed import Difference
from depthbench.stats.image_sums import PerImageSums
from depthbench.stats.intervals import Limits


class ScoredInput(Protocol):
    """One input; every method answers for one protocol.

    Attributes:
        name: of the input.
        kind: of the predictions.
        frames: names of the images.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def kind(self) -> OutputKind: ...  # noqa: D102

    @property
    def frames(self) -> list[str]: ...  # noqa: D102

    def standard(self) -> tuple[str, ...]:
        """Names of the scores that stand in a row of tables."""
        ...

    def further(self) -> tuple[str, ...]:
        """Names of the others, which have tables of their own."""
        ...

    def shown(self) -> tuple[str, ...]:
        """Names of all scores that tables show and tests compare."""
        ...

    def columns(self) -> tuple[str, ...]:
        """Names of the numbers of each image."""
        ...

    def addends(self, protocol: EvalProtocol, seed: int = 0) -> list[PerImageSums]:
        """Sums that statistics resample."""
        ...

    def scores(self, protocol: EvalProtocol) -> Mapping[str, float]:
        """All scores, with ``images``, ``images_empty`` and ``images_nonfinite``."""
        ...

    def per_image(self, protocol: EvalProtocol) -> Mapping[str, Sequence[float]]:
        """Numbers of each image, with ``pixels``: how much each weighs."""
        ...


@dataclass(frozen=True)
class Paired:
    """Two inputs under one protocol; p-values of each score adjusted for all pairs of inputs."""

    protocol: str
    first: str
    second: str
    differences: dict[str, Difference]
    adjusted: dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """Everything that the forms show.

    Attributes:
        protocols: that were scored.
        scored: the inputs.
        scores: by input, protocol and score (with counts).
        limits: of the 95 % intervals, by input, protocol and score.
        paired: all pairs of inputs under all protocols.
        refused: sentences of protocols that were left out.
        notes: sentences that a reader of the numbers must know.
        models: the inputs.
        data: their test sets.
        options: of the command, as far as they may change a score.
    """

    protocols: list[EvalProtocol]
    scored: Sequence[ScoredInput]
    scores: dict[str, dict[str, Mapping[str, float]]]
    limits: dict[str, dict[str, dict[str, Limits]]]
    paired: list[Paired]
    refused: dict[str, str]
    notes: list[str]
    models: list[ModelRecord] = field(default_factory=list)
    data: DataRecord | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def standard(self) -> tuple[str, ...]:
        """Names of the scores that stand in a row of tables."""
        return self.scored[0].standard()

    @property
    def further(self) -> tuple[str, ...]:
        """Names of the scores besides the standard ones, perhaps none."""
        return self.scored[0].further()

    def lines(self) -> Iterator[tuple[str, str]]:
        """Inputs with their protocols, as tables list them."""
        return ((one.name, protocol.name) for protocol in self.protocols for one in self.scored)

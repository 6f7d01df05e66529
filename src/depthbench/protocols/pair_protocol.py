"""Rules for annotated pairs of points: no truth in metres, so nothing is aligned, limited or cropped."""

from dataclasses import dataclass

from depthbench.output_kinds import OutputKind
from depthbench.protocols.protocol import EvalProtocol


@dataclass(frozen=True, kw_only=True)
class PairProtocol(EvalProtocol):
    """Share of annotated pairs of points whose closer point is predicted to be closer.

    Of the fields of :class:`EvalProtocol` it is ``resize`` that acts, from the size of a prediction to that of the
    picture's file. Only the command ``evaluate`` scores by it.

    Example:
        >>> from depthbench.protocols import load_protocol
        >>> load_protocol("da2k").refuses("affine_disparity") is None
        True
    """

    def refuses(self, kind: OutputKind) -> str | None:
        """Nothing: every kind orders points."""
        return None

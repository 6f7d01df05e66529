"""Protocols: the rules under which predictions are scored, and the scorer."""

from depthbench.protocols.alignment import Alignment, Declared
from depthbench.protocols.image_metrics import Camera, Structure
from depthbench.protocols.kinds import fitting_alignments, refused_kind
from depthbench.protocols.load import load_protocol, protocol_from
from depthbench.protocols.pair_protocol import PairProtocol
from depthbench.protocols.protocol import EvalProtocol
from depthbench.protocols.scorer import ScoredImages, Scorer

__all__ = [
    "Alignment",
    "Camera",
    "Declared",
    "EvalProtocol",
    "PairProtocol",
    "ScoredImages",
    "Scorer",
    "Structure",
    "fitting_alignments",
    "load_protocol",
    "protocol_from",
    "refused_kind",
]

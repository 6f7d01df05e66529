"""Protocols: the rules under which predictions are scored."""

from depthbench.protocols.image_metrics import Camera, Structure
from depthbench.protocols.multi_protocol import ProtocolSuite
from depthbench.protocols.protocol import EvalProtocol

__all__ = [
    "Camera",
    "EvalProtocol",
    "ProtocolSuite",
    "Structure",
]

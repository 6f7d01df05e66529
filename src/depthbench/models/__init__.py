"""Encoders, decoders, depth spaces and discriminators, and how they compose."""

from depthbench.models.d3net import D3NetDecoder
from depthbench.models.decoder import Decoder
from depthbench.models.depthnet import DepthNet, Predictor
from depthbench.models.discriminators import ImageBuffer, PatchDiscriminator
from depthbench.models.encoder import Encoder
from depthbench.models.spaces import Bounded, Log, Metric, Reciprocal
from depthbench.models.unet import UNetDecoder

__all__ = [
    "Bounded",
    "D3NetDecoder",
    "Decoder",
    "DepthNet",
    "Encoder",
    "ImageBuffer",
    "Log",
    "Metric",
    "PatchDiscriminator",
    "Predictor",
    "Reciprocal",
    "UNetDecoder",
]

"""Encoders, decoders, depth spaces and discriminators, and how they compose."""

from depthbench.models.d3net import D3NetDecoder
from depthbench.models.decoder import Decoder
from depthbench.models.densedepth import DenseDepthDecoder
from depthbench.models.depthnet import DepthModel, DepthNet, Predictor
from depthbench.models.discriminators import ImageBuffer, PatchDiscriminator
from depthbench.models.dpt import DPTDecoder
from depthbench.models.encoder import Encoder
from depthbench.models.fpn import FPNDecoder
from depthbench.models.gradient_fusion import fuse_gradients, fusion_energy
from depthbench.models.hu import HuDecoder
from depthbench.models.layout import prefers_channels_last
from depthbench.models.lee import LeeDecoder
from depthbench.models.relative_fusion import fuse_relative
from depthbench.models.spaces import Bounded, Log, Metric, Reciprocal
from depthbench.models.transfer import parameter_groups
from depthbench.models.two_stream import STAGES, StreamMaps, TwoStreamNet
from depthbench.models.uncertainty import Uncertain, dropout_on, predict_uncertain
from depthbench.models.unet import UNetDecoder
from depthbench.ops import fill_cross_bilateral

__all__ = [
    "STAGES",
    "Bounded",
    "D3NetDecoder",
    "DPTDecoder",
    "Decoder",
    "DenseDepthDecoder",
    "DepthModel",
    "DepthNet",
    "Encoder",
    "FPNDecoder",
    "HuDecoder",
    "ImageBuffer",
    "LeeDecoder",
    "Log",
    "Metric",
    "PatchDiscriminator",
    "Predictor",
    "Reciprocal",
    "StreamMaps",
    "TwoStreamNet",
    "UNetDecoder",
    "Uncertain",
    "dropout_on",
    "fill_cross_bilateral",
    "fuse_gradients",
    "fuse_relative",
    "fusion_energy",
    "parameter_groups",
    "predict_uncertain",
    "prefers_channels_last",
]

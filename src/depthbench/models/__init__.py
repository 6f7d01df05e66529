"""Encoders, decoders, depth spaces and discriminators, and how they compose."""

from depthbench.models.decoders.d3net import D3NetDecoder
from depthbench.models.decoders.decoder import Decoder, DepthHead
from depthbench.models.decoders.densedepth import DenseDepthDecoder
from depthbench.models.decoders.dpt import DPTDecoder
from depthbench.models.decoders.fpn import FPNDecoder
from depthbench.models.decoders.hu import HuDecoder
from depthbench.models.decoders.lee import LeeDecoder
from depthbench.models.decoders.unet import UNetDecoder
from depthbench.models.depth_spaces import InverseDepth, LogDepth, MetricDepth, TanhDepth
from depthbench.models.depthnet import DepthModel, DepthNet, PredictModule
from depthbench.models.discriminators import ImageBuffer, PatchDiscriminator
from depthbench.models.encoder import Encoder
from depthbench.models.flip import predict_mirrored, predict_with_flip
from depthbench.models.gradient_fusion import fuse_gradients, fusion_energy
from depthbench.models.memory_format import prefers_channels_last
from depthbench.models.parameter_groups import parameter_groups
from depthbench.models.precision import faster_precision
from depthbench.models.relative_fusion import fuse_relative
from depthbench.models.two_stream import STAGES, StreamMaps, TwoStreamNet
from depthbench.models.uncertainty import DepthWithUncertainty, dropout_on, predict_uncertain

__all__ = [
    "STAGES",
    "D3NetDecoder",
    "DPTDecoder",
    "Decoder",
    "DenseDepthDecoder",
    "DepthHead",
    "DepthModel",
    "DepthNet",
    "DepthWithUncertainty",
    "Encoder",
    "FPNDecoder",
    "HuDecoder",
    "ImageBuffer",
    "InverseDepth",
    "LeeDecoder",
    "LogDepth",
    "MetricDepth",
    "PatchDiscriminator",
    "PredictModule",
    "StreamMaps",
    "TanhDepth",
    "TwoStreamNet",
    "UNetDecoder",
    "dropout_on",
    "faster_precision",
    "fuse_gradients",
    "fuse_relative",
    "fusion_energy",
    "parameter_groups",
    "predict_mirrored",
    "predict_uncertain",
    "predict_with_flip",
    "prefers_channels_last",
]

"""Augmentation: policies over image, depth and intrinsics together, random only by the generator given."""

from depthbench.data.augment.color import Color, Gamma, PermuteChannels
from depthbench.data.augment.geometry import Crop, Flip, Rotate, Zoom, warp
from depthbench.data.augment.library import Albumentations
from depthbench.data.augment.policy import OneOf, Policy, Transform

__all__ = [
    "Albumentations",
    "Color",
    "Crop",
    "Flip",
    "Gamma",
    "OneOf",
    "PermuteChannels",
    "Policy",
    "Rotate",
    "Transform",
    "Zoom",
    "warp",
]

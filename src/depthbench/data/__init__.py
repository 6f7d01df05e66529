"""Frames in: readers, splits, sizes."""

from depthbench.data.augment import Policy
from depthbench.data.frame import Batch, Frame, collate
from depthbench.data.loader import Cached, StreamBatches, StreamLoader, UnpaddedSampler
from depthbench.data.module import DataModule
from depthbench.data.nyu_labeled import NYULabeled
from depthbench.data.pairs import Pairs
from depthbench.data.reader import Reader
from depthbench.data.resize import Sample, resize_depth, resize_intrinsics, resize_rgb, to_frame
from depthbench.data.rooms import Rooms
from depthbench.data.splits import evenly_spaced, frame_count

__all__ = [
    "Batch",
    "Cached",
    "DataModule",
    "Frame",
    "NYULabeled",
    "Pairs",
    "Policy",
    "Reader",
    "Rooms",
    "Sample",
    "StreamBatches",
    "StreamLoader",
    "UnpaddedSampler",
    "collate",
    "evenly_spaced",
    "frame_count",
    "resize_depth",
    "resize_intrinsics",
    "resize_rgb",
    "to_frame",
]

"""Frames in: readers, splits, sizes."""

from depthbench.data.augment import Policy
from depthbench.data.cache import Cached, Kept
from depthbench.data.cached_files import CachedFiles
from depthbench.data.frame import Batch, Frame, collate
from depthbench.data.kitti import KITTI
from depthbench.data.loader import StreamBatches, StreamLoader, UnpaddedSampler
from depthbench.data.make3d import Make3D
from depthbench.data.matterport import Matterport3D
from depthbench.data.mixed import Mixed
from depthbench.data.module import DataModule
from depthbench.data.nyu_labeled import NYULabeled
from depthbench.data.nyu_raw import NYURaw
from depthbench.data.nyu_sync import NYUSync
from depthbench.data.pairs import Pairs
from depthbench.data.reader import Reader
from depthbench.data.resize import Sample, resize_depth, resize_intrinsics, resize_rgb, to_frame
from depthbench.data.rooms import Rooms
from depthbench.data.skip import SkipDamaged
from depthbench.data.splits import evenly_spaced, frame_count
from depthbench.data.sunrgbd import SUNRGBD
from depthbench.data.zipped import DenseDepth, Zipped

__all__ = [
    "KITTI",
    "SUNRGBD",
    "Batch",
    "Cached",
    "CachedFiles",
    "DataModule",
    "DenseDepth",
    "Frame",
    "Kept",
    "Make3D",
    "Matterport3D",
    "Mixed",
    "NYULabeled",
    "NYURaw",
    "NYUSync",
    "Pairs",
    "Policy",
    "Reader",
    "Rooms",
    "Sample",
    "SkipDamaged",
    "StreamBatches",
    "StreamLoader",
    "UnpaddedSampler",
    "Zipped",
    "collate",
    "evenly_spaced",
    "frame_count",
    "resize_depth",
    "resize_intrinsics",
    "resize_rgb",
    "to_frame",
]

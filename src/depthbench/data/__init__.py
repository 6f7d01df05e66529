"""Frames in: readers, splits, sizes."""

from depthbench.config.amounts import evenly_spaced, frame_count
from depthbench.data.augment.policy import Policy
from depthbench.data.cache.disk import DiskCache
from depthbench.data.cache.memory import MemoryCache
from depthbench.data.cache.packed import PackedDataset
from depthbench.data.frame import Batch, Frame, collate
from depthbench.data.mixed import Mixed
from depthbench.data.module import DataModule
from depthbench.data.readers.bonn import Bonn
from depthbench.data.readers.booster import Booster
from depthbench.data.readers.corrupted import Corrupted
from depthbench.data.readers.ddad import DDAD
from depthbench.data.readers.diode import DIODE
from depthbench.data.readers.eth3d import ETH3D
from depthbench.data.readers.hammer import HAMMER
from depthbench.data.readers.hypersim import Hypersim
from depthbench.data.readers.ibims import IBims1
from depthbench.data.readers.kitti import KITTI
from depthbench.data.readers.make3d import Make3D
from depthbench.data.readers.matterport import Matterport3D
from depthbench.data.readers.moge import MoGeBundle
from depthbench.data.readers.nyu import NYU
from depthbench.data.readers.nyu_labeled import NYULabeled
from depthbench.data.readers.nyu_raw import NYURaw
from depthbench.data.readers.nyu_sync import NYUSync
from depthbench.data.readers.pairs import Pairs
from depthbench.data.readers.reader import Reader
from depthbench.data.readers.rooms import Rooms
from depthbench.data.readers.scannet import ScanNet
from depthbench.data.readers.scene_files import SceneFiles
from depthbench.data.readers.sintel import Sintel
from depthbench.data.readers.spring import Spring
from depthbench.data.readers.sunrgbd import SUNRGBD
from depthbench.data.readers.syns import SYNSPatches
from depthbench.data.readers.tum import TUM
from depthbench.data.readers.virtual_kitti import VirtualKITTI2
from depthbench.data.readers.void import VOID
from depthbench.data.readers.zipped import DenseDepthNYU, Zipped
from depthbench.data.sample import Sample, to_frame
from depthbench.data.skip import SkipDamaged
from depthbench.data.stream import StreamBatches, StreamLoader, UnpaddedSampler

__all__ = [
    "DDAD",
    "DIODE",
    "ETH3D",
    "HAMMER",
    "KITTI",
    "NYU",
    "SUNRGBD",
    "TUM",
    "VOID",
    "Batch",
    "Bonn",
    "Booster",
    "Corrupted",
    "DataModule",
    "DenseDepthNYU",
    "DiskCache",
    "Frame",
    "Hypersim",
    "IBims1",
    "Make3D",
    "Matterport3D",
    "MemoryCache",
    "Mixed",
    "MoGeBundle",
    "NYULabeled",
    "NYURaw",
    "NYUSync",
    "PackedDataset",
    "Pairs",
    "Policy",
    "Reader",
    "Rooms",
    "SYNSPatches",
    "Sample",
    "ScanNet",
    "SceneFiles",
    "Sintel",
    "SkipDamaged",
    "Spring",
    "StreamBatches",
    "StreamLoader",
    "UnpaddedSampler",
    "VirtualKITTI2",
    "Zipped",
    "collate",
    "evenly_spaced",
    "frame_count",
    "to_frame",
]

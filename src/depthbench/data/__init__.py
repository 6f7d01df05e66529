"""Frames in: readers, splits, sizes. Modules are imported when their names are first used; readers need no torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from depthbench.config.amounts import evenly_spaced, frame_count
    from depthbench.data.augment.policy import Policy
    from depthbench.data.cache.disk import DiskCache
    from depthbench.data.cache.memory import MemoryCache
    from depthbench.data.cache.packed import PackedDataset
    from depthbench.data.frame import Batch, Frame, collate, to_frame
    from depthbench.data.mixed import Mixed
    from depthbench.data.module import DataModule
    from depthbench.data.readers.bonn import Bonn
    from depthbench.data.readers.booster import Booster
    from depthbench.data.readers.corrupted import Corrupted
    from depthbench.data.readers.da2k import DA2K
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
    from depthbench.data.sample import Sample
    from depthbench.data.skip import SkipDamaged
    from depthbench.data.stream import StreamBatches, StreamLoader, UnpaddedSampler

_NAMES = {
    "depthbench.config.amounts": (
        "evenly_spaced",
        "frame_count",
    ),
    "depthbench.data.augment.policy": ("Policy",),
    "depthbench.data.cache.disk": ("DiskCache",),
    "depthbench.data.cache.memory": ("MemoryCache",),
    "depthbench.data.cache.packed": ("PackedDataset",),
    "depthbench.data.frame": (
        "Batch",
        "Frame",
        "collate",
        "to_frame",
    ),
    "depthbench.data.mixed": ("Mixed",),
    "depthbench.data.module": ("DataModule",),
    "depthbench.data.readers.bonn": ("Bonn",),
    "depthbench.data.readers.booster": ("Booster",),
    "depthbench.data.readers.corrupted": ("Corrupted",),
    "depthbench.data.readers.da2k": ("DA2K",),
    "depthbench.data.readers.ddad": ("DDAD",),
    "depthbench.data.readers.diode": ("DIODE",),
    "depthbench.data.readers.eth3d": ("ETH3D",),
    "depthbench.data.readers.hammer": ("HAMMER",),
    "depthbench.data.readers.hypersim": ("Hypersim",),
    "depthbench.data.readers.ibims": ("IBims1",),
    "depthbench.data.readers.kitti": ("KITTI",),
    "depthbench.data.readers.make3d": ("Make3D",),
    "depthbench.data.readers.matterport": ("Matterport3D",),
    "depthbench.data.readers.moge": ("MoGeBundle",),
    "depthbench.data.readers.nyu": ("NYU",),
    "depthbench.data.readers.nyu_labeled": ("NYULabeled",),
    "depthbench.data.readers.nyu_raw": ("NYURaw",),
    "depthbench.data.readers.nyu_sync": ("NYUSync",),
    "depthbench.data.readers.pairs": ("Pairs",),
    "depthbench.data.readers.reader": ("Reader",),
    "depthbench.data.readers.rooms": ("Rooms",),
    "depthbench.data.readers.scannet": ("ScanNet",),
    "depthbench.data.readers.scene_files": ("SceneFiles",),
    "depthbench.data.readers.sintel": ("Sintel",),
    "depthbench.data.readers.spring": ("Spring",),
    "depthbench.data.readers.sunrgbd": ("SUNRGBD",),
    "depthbench.data.readers.syns": ("SYNSPatches",),
    "depthbench.data.readers.tum": ("TUM",),
    "depthbench.data.readers.virtual_kitti": ("VirtualKITTI2",),
    "depthbench.data.readers.void": ("VOID",),
    "depthbench.data.readers.zipped": (
        "DenseDepthNYU",
        "Zipped",
    ),
    "depthbench.data.sample": ("Sample",),
    "depthbench.data.skip": ("SkipDamaged",),
    "depthbench.data.stream": (
        "StreamBatches",
        "StreamLoader",
        "UnpaddedSampler",
    ),
}
_PLACES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "DA2K",
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


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"depthbench.data has no {name}; it offers {', '.join(__all__)}.")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return __all__

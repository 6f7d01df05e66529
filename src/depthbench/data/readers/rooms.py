"""The rooms as a data set: 249 training and 215 test scenes, as NYUv2 has, and no file."""

import hashlib
from typing import Literal

import torch
from torch.utils.data import Dataset

from depthbench.config.amounts import evenly_spaced
from depthbench.data.frame import Frame
from depthbench.data.held_out import Share, check_share
from depthbench.errors import UserError
from depthbench.rooms.camera import FRAMES
from depthbench.rooms.render import render

VERSION = 2
"""Counts up when frames change, so that no run is mistaken for one on other frames."""
SCENES = {"train": 249, "test": 215, "ood": 250, "val": 12}
POOL = {"train": 230_000, "test": 654, "ood": 1000, "val": 12_000}
_FIRST = {"train": 0, "test": 249, "ood": 464, "val": 714}
OOD_SHA256 = "aee743df25de0941105f90ab84d3afca4c6be3751bb412eced6c36fa97f37dfc"
""":meth:`Rooms.fingerprint` of the frozen part at (60, 80) without sensor."""


class Rooms(Dataset[Frame]):
    """Procedural indoor frames.

    Args:
        part: ``"train"`` (249 scenes, a pool of 230,000 frames), ``"test"`` (215 other scenes, 654 frames), ``"ood"``
            (250 others again, 1000 frames that never change within a version) or ``"val"`` (12 others, for curves).
        split: how many frames, evenly spaced over the pool: ``795``, ``"12k"``, ``"230k"`` or any number;
            None is 795 for training and all for testing.
        size: height and width of image and depth.
        sensor: depth as a Kinect-like sensor reports it (0 = missing); False gives the exact depth.
        seed: the world; another number gives other rooms.
        device: where frames are rendered.
        version: of the frames; only the present one can be drawn.

    Raises:
        UserError: if an argument is none of these.

    Example:
        >>> from depthbench.data import Rooms
        >>> rooms = Rooms("test", split=10, size=(24, 32), sensor=False)
        >>> frame = rooms[3]
        >>> frame.image.shape, frame.depth.shape
        (torch.Size([3, 24, 32]), torch.Size([1, 24, 32]))
        >>> bool((frame.depth > 0).all())  # metres, nothing missing without a sensor
        True
    """

    known_as = "NYUv2"  # rooms are made like it

    def __init__(
        self,
        part: Literal["train", "test", "ood", "val"] = "train",
        split: str | int | None = None,
        size: tuple[int, int] = (128, 160),
        sensor: bool = True,
        seed: int = 0,
        device: str | torch.device = "cpu",
        version: int = VERSION,
    ) -> None:
        if part not in SCENES:
            raise UserError(f"Rooms have no part {part!r}; ask for part=train, part=test, part=ood or part=val.")
        if version != VERSION:
            raise UserError(f"data.version={version}: this depthbench draws rooms of version {VERSION} only.")
        if len(size) != 2 or min(size) < 16:
            raise UserError(f"Rooms cannot be rendered at size={tuple(size)}; give height and width of 16 or more.")
        self.part = part
        self.size = (int(size[0]), int(size[1]))
        self.sensor = sensor
        self.seed = seed
        self.device = device
        usual = 795 if part == "train" else POOL[part]
        self._indices = evenly_spaced(POOL[part], usual if split is None else split)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self._indices)

    def place(self, index: int) -> tuple[int, int]:
        """Scene number and frame number of a frame of this data set."""
        pooled, pool, scenes = self._indices[index], POOL[self.part], SCENES[self.part]
        scene = pooled * scenes // pool
        first, after = -(-scene * pool // scenes), -(-(scene + 1) * pool // scenes)
        # A scene's frames are spread over the whole of its camera's way.
        frame = (2 * (pooled - first) + 1) * FRAMES // (2 * (after - first))
        return _FIRST[self.part] + scene, frame

    @property
    def names(self) -> list[str]:
        """``rooms/SCENE/FRAME`` of every frame."""
        return [_name(*self.place(index)) for index in range(len(self))]

    @property
    def key(self) -> str:
        """A folder's name from everything that the frames depend on."""
        depth = "sensed" if self.sensor else "exact"
        made = f"v{VERSION}-{torch.device(self.device).type}-seed{self.seed}-{self.size[0]}x{self.size[1]}-{depth}"
        return f"rooms-{made}-{self.part}-{len(self)}"

    def scene(self, index: int) -> int:
        """Scene number of a frame: 0 to 248 for training, 249 to 463 for testing, from 464 "ood", from 714 "val"."""
        return self.place(index)[0]

    def hold_out(self, share: Share, frames: int | None) -> tuple["Rooms", "Rooms"]:
        """Themselves, and exact depth of scenes that no part has: rooms have scenes to spare."""
        check_share(share)
        return self, Rooms("val", 32 if frames is None else frames, self.size, False, self.seed, self.device)

    def fingerprint(self, count: int = 10) -> str:
        """SHA-256 of evenly spaced frames: the bytes of image and depth in millimetres."""
        frames = self.__getitems__([index * len(self) // count for index in range(count)])
        digest = hashlib.sha256()
        for frame in frames:
            digest.update((frame.image * 255).round().to(torch.uint8).numpy(force=True).tobytes())
            digest.update((frame.depth * 1000).round().to(torch.int32).numpy(force=True).tobytes())
        return digest.hexdigest()

    def __getitem__(self, index: int) -> Frame:
        """Render one frame."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[Frame]:
        """Render frames together, as a data loader asks for them."""
        places = [self.place(index) for index in indices]
        scenes, frames = torch.tensor(places).unbind(1)
        out = render(scenes, frames, self.size, self.device, self.seed)
        depth = out.sensed if self.sensor else out.depth
        names = [_name(*place) for place in places]
        return [Frame(*parts) for parts in zip(out.image, depth, out.intrinsics, names, strict=True)]


def _name(scene: int, frame: int) -> str:
    return f"rooms/{scene:03d}/{frame:03d}"

"""The rooms as a data set: 249 training and 215 test scenes, as NYUv2 has, and no file."""

from typing import Literal

import torch
from torch.utils.data import Dataset

from depthbench.data.frame import Frame
from depthbench.data.rooms.camera import FRAMES
from depthbench.data.rooms.render import render
from depthbench.data.splits import evenly_spaced
from depthbench.errors import UserError

SCENES = {"train": 249, "test": 215}
POOL = {"train": 230_000, "test": 654}
_FIRST = {"train": 0, "test": 249}


class Rooms(Dataset[Frame]):
    """Procedural indoor frames.

    Args:
        part: ``"train"`` (249 scenes, a pool of 230,000 frames) or ``"test"`` (215 other scenes, 654 frames).
        split: how many frames, evenly spaced over the pool: ``795``, ``"12k"``, ``"230k"`` or any number;
            None is 795 for training and all 654 for testing.
        size: height and width of image and depth.
        sensor: depth as a Kinect-like sensor reports it (0 = missing); False gives the exact depth.
        seed: the world; another number gives other rooms.
        device: where frames are rendered.

    Raises:
        UserError: if an argument is none of these.
    """

    def __init__(
        self,
        part: Literal["train", "test"] = "train",
        split: str | int | None = None,
        size: tuple[int, int] = (128, 160),
        sensor: bool = True,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        if part not in SCENES:
            raise UserError(f"Rooms have no part {part!r}; ask for part=train or part=test.")
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

    def scene(self, index: int) -> int:
        """Scene number of a frame: 0 to 248 for training, 249 to 463 for testing."""
        return self.place(index)[0]

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

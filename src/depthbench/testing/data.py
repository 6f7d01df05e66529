"""Checks that every data set and every augmentation must pass."""

import pickle
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthbench.data import Frame, collate
from depthbench.data.augment import Transform
from depthbench.testing.checks import Checks, require


class DataChecks(Checks):
    """Checks of data sets: ``dataset[i] -> Frame``, deterministic.

    Args:
        parts: data sets by the name of the part (``train``, ``val``, ``test``).
        count: frames of each that are looked at, evenly spaced.

    Example:
        >>> from depthbench.data import Rooms
        >>> DataChecks({"test": Rooms("test", split=2, size=(24, 32))}).failures()
        {}
    """

    def __init__(self, parts: dict[str, Dataset[Frame]], count: int = 3) -> None:
        self.parts, self.count = parts, count

    def frames(self) -> list[tuple[str, Frame]]:
        """Some frames of each part, with a name for sentences."""
        return [(f"{part}[{index}]", data[index]) for part, data in self.parts.items() for index in self._indices(data)]

    def _indices(self, data: Dataset[Frame]) -> Sequence[int]:
        length = len(data)  # type: ignore[arg-type]
        return sorted({index * length // self.count for index in range(self.count)} if length else ())

    def check_every_part_has_frames(self) -> None:
        """Also that they can be counted."""
        for part, data in self.parts.items():
            require(len(data) > 0, f"{part} has none")  # type: ignore[arg-type]

    def check_images_are_rgb_between_0_and_1(self) -> None:
        """(3, H, W) float32."""
        for name, frame in self.frames():
            image = frame.image
            require(image.ndim == 3 and image.shape[0] == 3, f"the image of {name} is {tuple(image.shape)}")
            require(image.dtype == torch.float32, f"the image of {name} is {image.dtype}")
            require(0 <= image.min() <= image.max() <= 1, f"the image of {name}: {image.min():g} to {image.max():g}")

    def check_depth_is_in_metres_with_0_for_missing(self) -> None:
        """(1, h, w) float32, of which something is known."""
        for name, frame in self.frames():
            depth = frame.depth
            require(depth.ndim == 3 and depth.shape[0] == 1, f"the depth of {name} is {tuple(depth.shape)}")
            require(depth.dtype == torch.float32, f"the depth of {name} is {depth.dtype}")
            require(depth.isfinite().all() and depth.min() >= 0, f"the depth of {name} has NaN, inf or less than 0")
            require(depth.any(), f"{name} has no valid depth")

    def check_intrinsics_are_of_the_image(self) -> None:
        """(3, 3), with the principal point in the image; or None."""
        for name, frame in self.frames():
            if (camera := frame.intrinsics) is None:
                continue
            require(camera.shape == (3, 3), f"the intrinsics of {name} are {tuple(camera.shape)}")
            height, width = frame.image.shape[1:]
            inside = 0 < camera[0, 2] < width and 0 < camera[1, 2] < height
            require(inside, f"the principal point of {name} is outside of its image of {height} x {width}")

    def check_a_frame_is_always_the_same(self) -> None:
        """Randomness in training comes from the augmentation alone."""
        for (name, frame), (_, again) in zip(self.frames(), self.frames(), strict=True):
            same = torch.equal(frame.image, again.image) and torch.equal(frame.depth, again.depth)
            require(same and frame.name == again.name, f"{name} is another frame the second time")

    def check_names_tell_frames_apart(self) -> None:
        """Scores of images are kept by name."""
        for part, data in self.parts.items():
            names = [data[index].name for index in self._indices(data)]
            require(len(set(names)) == len(names), f"{part} has frames of one name: {', '.join(names)}")

    def check_loaders_can_use_it(self) -> None:
        """A data set is sent to other processes, and its frames are stacked."""
        for part, data in self.parts.items():
            again = pickle.loads(pickle.dumps(data))
            index = self._indices(data)[0]
            require(torch.equal(again[index].image, data[index].image), f"{part} is another data set when it is sent")
            collate([data[index]] * 2)


class AugmentationChecks(Checks):
    """Checks of an augmentation: ``policy(frame, rng) -> Frame``, random only by ``rng``.

    Args:
        policy: to be checked.

    Example:
        >>> from depthbench.data.augment import Flip
        >>> AugmentationChecks(Flip()).failures()
        {}
    """

    def __init__(self, policy: Transform) -> None:
        self.policy = policy

    @staticmethod
    def frame() -> Frame:
        """A tilted wall with a hole."""
        y, x = np.mgrid[:120, :160]
        depth = torch.from_numpy(2 + x / 80 + y / 120).float()
        image = torch.stack([depth / 8, depth / 10, depth / 12])
        depth[40:50, 60:80] = 0
        return Frame(image, depth[None], torch.tensor([[130.0, 0, 81.4], [0, 129.0, 63.4], [0, 0, 1]]), "wall")

    def made(self, seed: int, frame: Frame | None = None) -> Frame:
        """The frame as the policy makes it from a seed."""
        return self.policy(frame or self.frame(), np.random.default_rng(seed))

    def check_it_is_random_only_by_its_generator(self) -> None:
        """The same seed gives the same frame, which is how runs are repeated."""
        for seed in range(8):
            for part, again in zip(_parts(self.made(seed)), _parts(self.made(seed)), strict=True):
                require(torch.equal(part, again), f"seed {seed} gives two frames")

    def check_the_given_frame_is_not_changed(self) -> None:
        """The frame may be kept in memory for the next epoch."""
        frame = self.frame()
        for seed in range(8):
            self.made(seed, frame)
        for part, original in zip(_parts(frame), _parts(self.frame()), strict=True):
            require(torch.equal(part, original), "it is")

    def check_image_and_depth_stay_what_they_are(self) -> None:
        """Kinds, channels, ranges; and one size of both."""
        for seed in range(8):
            image, depth = _parts(self.made(seed))[:2]
            require(image.shape[1:] == depth.shape[1:], f"image {tuple(image.shape)}, depth {tuple(depth.shape)}")
            require((image.shape[0], depth.shape[0]) == (3, 1), f"{image.shape[0]} channels of image")
            require(image.dtype == depth.dtype == torch.float32, f"image {image.dtype}, depth {depth.dtype}")
            require(0 <= image.min() <= image.max() <= 1, f"the image has {image.min():g} to {image.max():g}")
            require(depth.isfinite().all() and depth.min() >= 0, "depth has a NaN, inf or negative value")

    def check_depths_are_never_mixed(self) -> None:
        """A wall that is 1 m or 9 m away (or missing) gets no third depth."""
        frame = self.frame()
        stripes = frame.depth.clone()
        stripes[..., ::2], stripes[..., 1::2] = 1.0, 9.0
        stripes[..., ::5] = 0.0
        for seed in range(5):
            found = self.made(seed, frame._replace(depth=stripes)).depth
            count = len(set(found.flatten().tolist()))
            require(count <= 3, f"{count} depths come out")


def _parts(frame: Frame) -> list[Tensor]:
    return [part for part in frame[:3] if isinstance(part, Tensor)]

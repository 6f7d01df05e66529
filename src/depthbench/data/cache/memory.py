"""Frames that are made once: kept in memory that all workers share, or in files that all jobs share."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthbench.annotations import Annotations
from depthbench.data.frame import Frame
from depthbench.data.stream import fetch
from depthbench.errors import UserError

_NAME_BYTES = 128


class MemoryCache(Dataset[Frame]):
    """Keeps every frame in memory that all workers share, from the first time it is asked for.

    Images are kept in 8 bits if the first is an 8-bit image, else in 32: a cached frame equals a fresh one. A frame
    that does not fit beside the first (no 8-bit image, other annotations) is made afresh each time.

    Args:
        dataset: the frames.
        shared: whether workers take part; a single process needs no shared memory, of which there may be little.
    """

    def __init__(self, dataset: Dataset[Frame], shared: bool = True) -> None:
        self.dataset, self.shared = dataset, shared
        length = len(dataset)  # type: ignore[arg-type]
        first = dataset[0]
        self.eight_bits = _is_bytes(first.image)
        self.images = self._memory("images", (length, *first.image.shape), _image_type(first))
        self.depths = self._memory("depths", (length, *first.depth.shape), torch.float32)
        self.intrinsics = self._memory("intrinsics", (length, 3, 3), torch.float32)
        self.names = self._memory("names", (length, _NAME_BYTES), torch.uint8)
        self.annotations = {
            name: self._memory(f"annotations.{name}", (length, *values.shape), values.dtype)
            for name, values in _annotations(first).items()
        }
        self.filled = self._memory("filled", (length,), torch.int64)

    def _memory(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        memory = torch.zeros(shape, dtype=dtype)
        return memory.share_memory_() if self.shared else memory  # type: ignore[no-untyped-call]

    def _sum(self, index: int) -> int:
        """The value of ``filled`` for a cached frame, never 0: 0 stands for a missing frame."""
        return 1

    @staticmethod
    def bytes(dataset: Dataset[Frame]) -> int:
        """Memory that the frames of a data set will take, judged by the first."""
        first = dataset[0]
        each = first.image.numel() * _image_type(first).itemsize + 4 * first.depth.numel()
        each += sum(values.numel() * values.itemsize for values in _annotations(first).values())
        return each * len(dataset)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.filled)

    def __getitems__(self, indices: Sequence[int]) -> list[Frame]:
        missing = [index for index in dict.fromkeys(indices) if not self._has(index)]
        fresh = dict(zip(missing, fetch(self.dataset, missing), strict=True)) if missing else {}
        for index, frame in fresh.items():
            self._keep(index, frame)
        return [fresh[index] if index in fresh else self._kept(index) for index in indices]

    def __getitem__(self, index: int) -> Frame:
        return self.__getitems__([index])[0]

    def _has(self, index: int) -> bool:
        return bool(self.filled[index]) and int(self.filled[index]) == self._sum(index)

    def _keep(self, index: int, frame: Frame) -> None:
        if frame.image.shape != self.images.shape[1:]:
            raise UserError(
                f"Frame {frame.name} is {tuple(frame.image.shape[1:])}, others are {tuple(self.images.shape[2:])}; "
                "give data.size=[H,W] so that all are brought to one size."
            )
        if self.eight_bits and not _is_bytes(frame.image):
            return  # among 8-bit images, one that is not is made afresh each time
        noted = _annotations(frame)
        if _shapes(noted) != {name: (memory.shape[1:], memory.dtype) for name, memory in self.annotations.items()}:
            return  # as a frame with other annotations than the first
        for key, values in noted.items():
            self.annotations[key][index] = values
        self.images[index] = _to_bytes(frame.image) if self.eight_bits else frame.image
        self.depths[index] = frame.depth
        self.intrinsics[index] = torch.nan if frame.intrinsics is None else frame.intrinsics
        name = frame.name.encode(errors="ignore")[:_NAME_BYTES]
        self.names[index] = torch.frombuffer(bytearray(name.ljust(_NAME_BYTES, b"\0")), dtype=torch.uint8)
        self.filled[index] = self._sum(index)

    def _kept(self, index: int) -> Frame:
        image = _from_bytes(self.images[index]) if self.eight_bits else self.images[index].clone()
        intrinsics = None if self.intrinsics[index, 0, 0].isnan() else self.intrinsics[index].clone()
        name = bytes(self.names[index].tolist()).rstrip(b"\0").decode(errors="ignore")
        noted = Annotations(**{key: memory[index].clone() for key, memory in self.annotations.items()})
        return Frame(image, self.depths[index].clone(), intrinsics, name, noted if self.annotations else None)


def _annotations(frame: Frame) -> dict[str, Tensor]:
    """Annotations of a frame by name."""
    known = frame.annotations or Annotations()
    return {name: values for name, values in known._asdict().items() if values is not None}


def _shapes(noted: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (values.shape, values.dtype) for name, values in noted.items()}


def _image_type(first: Frame) -> torch.dtype:
    return torch.uint8 if _is_bytes(first.image) else torch.float32


def _to_bytes(image: Tensor) -> Tensor:
    return (image * 255).round().to(torch.uint8)


def _is_bytes(image: Tensor) -> bool:
    return torch.equal(_from_bytes(_to_bytes(image)), image)


def _from_bytes(image: Tensor) -> Tensor:
    return image.to(torch.float32) / 255

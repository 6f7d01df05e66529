"""Several data sets as one, by weight."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from torch.utils.data import Dataset

from depthbench.config.amounts import frame_count
from depthbench.data.frame import Frame
from depthbench.data.held_out import HoldsOut, Share
from depthbench.data.stream import fetch
from depthbench.errors import UserError


class Mixed(Dataset[Frame]):
    """A fixed sequence in which each data set has its share, evenly interleaved; names get the data set's in front.

    Within a data set, frames are evenly spaced where its share is smaller than it, and repeat where it is larger.

    Args:
        parts: the data sets by name; all must deliver one size.
        weights: by the same names; None for their sizes.
        split: the length; None for the sum of their sizes.

    Raises:
        UserError: if there are no data sets, or weights do not belong to them.

    Example:
        >>> from depthbench.data import Mixed, Rooms
        >>> near, far = Rooms("test", split=4, size=(24, 32)), Rooms("ood", split=4, size=(24, 32))
        >>> mixed = Mixed({"near": near, "far": far}, weights={"near": 3, "far": 1}, split=8)
        >>> sum(name.startswith("near/") for name in mixed.names)
        6
    """

    def __init__(
        self,
        parts: Mapping[str, Dataset[Frame]],
        weights: Mapping[str, float] | None = None,
        split: str | int | None = None,
    ) -> None:
        if not parts:
            raise UserError("data.parts is empty; name at least one data set to mix.")
        self.parts, self.weights, self.split = dict(parts), weights, split
        sizes = {name: len(part) for name, part in self.parts.items()}  # type: ignore[arg-type]
        shares = dict(weights or sizes)
        if shares.keys() != sizes.keys() or min(shares.values()) <= 0:
            raise UserError(f"data.weights {shares} must give a positive weight to each of {list(sizes)}.")
        length = sum(sizes.values()) if split is None else frame_count(split)
        counts = _apportion(np.array([shares[name] for name in sizes], dtype=np.float64), length)
        self.order = _interleave(counts, list(sizes.values()))

    @property
    def names(self) -> list[str]:
        """Names of the frames, if every data set knows them."""
        known = {name: part.names for name, part in self.parts.items()}  # type: ignore[attr-defined]
        parts = list(known)
        return [f"{parts[part]}/{known[parts[part]][inner]}" for part, inner in self.order]

    def hold_out(self, share: Share, frames: int | None) -> tuple[Dataset[Frame], Dataset[Frame] | None]:
        """Hold scenes out of every part that knows them; the frames to watch come from the first such part."""
        parts, watched = {}, None
        for name, part in self.parts.items():
            rest, held = part.hold_out(share, frames) if isinstance(part, HoldsOut) else (part, None)
            parts[name], watched = rest, held if watched is None else watched
        return Mixed(parts, self.weights, self.split), watched

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> Frame:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Frame]:
        """The frames in the order asked for; each data set is asked once for all of its own."""
        rows = self.order[list(indices)].tolist()
        found: dict[int, Iterator[Frame]] = {}
        for number, part in enumerate(self.parts.values()):
            wanted = [inner for which, inner in rows if which == number]
            found[number] = iter(fetch(part, wanted) if wanted else ())
        names = list(self.parts)
        frames = ((names[number], next(found[number])) for number, _ in rows)
        return [frame._replace(name=f"{name}/{frame.name}") for name, frame in frames]


def _apportion(weights: np.ndarray, length: int) -> np.ndarray:
    """Whole numbers that sum to ``length``, nearest to the weights' shares (largest remainders)."""
    exact = weights / weights.sum() * length
    counts = np.floor(exact).astype(np.intp)
    largest = np.argsort(-(exact - counts), kind="stable")[: length - counts.sum()]
    counts[largest] += 1
    return np.asarray(counts)


def _interleave(counts: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Rows (data set, frame): each data set's picks lie evenly spaced over the whole."""
    places, rows = [], []
    for part, (count, size) in enumerate(zip(counts, sizes, strict=True)):
        picks = np.arange(count)
        places.append((picks + 0.5) / max(count, 1))
        rows.append(
            np.column_stack([np.full(count, part), picks * size // count if 0 < count < size else picks % size])
        )
    order = np.argsort(np.concatenate(places), kind="stable")
    return np.asarray(np.concatenate(rows)[order])

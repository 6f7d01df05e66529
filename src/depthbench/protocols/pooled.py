"""Fits that images share: a first pass over the predictions gathers their pixels or sums, a second one scores.

A run's own test has one pass, so there such protocols are refused; the command ``evaluate`` takes two.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from depthbench.errors import UserError
from depthbench.protocols.alignment import Alignment, FittedLine
from depthbench.protocols.alignment.pixels import FitPixels
from depthbench.protocols.alignment.spaces import in_space
from depthbench.protocols.equal_work import fit_key
from depthbench.protocols.protocol import EvalProtocol
from depthbench.protocols.scored_maps import crop
from depthbench.protocols.shared_maps import SharedMaps


class _Part(NamedTuple):
    """Contribution of an image to the fit of its group: sums ``(5,)`` or pixels ``(2, N)``."""

    place: int
    content: Tensor


class PooledFits:
    """Lines of the protocols that fit a sequence or the whole set.

    Least squares keeps five sums of each image; other fits keep all valid pixels in memory, float32.

    Args:
        protocols: a protocol that fits each image has no part in it.

    Example:
        >>> import torch
        >>> from depthbench.protocols import Alignment, Declared, EvalProtocol, Scorer
        >>> from depthbench.protocols.pooled import PooledFits
        >>> from depthbench.protocols.shared_maps import SharedMaps
        >>> whole = EvalProtocol(name="x", alignment=Alignment(fit="least_squares", over="set"))
        >>> truth = torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(2, 1, 1, 2)
        >>> pooled = PooledFits([whole])
        >>> pooled.add(SharedMaps(0.5 * truth, truth), ["a", "b"], [0, 1])
        >>> pooled.solve()
        >>> scorer = Scorer([whole])
        >>> scorer.update(0.5 * truth, truth, ["a", "b"], declared=Declared(lines=pooled.lines(["a", "b"])))
        >>> scorer.compute().scores(whole)["AbsRel"]
        0.0
    """

    def __init__(self, protocols: Iterable[EvalProtocol]) -> None:
        self.protocols = [protocol for protocol in protocols if protocol.alignment.over != "image"]
        self._parts: dict[EvalProtocol, dict[str, list[_Part]]] = {}
        self._lines: dict[EvalProtocol, dict[str, FittedLine]] = {}

    @torch.no_grad()
    def add(self, maps: SharedMaps, names: Sequence[str], places: Sequence[int]) -> None:
        """Add a batch; arguments as for :meth:`Scorer.update`.

        Raises:
            UserError: if a sequence is fitted and a frame's name has no folder; or as :meth:`EvalProtocol.prepare`.
        """
        for protocol in self.protocols:
            key = fit_key(maps.chosen(protocol))
            groups = self._parts.setdefault(key, {})
            for place, name, part in zip(places, names, _parts(protocol, maps), strict=True):
                groups.setdefault(group_of(name, protocol.alignment), []).append(_Part(place, part.cpu()))

    def solve(self) -> None:
        """Fit the groups of all processes; every process gets the same lines, whatever their number."""
        shares = [self._parts]
        if dist.is_available() and dist.is_initialized():
            shares = [self._parts] * dist.get_world_size()
            dist.all_gather_object(shares, self._parts)
        for key in {key for share in shares for key in share}:
            found: dict[str, list[_Part]] = {}
            for share in shares:
                for group, parts in share.get(key, {}).items():
                    found.setdefault(group, []).extend(parts)
            self._lines[key] = {group: _solved(key.alignment, parts) for group, parts in found.items()}
        self._parts = {}

    def lines(self, names: Sequence[str], device: torch.device | None = None) -> Mapping[object, FittedLine]:
        """The lines of each image of a batch, by :func:`~depthbench.protocols.equal_work.fit_key`."""
        found: dict[object, FittedLine] = {}
        for key, groups in self._lines.items():
            rows = [groups[group_of(name, key.alignment)] for name in names]
            found[key] = FittedLine(*(torch.cat(one).to(device) for one in zip(*rows, strict=True)))
        return found


def group_of(name: str, alignment: Alignment) -> str:
    """The sequence of a frame is its folder (``SCENE/FRAME``); of a set there is one.

    Raises:
        UserError: if the name has no folder.
    """
    if alignment.over == "set":
        return ""
    folder = name.replace("\\", "/").rpartition("/")[0]
    if not folder:
        raise UserError(
            f"An alignment over sequences takes the folder of a frame's name as its sequence, and '{name}' has none; "
            "fit the whole set (over: set), or each image (over: image)."
        )
    return folder


def _parts(protocol: EvalProtocol, maps: SharedMaps) -> Iterable[Tensor]:
    truth, alignment = maps.true(protocol), protocol.alignment
    box = protocol.box((truth.shape[-2], truth.shape[-1]), maps.covers)
    prediction = crop(protocol.fit(maps.predicted(protocol), truth, maps.covers, maps.image), box)
    truth = crop(truth, box)
    valid = protocol.mask(truth)
    if maps.declared.holes:
        valid = valid & ~prediction.isnan()
    rows = FitPixels(prediction, truth, valid, maps.declared.quantity).rows(alignment)
    for row in zip(*rows, strict=True):
        yield _sums(alignment, *row) if alignment.fit == "least_squares" else torch.stack(row[:2])[:, row[2]].float()


def _sums(alignment: Alignment, x: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Weighted sums of 1, x, y, x² and xy."""
    y = in_space(truth[valid].double(), "depth", alignment.space)
    x, weight = x[valid].double(), torch.ones_like(y)
    if alignment.weights == "inverse_truth":
        weight = truth[valid].double().reciprocal()
    return torch.stack([weight.sum(), *((weight * one).sum() for one in (x, y, x * x, x * y))])


def _solved(alignment: Alignment, parts: Sequence[_Part]) -> FittedLine:
    """Parts in the order of the data set, so that a result depends neither on batches nor on processes."""
    contents = [part.content for part in sorted(parts, key=lambda part: part.place)]
    if alignment.fit == "least_squares":
        return _least_squares(alignment, torch.stack(contents).sum(0))
    pixels = torch.cat(contents, 1)
    return alignment.line(pixels[:1], pixels[1:], torch.ones_like(pixels[:1], dtype=torch.bool))


def _least_squares(alignment: Alignment, sums: Tensor) -> FittedLine:
    n, x, y, xx, xy = sums[:, None]
    if alignment.parts == "scale":
        return FittedLine.factor(torch.where(xx > 0, xy / xx, 0.0))
    n, xx = n + alignment.ridge, xx + alignment.ridge
    determinant = n * xx - x * x
    # A constant prediction becomes the mean of the truth, as it does for a single image.
    scale = torch.where(determinant > 0, (n * xy - x * y) / determinant, 0.0)
    return FittedLine(scale, x / n, y / n)

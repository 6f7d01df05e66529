"""From measurements on the frames of a data set to sentences about it."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depthbench.data.missing import MOST_AT_TOP, two_meanings
from depthbench.data.units import listed, plausible_units
from depthbench.prepare.frame_stats import EDGES, SHIFTS, THUMB, FrameStats, correlations

# Product of fingerprints. A frame that is stored again, smaller and as a JPEG, stays above.
_COPY = 0.995
_USUAL = (1.0, 5.0)  # metres: where the median depth of most indoor data lies
_FEWEST = 8  # frames that a statement about all of them needs
_SURE = 3.0  # standard errors


class Finding(NamedTuple):
    """A sentence; whether it is a problem or only worth knowing; places of frames that show it."""

    problem: bool
    text: str
    frames: Sequence[int] = ()


def judge(looks: Sequence[FrameStats]) -> list[Finding]:
    """Findings about one part of a data set."""
    seen = [one for one in looks if one.fits is not None]
    rules: list[Callable[[Sequence[FrameStats], Sequence[FrameStats]], Iterator[Finding]]] = [
        _unreadable,
        _missing,
        _range,
        _units,
        _other_units,
        _steps,
        _sizes,
        _alignment,
        _mirrored,
        _repeated,
    ]
    return [finding for rule in rules for finding in rule(looks, seen)]


def compare_parts(train: Sequence[FrameStats], test: Sequence[FrameStats]) -> list[Finding]:
    """Findings about train and test together: units, copies of test frames in train."""
    one, other = ([look for look in looks if look.prints is not None] for looks in (train, test))
    if not one or not other:
        return []
    return [*_same_unit(one, other), *_leaks(one, other)]


def _unreadable(looks: Sequence[FrameStats], seen: Sequence[FrameStats]) -> Iterator[Finding]:
    bad = [look for look in looks if look.error]
    if bad:
        yield Finding(True, f"{_of(bad, looks)} can't be read, first: {bad[0].error}", _places(bad))


def _missing(looks: Sequence[FrameStats], seen: Sequence[FrameStats]) -> Iterator[Finding]:
    empty = [look for look in looks if not look.error and look.fits is None]
    if empty:
        yield Finding(True, f"{_of(empty, looks)} have no depth at all, first {empty[0].name}.", _places(empty))
    if not seen:
        return
    shares = np.array([look.missing for look in seen])
    if not shares.any():
        yield Finding(False, "No pixel lacks depth: the holes were filled.")
        return
    yield Finding(
        False, f"{_percent(float(shares.mean()))} of the pixels lack depth, {_percent(shares.max())} at most."
    )
    most = [look for look in seen if look.missing > max(0.9, 3 * float(np.median(shares)))]
    if most:
        yield Finding(True, f"{_of(most, looks)} lack nearly all depth, first {most[0].name}.", _places(most))


def _range(looks: Sequence[FrameStats], seen: Sequence[FrameStats]) -> Iterator[Finding]:
    if not seen:
        return
    least, median, largest = np.array([look.quantiles for look in seen]).T
    yield Finding(
        False, f"Depth is {least.min():.3g} to {largest.max():.3g} m, {np.median(median):.3g} m in the middle."
    )
    flat = [look for look in seen if look.quantiles[0] == look.quantiles[2]]
    if flat:
        yield Finding(True, f"{_of(flat, looks)} have one depth everywhere, first {flat[0].name}.", _places(flat))
    cut = [look for look in seen if look.largest > 0.02 and look.quantiles[2] == largest.max() and look not in flat]
    if cut:
        share = float(np.mean([look.largest for look in cut]))
        text = f"{_of(cut, looks)} are cut off at {largest.max():.3g} m, where {_percent(share)} of their pixels lie."
        yield Finding(False, text, _places(cut))


def judge_top(looks: Sequence[FrameStats], said: bool) -> list[Finding]:
    """Frames with many pixels at the largest value of 8 or 16 bits: whether that is a depth must be said.

    Args:
        looks: at the frames.
        said: whether the user has said it.
    """
    found = []
    for bits in (8, 16):
        top = (1 << bits) - 1
        some = [one for one in looks if one.step > 0 and abs(one.quantiles[2] / one.step - top) < 0.5]
        some = [one for one in some if one.largest * (1 - one.missing) > MOST_AT_TOP]
        if some and not said:
            share = float(np.mean([one.largest * (1 - one.missing) for one in some]))
            told = two_meanings(top, some[0].quantiles[2], bits)
            text = f"In {_of(some, looks)}, first {some[0].name}, {_percent(share)} of the pixels hold {told}"
            found.append(Finding(True, text, _places(some)))
    return found


def _units(looks: Sequence[FrameStats], seen: Sequence[FrameStats]) -> Iterator[Finding]:
    if len(seen) < 3:
        return
    medians = np.array([look.quantiles[1] for look in seen])
    usual = float(np.median(medians))
    odd = [look for look, ratio in zip(seen, medians / usual, strict=True) if not 1 / 8 < ratio < 8]
    if odd:
        first = odd[0]
        text = (
            f"{_of(odd, looks)} seem to be in another unit: the middle depth of {first.name} is "
            f"{first.quantiles[1]:.3g} m, of the others {usual:.3g} m."
        )
        yield Finding(True, text, _places(odd))


def _other_units(looks: Sequence[FrameStats], seen: Sequence[FrameStats]) -> Iterator[Finding]:
    """Other units of the field are worth knowing where the middle depth is unusual with the given one."""
    steps = np.array([look.step for look in seen])
    if not len(steps) or (steps > 0).mean() < 0.9:
        return
    step, median = float(np.median(steps[steps > 0])), float(np.median([look.quantiles[1] for look in seen]))
    if _USUAL[0] <= median <= _USUAL[1]:
        return
    others = listed(plausible_units(median / step, *_USUAL, apart_from=1 / step), "data.scale")
    if others:
        text = f"Is the unit right? Depth is {median:.3g} m in the middle with data.scale={step:.4g}; {others}."
        yield Finding(False, text)


def _steps(looks: Sequence[FrameStats], seen: Sequence[FrameStats]) -> Iterator[Finding]:
    steps = np.array([look.step for look in seen])
    if not len(steps) or (steps > 0).mean() < 0.9:
        return
    step, largest = float(np.median(steps[steps > 0])), max(look.quantiles[2] for look in seen)
    if step > 0.004:
        eight = ", as from an 8-bit image" if largest / step < 260 else ""
        yield Finding(False, f"Depth comes in steps of {100 * step:.2g} cm{eight}.")


def _sizes(looks: Sequence[FrameStats], seen: Sequence[FrameStats]) -> Iterator[Finding]:
    pictures = {look.sizes[0] for look in seen}
    if len(pictures) > 1:
        told = ", ".join(f"{width}x{height}" for height, width in sorted(pictures)[:4])
        yield Finding(False, f"Pictures have {len(pictures)} sizes: {told}{' ...' if len(pictures) > 4 else ''}.")
    other = [look for look in seen if abs(np.log(_aspect(look.sizes[0]) / _aspect(look.sizes[1]))) > 0.03]
    if other:
        (height, width), (h, w) = other[0].sizes
        text = f"{_of(other, looks)} have depth of another shape than the picture: {w}x{h} for {width}x{height}."
        yield Finding(False, text, _places(other))


def _alignment(looks: Sequence[FrameStats], seen: Sequence[FrameStats]) -> Iterator[Finding]:
    """Whether edges of depth lie on edges of the pictures: as they are, mirrored, moved, or of another frame."""
    if len(seen) < _FEWEST:
        return
    fits, mirrored = (np.stack([getattr(look, key) for look in seen]) for key in ("fits", "mirrored"))
    some = [look for look in seen if look.edges is not None]
    strange = [correlations(one.edges[0], other.edges[1]).max() for one, other in pairwise(some)]
    own = [one.fits.max() for one in some[:-1]]
    best = np.unravel_index(fits.mean(axis=0).argmax(), fits.shape[1:])
    if _sure(mirrored.max(axis=(1, 2)) - fits.max(axis=(1, 2))):
        yield Finding(True, "Depth is mirrored against the pictures: its edges lie on theirs only when it is flipped.")
    elif len(some) >= _FEWEST and not _sure(np.array(own) - strange):
        text = "Edges of depth agree with their own pictures no better than with others: are the pairs mixed up?"
        yield Finding(True, text)
    elif max(abs(np.array(best) - SHIFTS)) > 1 and _sure(fits[:, *best] - fits[:, SHIFTS, SHIFTS]):
        height, width = seen[0].sizes[1]
        down, right = (best[0] - SHIFTS) * height / EDGES[0], (best[1] - SHIFTS) * width / EDGES[1]
        move = [_pixels(down, "down", "up"), _pixels(right, "to the right", "to the left")]
        text = f"Depth does not lie on the pictures: moved {' and '.join(filter(None, move))}, its edges fit better."
        yield Finding(True, text)


def _mirrored(looks: Sequence[FrameStats], seen: Sequence[FrameStats]) -> Iterator[Finding]:
    right, wrong = np.sum([look.frame for look in seen], axis=0) if seen else (0, 0)
    if wrong > 3 * right and wrong > 50 * len(seen):
        text = "Pictures and depth are mirrored: the white frame of NYUv2's pictures is that of their mirror images."
        yield Finding(True, text)


def _repeated(looks: Sequence[FrameStats], seen: Sequence[FrameStats]) -> Iterator[Finding]:
    found = list(copies(seen, seen))
    if found:
        one, other = found[0]
        count = len({look.place for _, look in found})
        text = f"{count} of {len(looks):,} frames are copies of others, first {_both(one, other)}."
        yield Finding(True, text, [one.place, other.place])


def _same_unit(train: Sequence[FrameStats], test: Sequence[FrameStats]) -> Iterator[Finding]:
    first, second = (float(np.median([look.quantiles[1] for look in part])) for part in (train, test))
    if not 1 / 4 < first / second < 4:
        text = f"Train and test differ in unit: the middle depth is {first:.3g} m in train, {second:.3g} m in test."
        yield Finding(True, text)


def _leaks(train: Sequence[FrameStats], test: Sequence[FrameStats]) -> Iterator[Finding]:
    for flip, how in ((False, "are"), (True, "are, mirrored,")):
        found = list(copies(train, test, flip))
        if found:
            one, other = found[0]
            count = len({look.place for _, look in found})
            text = f"{count} of {len(test):,} test frames {how} in train, first {_both(other, one)}."
            yield Finding(True, text, [look.place for _, look in found])


def copies(
    some: Sequence[FrameStats], others: Sequence[FrameStats], flip: bool = False
) -> Iterator[tuple[FrameStats, FrameStats]]:
    """Pairs of frames that show the same, in picture and in depth; within one sequence each pair once."""
    if not some or not others:
        return
    theirs = np.stack([look.prints for look in others])
    if flip:
        theirs = theirs.reshape(-1, 2, *THUMB)[..., ::-1].reshape(theirs.shape)
    for start in range(0, len(some), 512):
        ours = np.stack([look.prints for look in some[start : start + 512]])
        alike = np.minimum(*(ours[:, part] @ theirs[:, part].T for part in (0, 1)))
        for row, column in np.argwhere(alike > _COPY):
            if some is not others or start + row < column:
                yield some[start + row], others[column]


def _sure(differences: NDArray[Any]) -> bool:
    """Whether the mean lies above 0 by several standard errors."""
    return bool(differences.mean() > _SURE * differences.std(ddof=1) / np.sqrt(len(differences)))


def _of(some: Sequence[FrameStats], every: Sequence[FrameStats]) -> str:
    return f"{len(some):,} of {len(every):,} frames"


def _both(one: FrameStats, other: FrameStats) -> str:
    return f"{one.name} and {other.name}"


def _places(looks: Sequence[FrameStats]) -> list[int]:
    return [look.place for look in looks]


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _aspect(size: tuple[int, ...]) -> float:
    return size[1] / size[0]


def _pixels(amount: float, positive: str, negative: str) -> str:
    return f"{abs(amount):.0f} pixels {positive if amount > 0 else negative}" if abs(amount) >= 0.5 else ""

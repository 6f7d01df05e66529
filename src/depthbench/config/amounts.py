"""Amounts of data by name: ``795``, ``12k``, ``230k`` or any number, always evenly spaced over the whole."""

import re

from depthbench.errors import UserError

NEARLY = 0.01  # the share by which a round amount, such as 230k, may exceed the number of frames


def frame_count(split: str | int) -> int:
    """The number of frames that a split's name stands for: ``"12k"`` and ``12000`` are 12000.

    Raises:
        UserError: if it is not a positive number, with an optional ``k`` for thousands.
    """
    match = re.fullmatch(r"(\d+)(k?)", str(split).strip().lower())
    count = int(match[1]) * (1000 if match[2] else 1) if match else 0
    if count < 1:
        raise UserError(
            f"{split} (data.split, data.val_frames or data.test_frames) is not an amount of frames; "
            "give a number such as 795, 12k or 230k."
        )
    return count


def taken(total: int, split: str | int) -> int:
    """Number of ``total`` frames that a split takes; more than ``total`` where there are too few.

    A round amount, given in thousands, is as the papers mean it ("approximately 230k pairs"): ``230k`` takes all of
    229,999 frames. A plain number is exact.
    """
    count = frame_count(split)
    about = str(split).strip().lower().endswith("k")
    return total if about and total < count <= total * (1 + NEARLY) else count


def evenly_spaced(total: int, split: str | int) -> list[int]:
    """Indices of ``split`` frames, evenly spaced over ``total`` (carvalho2018, section 4); see :func:`taken`.

    Raises:
        UserError: if more frames are asked for than there are.
    """
    count = taken(total, split)
    if count > total:
        raise UserError(
            f"{count} frames are asked for, but there are only {total}; "
            "ask for fewer in data.split, data.val_frames or data.test_frames."
        )
    return [index * total // count for index in range(count)]

"""Whether the fields of a protocol have values that exist and fit each other."""

from collections.abc import Callable, Mapping
from typing import Any

from depthbench.errors import UserError
from depthbench.metrics.scores import REDUCTIONS

_CHOICES = {
    "bounds": ("open", "closed"),
    "truth": ("filled", "raw"),
    "resize": ("bilinear", "bicubic", "nearest"),
    "clamp_at": ("scored", "output"),
    "fill_borders": ("none", "cross_bilateral"),
    "reduction": REDUCTIONS,
    "comparison": ("strict", "inclusive"),
}


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float)


def _is_pair(value: object, of: Callable[[object], bool]) -> bool:
    return value is None or (isinstance(value, tuple) and len(value) == 2 and all(map(of, value)))


_WANTED: dict[str, tuple[Callable[[object], bool], str]] = {
    "score_size": (
        lambda value: _is_pair(value, lambda side: isinstance(side, int) and side > 0),
        "a height and a width in pixels, or null",
    ),
    "min_depth": (_is_number, "metres, or null"),
    "max_depth": (_is_number, "metres, or null"),
    "clamp": (lambda value: _is_pair(value, _is_number), "two numbers, either may be null"),
    "images": (lambda value: value is None or isinstance(value, int), "a number, or null"),
    **{
        name: (lambda value: isinstance(value, bool), "true or false")
        for name in ("align_corners", "flip_average", "swap_prediction_and_truth")
    },
    "version": (lambda value: isinstance(value, int) and value > 0, "a whole number from 1 on"),
}


def check_fields(fields: Mapping[str, Any]) -> None:
    """Refuse the fields of a protocol, of which lists are tuples.

    Raises:
        UserError: for a value that does not exist, or limits in the wrong order.
    """
    name = fields["name"]
    for field, choices in _CHOICES.items():
        if fields[field] not in choices:
            raise UserError(f"Protocol '{name}': {field} is '{fields[field]}'; choose one of {', '.join(choices)}.")
    for field, (fits, wanted) in _WANTED.items():
        if not fits(fields[field]):
            raise UserError(f"Protocol '{name}': {field} is {fields[field]!r}; give {wanted}.")
    ranges = {"min_depth": (fields["min_depth"], fields["max_depth"]), "clamp": fields["clamp"] or (None, None)}
    for field, (low, high) in ranges.items():
        if low is not None and high is not None and low >= high:
            raise UserError(f"Protocol '{name}': the limits of {field} are {(low, high)}; give the smaller one first.")

"""The search space: Hydra's sweeps of values as Optuna's distributions."""

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from depthbench.errors import UserError
from depthbench.runs.search_study import import_optuna


def is_searched(override: Override) -> bool:
    """Whether an override gives several values, or a range of them."""
    return bool(override.is_sweep_override())


def distribution(override: Override) -> Any:
    """Optuna's distribution of an override.

    ``choice(a,b)`` and ``a,b`` are categories, ``interval(1,2)`` is continuous, ``tag(log,interval(1e-4,1e-2))``
    logarithmic, ``int(interval(1,8))`` and ``range(1,9)`` whole numbers.

    Raises:
        UserError: if it is empty.
    """
    made = import_optuna().distributions
    value = override.value()
    try:
        if isinstance(value, IntervalSweep):
            assert value.start is not None
            assert value.end is not None
            whole = isinstance(value.start, int) and isinstance(value.end, int)
            kind = made.IntDistribution if whole else made.FloatDistribution
            return kind(value.start, value.end, log="log" in value.tags)
        if isinstance(value, RangeSweep) and all(isinstance(x, int) for x in (value.start, value.stop, value.step)):
            numbers = list(value.range())
            if value.step > 0:
                return made.IntDistribution(numbers[0], numbers[-1], step=int(value.step))
        return made.CategoricalDistribution(list(override.sweep_string_iterator()))
    except (ValueError, IndexError) as error:
        raise UserError(f"{override.input_line} can't be searched: {error}.") from None


def as_overrides(values: dict[str, Any]) -> list[str]:
    """Chosen values as on a command line."""
    return [f"{key}={value!r}" if isinstance(value, float) else f"{key}={value}" for key, value in values.items()]


def parted(parsed: Sequence[Override]) -> tuple[list[str], dict[str, Any]]:
    """The overrides that all trials have, and the distributions of the others by key.

    Raises:
        UserError: if nothing is searched.
    """
    fixed = [str(one.input_line) for one in parsed if not is_searched(one)]
    space = {one.get_key_element(): distribution(one) for one in parsed if is_searched(one)}
    if not space:
        raise UserError(
            "Nothing is searched; give values or a range, such as 'optim.optimizer.lr=tag(log,interval(1e-4,1e-2))'."
        )
    return fixed, space

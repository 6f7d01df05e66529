"""Amounts by name and by number."""

import pytest

from depthbench.config.amounts import evenly_spaced, frame_count, taken
from depthbench.errors import UserError


@pytest.mark.parametrize(("split", "count"), [("795", 795), (795, 795), ("12k", 12_000), (" 230K ", 230_000)])
def test_an_amount_is_a_number_with_or_without_thousands(split, count):
    assert frame_count(split) == count


@pytest.mark.parametrize("split", ["", "k", "0", "-3", "1.5k", "all", "12k5"])
def test_anything_else_is_refused(split):
    with pytest.raises(UserError, match="give a number such as 795, 12k or 230k"):
        frame_count(split)


@pytest.mark.parametrize(
    ("total", "split", "count"),
    [
        (229_999, "230k", 229_999),
        (227_723, "230k", 227_723),  # 230,000 is 0.99996 % more
        (254_000, "230k", 230_000),
        (230_000, "230k", 230_000),
        (11_900, "12k", 11_900),
        (12_000, 11_999, 11_999),
    ],
)
def test_a_round_amount_takes_what_there_is_within_a_hundredth(total, split, count):
    chosen = evenly_spaced(total, split)
    assert len(chosen) == len(set(chosen)) == taken(total, split) == count
    assert chosen == [index * total // count for index in range(count)]


@pytest.mark.parametrize(
    ("total", "split"), [(229_999, "230000"), (229_999, 230_000), (227_722, "230k"), (794, "795"), (11_880, "12k")]
)
def test_a_plain_number_is_exact_and_a_round_one_is_never_far_off(total, split):
    with pytest.raises(UserError, match=f"only {total};"):
        evenly_spaced(total, split)

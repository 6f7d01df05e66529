"""What a run says of its training frames."""

import pytest
from omegaconf import OmegaConf

from depthbench.training.startup_summary import _frames


@pytest.mark.parametrize(
    ("split", "count", "said"),
    [
        ("230k", 229_999, "229999 frames, all there are of data.split=230k,"),
        ("230k", 230_000, "230000 frames"),
        (795, 795, "795 frames"),
        (None, 50_688, "50688 frames"),
        ("12k", 11_400, "11400 frames"),  # held out or skipped: not because there are too few
    ],
)
def test_a_round_amount_that_is_not_reached_is_said(split, count, said):
    assert _frames(OmegaConf.create({"data": {"split": split}}), count) == said

"""The better direction of a score, by its name: readers of results know no metric's class."""

import re

# Shares within a threshold, found edges and points, overlaps and similarities; all else is an error.
_HIGHER = re.compile(
    r"delta\d|tau$|d_auc$|mSSIM$|(pair_)?accuracy$|F1?_|IoU_|boundary_(F1|recall)|edge_(precision|recall|F1)|DDE_equal"
    r"|.*(_below_[\d.]+|_delta1)$"
)


def higher_is_better(metric: str) -> bool:
    """True for shares of pixels, edges and points that are right, and for similarities; false for errors.

    Example:
        >>> from depthbench.stats.directions import higher_is_better
        >>> higher_is_better("delta1"), higher_is_better("AbsRel"), higher_is_better("edge_completeness")
        (True, False, False)
    """
    return _HIGHER.match(metric) is not None

"""The page of the metrics lists all of them."""

from pathlib import Path

from depthbench.config.compose import config_dir
from depthbench.metrics.functional import EXTENDED_SCORES, STANDARD

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text()


def test_every_metric_of_structure_and_every_score_is_on_the_page():
    names = [path.stem for path in (config_dir() / "structure").glob("*.yaml")]
    assert len(names) > 20
    assert [name for name in (*names, *STANDARD, *EXTENDED_SCORES) if f"`{name}`" not in PAGE] == []

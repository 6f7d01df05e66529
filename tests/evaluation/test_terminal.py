"""Tables on terminals of every width: no column is lost, and none is cut."""

import io

import pytest
from rich.console import Console

from depthbench.evaluation.terminal import tables

SCORES = ("delta1", "delta2", "delta3", "AbsRel", "SqRel", "RMSE", "RMSElog", "log10", "SILog", "images")


def printed(names, rows, width):
    file = io.StringIO()
    console = Console(width=width, file=file, force_terminal=True, color_system=None)
    console.print(*tables([*("protocol", "input")[:names], *SCORES], names, rows, width))
    return file.getvalue()


@pytest.mark.parametrize("width", [24, 40, 80, 115, 150])
@pytest.mark.parametrize("names", [1, 2])
def test_every_cell_is_whole(names, width):
    cells = [f"0.{place:04d}\n[dim]±0.{place:03d}1[/]" for place in range(len(SCORES))]
    text = printed(names, [[*("eigen", "mine")[:names], *cells]], width)
    words = text.split()
    for place, score in enumerate(SCORES):
        assert words.count(score) == 1
        assert f"0.{place:04d}" in words
        assert f"±0.{place:03d}1" in words
    parts = words.count("protocol")
    assert words.count("eigen") == parts >= 1
    assert (parts == 1) == (width >= 115)
    assert all(len(line.rstrip()) <= width for line in text.splitlines())


def test_a_long_name_is_folded_beside_its_scores():
    name = "moge_nyu_affine_disparity_of_a_study_with_a_long_name"
    text = printed(1, [[name, *(["0.1234"] * len(SCORES))]], 60)
    assert text.count("0.1234") == len(SCORES)
    first = "".join(line[:40].strip() for line in text.splitlines() if line[:40].strip() in name)
    assert first.startswith(name)

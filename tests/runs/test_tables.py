"""Tables of run folders in memory."""

import numpy as np
import pytest

from depthbench.runs.tables import read_per_image


def test_runs_on_the_same_images_share_the_names(tmp_path):
    tables = []
    for run, scores in (("a", (0.1, 0.2)), ("b", (0.4, 0.3)), ("c", (0.5, 0.6))):
        names = ("x/1", "x/3") if run == "c" else ("x/1", "x/2")
        rows = [f"full,{name},{score}" for name, score in zip(names, scores, strict=True)]
        (tmp_path / run).mkdir()
        (tmp_path / run / "per_image.csv").write_text("\n".join(["protocol,name,AbsRel", *reversed(rows)]) + "\n")
        tables.append(read_per_image(tmp_path / run / "per_image.csv")["full"])
    first, second, third = tables
    assert first["name"] is second["name"]
    assert first["name"].tolist() == ["x/1", "x/2"]
    assert third["name"].tolist() == ["x/1", "x/3"]
    np.testing.assert_array_equal(second["AbsRel"], [0.4, 0.3])
    with pytest.raises(ValueError, match="read-only"):
        first["name"][0] = "y"

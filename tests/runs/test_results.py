"""scores.json: valid JSON, the protocols in full, and files of earlier versions."""

import json
import math
from dataclasses import asdict

import pytest

from depthbench.errors import UserError
from depthbench.protocols import load_protocol
from depthbench.runs.results import read_scores, results_block, write_scores

SCORES = {"eigen": {"AbsRel": 0.1, "RMSE": math.nan, "SqRel": math.inf, "images": 654.0}}


def test_what_is_written_is_read_again(tmp_path):
    path, protocol = tmp_path / "scores.json", load_protocol("eigen", max_depth=8.0)
    write_scores(path, {"eigen": asdict(protocol)}, SCORES)
    content = json.loads(path.read_text(), parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    assert content["format"] == 2
    assert content["scores"]["eigen"] == {"AbsRel": 0.1, "RMSE": None, "SqRel": None, "images": 654.0}
    stored = {
        key: tuple(value) if isinstance(value, list) else value for key, value in content["protocols"]["eigen"].items()
    }
    assert type(protocol)(**stored) == protocol
    assert content["protocols"]["eigen"]["version"] == protocol.version
    found = read_scores(path)["eigen"]
    assert (found["AbsRel"], found["images"]) == (0.1, 654)
    assert math.isnan(found["RMSE"])
    assert math.isnan(found["SqRel"])
    assert SCORES["eigen"]["SqRel"] == math.inf  # what was given is left alone


def test_the_flat_format_of_earlier_versions(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text('{"none": {"AbsRel": 0.25, "RMSE": NaN, "images": 32.0, "note": "x", "flag": true}, "other": 3}')
    found = read_scores(path)
    assert found.keys() == {"none"}
    assert found["none"].keys() == {"AbsRel", "RMSE", "images"}
    assert math.isnan(found["none"]["RMSE"])


def test_a_protocol_may_be_called_format(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text('{"format": {"AbsRel": 0.25}}')
    assert read_scores(path) == {"format": {"AbsRel": 0.25}}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not readable JSON"),
        ('{"format": 3, "scores": {}}', "format 3, which a later version writes"),
        (None, "is not readable JSON"),
    ],
)
def test_files_that_can_not_be_read(text, sentence, tmp_path):
    path = tmp_path / "scores.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_scores(path)


def test_anything_else_holds_no_scores(tmp_path):
    path = tmp_path / "scores.json"
    for text in ("[]", "3", '{"format": 2}', '{"format": 2, "scores": []}'):
        path.write_text(text)
        assert read_scores(path) == {}
    assert results_block({}, {}) == {"format": 2, "kind": "metric_depth", "protocols": {}, "scores": {}}

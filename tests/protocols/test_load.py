"""Protocols by name; and none changes without a new version."""

import json
from dataclasses import replace

import pytest

from depthbench.config import aliases
from depthbench.errors import UserError
from depthbench.protocols import EvalProtocol, load_protocol, protocol_from
from tests.protocols.record_versions import RECORD, fields, scores, shipped

TARGET = "depthbench.protocols.EvalProtocol"


@pytest.mark.parametrize("protocol", shipped(), ids=lambda protocol: protocol.name)
def test_a_version_is_what_it_was(protocol):
    """Whoever changes a protocol raises its version and runs record_versions.py."""
    recorded = json.loads(RECORD.read_text())[protocol.name]
    assert max(map(int, recorded)) == protocol.version
    read = protocol_from({"_target_": TARGET, "version": protocol.version, **recorded[str(protocol.version)]["fields"]})
    assert read == protocol
    assert scores(protocol) == pytest.approx(recorded[str(protocol.version)]["scores"], rel=2e-5)


def test_by_name_by_path_and_with_changes(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(f"_target_: {TARGET}\nname: mine\nregion: [1, 5, 2, 9]\nmax_depth: 8\n")
    assert (
        load_protocol(path) == load_protocol(str(path)) == EvalProtocol(name="mine", region=[1, 5, 2, 9], max_depth=8)
    )
    assert load_protocol("garg", max_depth=50.0, clamp=[0.001, 50.0], name="garg_50") == load_protocol("garg_50")


@pytest.mark.parametrize(
    ("name", "changes", "sentence"),
    [
        ("eigne", {}, "protocol=eigne does not exist; did you mean eigen"),
        ("eigen", {"flip": True}, "refuses its arguments: .*flip"),
        ("eigen", {"reduction": "mean"}, "choose one of image, pixel, mse_image"),
        ("no/such.yaml", {}, "can't be read as a protocol"),
        ("list.yaml", {}, "holds no protocol"),
        ("loss.yaml", {}, "depthbench.losses.L1 is not a protocol"),
    ],
)
def test_mistakes(name, changes, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "loss.yaml").write_text("_target_: depthbench.losses.L1\n")
    with pytest.raises(UserError, match=sentence):
        load_protocol(name, **changes)


def test_a_configuration_of_an_earlier_version():
    """Its keys had other names, and it knew no versions: its rules are today's of the same name."""
    settings = {"_target_": "depthbench.metrics.Protocol", "name": "mine", "swapped": True}
    assert protocol_from(settings) == EvalProtocol(name="mine", swap_prediction_and_truth=True)
    former = fields(load_protocol("alhashim2018"))
    assert protocol_from({"_target_": TARGET, **former}) == load_protocol("alhashim2018")
    assert protocol_from({"_target_": TARGET, **former, "version": 1}) == replace(
        load_protocol("alhashim2018"), version=1
    )


def test_the_former_name_of_full_works_and_says_so(capsys, monkeypatch):
    monkeypatch.setattr(aliases, "_said", set())
    assert load_protocol("none") == load_protocol("full")
    assert "protocol=none is now protocol=full" in capsys.readouterr().err


@pytest.mark.parametrize("version", [0, -1, "two", None, 1.5])
def test_a_version_is_a_number(version):
    with pytest.raises(UserError, match="give a whole number from 1 on"):
        EvalProtocol(name="x", version=version)


@pytest.mark.parametrize("word", ["flip_average", "align_corners", "swap_prediction_and_truth"])
def test_a_word_is_neither_true_nor_false(word):
    """YAML 1.2 has no `no`: it is text, and text counts as true."""
    with pytest.raises(UserError, match="give true or false"):
        load_protocol("eigen", **{word: "no"})


def test_no_alignment_is_none():
    assert load_protocol("eigen_scaled", alignment=None).alignment.fit == "none"
    with pytest.raises(UserError, match="alignment is 3"):
        load_protocol("eigen", alignment=3)

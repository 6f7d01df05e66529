"""The commands of the pages about other people's networks and encoders are read as they are printed."""

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser

from depthbench.config.compose import composing
from depthbench.config.values import check_kinds
from depthbench.evaluation.model_source import read_kinds, read_sources
from depthbench.output_kinds import output_kind

DOCS = Path(__file__).resolve().parents[1] / "docs"


def commands(page: str, name: str) -> list[list[str]]:
    text = (DOCS / page).read_text().replace("\\\n", " ")
    return [shlex.split(line)[2:] for line in re.findall(rf"^depthbench {name} .*$", text, re.MULTILINE)]


@pytest.mark.parametrize("words", commands("foundation_encoders.md", "run"), ids=" ".join)
def test_a_training_composes(words):
    with composing():
        check_kinds(compose("config"), OverridesParser.create().parse_overrides(words))
        config = compose("config", [word for word in words if not word.startswith("init=")])
    assert config.model._target_ == "depthbench.models.DepthNet"
    chosen = dict(word.split("=", 1) for word in words)
    assert config.data.size == [int(side) for side in re.findall(r"\d+", chosen["data.size"])]
    if "optim.factors" in chosen:
        assert config.optim.factors == {"encoder": 0}
    if "optim.encoder_factor" in chosen:
        assert config.optim.encoder_factor == float(chosen["optim.encoder_factor"])


@pytest.mark.parametrize("page", ["foundation_encoders.md", "foreign_models.md"])
def test_networks_are_named_as_they_are_read(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.onnx").write_bytes(b"")
    named = [word.removeprefix("model=") for words in commands(page, "evaluate") for word in words if "model=" in word]
    sources = [source for text in named for source in read_sources(text)]
    assert {"hf"} <= {source.form for source in sources}
    for kind in re.findall(r'kind = "(\w+)"', (DOCS / page).read_text()):
        assert read_kinds(kind, 0, 1, None).models == [output_kind(kind)]

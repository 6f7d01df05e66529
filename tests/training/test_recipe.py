"""A checkpoint is enough to make its network again."""

import pytest
import torch
from hydra import compose, initialize_config_dir

from depthbench.config.compose import config_dir
from depthbench.config.recipe import KEY, config_of
from depthbench.errors import UserError
from depthbench.run import main
from depthbench.training.trainer import build_task
from tests.commands import TINY, make_frames


def test_the_checkpoint_of_a_run_makes_its_network(tmp_path, monkeypatch):
    make_frames(tmp_path / "frames")
    monkeypatch.chdir(tmp_path)
    told = [*TINY, f"data.root={tmp_path / 'frames'}", "trainer.max_epochs=1", "model.encoder.pretrained=false"]
    monkeypatch.setattr("sys.argv", ["depthbench", *told])
    main()
    (file,) = tmp_path.glob("runs/*/checkpoints/last.ckpt")
    state = torch.load(file, map_location="cpu", weights_only=True)
    assert str(tmp_path) not in str(state[KEY]), "where things lie is nobody's business"
    task = build_task(config_of(state, "last.ckpt"))
    task.load_state_dict(state["state_dict"])
    assert config_of(state, "last.ckpt").data.size == [64, 64]


def test_what_can_not_be_used_is_a_sentence():
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("config", ["model.encoder.pretrained=false"])
    kept = build_task(config).recipe
    assert config_of({KEY: kept}, "x").model.space._target_ == "depthbench.models.LogDepth"
    for broken in (
        {},
        {KEY: {}},
        {KEY: []},
        {KEY: {**kept, "config": [1]}},
    ):
        with pytest.raises(UserError, match="x does not say how its network is made"):
            config_of(broken, "x")
    with pytest.raises(UserError, match="which is newer"):
        config_of({KEY: {**kept, "format": 99}}, "x")
    deep: list = []
    for _ in range(3000):
        deep = [deep]
    for odd in ({"a": torch.zeros(1)}, {"a": "${oc.env:HOME}"}, {"a": deep}, {(1, 2): 3}):
        with pytest.raises(UserError, match="The configuration of the network in x"):
            config_of({KEY: {**kept, "config": odd}}, "x")


def test_former_names_in_a_checkpoint_are_read():
    node = {"model": {"space": {"_target_": "depthbench.models.Log"}}}
    config = config_of({KEY: {"format": 1, "version": "0.1.0", "config": node}}, "x")
    assert config.model.space._target_ == "depthbench.models.LogDepth"

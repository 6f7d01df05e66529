"""One list of what can't change a result."""

import importlib
import random

import pytest
from hydra import compose, initialize_config_dir

from depthbench.config.compose import config_dir
from depthbench.config.identity import digest, fingerprint, is_path, matters, paths, plain
from depthbench.report.analyze.axes import is_science

LABELED = ["data=nyu_labeled", "data.root=/a"]
SAME = [
    "output=elsewhere",
    "logger=csv",
    "logger.project=x",
    "launch.fail_fast=true",
    "callbacks.panels=8",
    "callbacks.panels_every=1",
    "callbacks.checkpoint_every=3",
    "callbacks.progress_bar=false",
    "trainer.estimate=false",
    "trainer.accelerator=cpu",
    "data.root=/b",
    "data.train.root=/c",
    "data.workers=4",
    "data.cache=none",
    "data.on_error=skip",
    "data.test_batch_size=1",
]
DIFFERENT = [
    "seed=1",
    "data.split=12",
    "data.batch_size=2",
    "data.size=[32,32]",
    "data.scale=0.001",
    "+data.name=mine",
    "loss=l2",
    "model=fpn",
    "protocol=bts",
    "augment=none",
    "optim.optimizer.lr=1e-3",
    "trainer.max_epochs=11",
    "trainer.precision=32-true",
    "trainer.compile=true",
    "trainer.channels_last=true",
    "trainer.deterministic=true",
    "trainer.devices=1",
    "model.encoder.pretrained=/some/weights.pth",
    "+callbacks.early_stopping.patience=3",
]


def composed(*overrides):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("config", overrides=[*LABELED, *overrides])


@pytest.fixture(scope="module")
def base():
    return fingerprint(composed())


@pytest.mark.parametrize("override", SAME)
def test_what_can_not_change_a_result_is_no_part_of_the_hash(override, base):
    assert fingerprint(composed(override)) == base
    assert not matters(override.partition("=")[0])
    assert not is_science(override.partition("=")[0]), "the report's cells read the same list"


def test_what_can_change_a_result_is_part_of_the_hash(base):
    found = {override: fingerprint(composed(override)) for override in DIFFERENT}
    assert len({base, *found.values()}) == len(DIFFERENT) + 1
    assert all(matters(override.lstrip("+").partition("=")[0]) for override in DIFFERENT)


def test_order_and_spelling_of_overrides_do_not_count(base):
    overrides = ["seed=3", "loss=l2", "data.split=795", "optim.optimizer.lr=1e-3"]
    hashes = set()
    for seed in range(3):
        random.Random(seed).shuffle(overrides)
        hashes.add(fingerprint(composed(*overrides)))
    assert hashes == {fingerprint(composed("seed=3", "loss=l2", "data.split=795", "optim.optimizer.lr=0.001"))}


def test_former_names_have_the_hash_of_todays(base):
    assert fingerprint(composed("model.space._target_=depthbench.models.Log")) == base


def test_groups_on_a_command_line_are_known():
    assert not matters("hydra/launcher")
    assert not matters("logger@somewhere")
    assert matters("data")
    assert matters("callbacks")
    assert matters("outputs")
    assert is_path("data.train.parts.nyu.root")
    assert not is_path("model.root")


def test_devices_can_join_the_list_in_one_line(monkeypatch):
    content = plain(composed("trainer.devices=2"))
    alone = plain(composed("trainer.devices=1"))
    assert digest(content) != digest(alone)
    identity = importlib.import_module("depthbench.config.identity")  # the package has a function of that name
    monkeypatch.setattr(identity, "NOT_IDENTITY", (*identity.NOT_IDENTITY, *identity.DEVICES))
    assert digest(content) == digest(alone)


def test_paths_are_found_wherever_they_stand():
    content = {"data": {"root": "/a", "train": {"parts": [{"root": "/b", "size": 1}], "files": "/c"}}, "output": "runs"}
    assert paths(content) == {"data.root": "/a", "data.train.parts.0.root": "/b", "data.train.files": "/c"}
    other = {"data": {"root": "/x", "train": {"parts": [{"root": "/y", "size": 1}], "files": "/z"}}, "output": "o"}
    assert digest(content) == digest(other)
    other["data"]["train"]["parts"][0]["size"] = 2
    assert digest(content) != digest(other)


BEFORE = {  # of the configurations of version 0.1.0 before these data sets learned `invalid`, with the version left out
    "nyu": ["data.root=/a"],
    "nyu_labeled": ["data.root=/a"],
    "kitti": ["data.root=/a", "data.files=/f", "data.test_files=/g"],
    "matterport3d": ["data.root=/a", "data.houses=[a]", "data.test_houses=[b]"],
}


@pytest.mark.parametrize("name", BEFORE)
def test_keys_that_joined_later_count_only_where_they_change_something(name):
    def of(*overrides):
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            return plain(compose("config", overrides=[f"data={name}", *BEFORE[name], *overrides]))

    content, former = of(), of()
    for node in (former["data"], former["data"]["train"], former["data"]["test"]):
        assert node.pop("invalid", 0) is None
        assert node.pop("max_depth", 0) is None
    assert digest(content) == digest(former)
    assert len({digest(content), digest(of("data.invalid=65535")), digest(of("data.max_depth=80"))}) == 3

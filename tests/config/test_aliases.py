"""Former names of targets, keys and options still work, and say today's name once."""

from pathlib import Path

import pytest
import yaml
from hydra.utils import get_object

from depthbench.config import aliases
from depthbench.config.aliases import current_target, renew_config, renew_overrides, silent
from depthbench.config.compose import config_dir
from depthbench.config.targets import instantiate
from depthbench.runs.folder import RunFolder
from depthbench.training.trainer import build_task

FORMER = Path(__file__).parents[1] / "data" / "former"
# Parts of the machinery that need objects to be made of: no configuration could name them with success.
INNER = {
    "depthbench.data.rooms.builder.Builder",
    "depthbench.data.rooms.hashing.Draws",
    "depthbench.data.store.PerProcess",
    "depthbench.data.store.Store",
    "depthbench.losses.level.Level",
    "depthbench.losses.transforms.Mirrored",
    "depthbench.losses.transforms.Moved",
    "depthbench.losses.transforms.Placement",
    "depthbench.metrics.PredictionFiles",
    "depthbench.metrics.files.PredictionFiles",
    "depthbench.metrics.sharing.Maps",
}


@pytest.fixture(autouse=True)
def _nothing_said_yet(monkeypatch):
    monkeypatch.setattr(aliases, "_said", set())


def targets(node):
    if isinstance(node, dict):
        if "_target_" in node:
            yield node["_target_"]
        node = list(node.values())
    for value in node if isinstance(node, list) else ():
        yield from targets(value)


def test_every_class_that_a_target_could_name_is_found_today():
    names = (FORMER / "targets.txt").read_text().split()
    assert len(names) > 250
    for name in set(names) - INNER:
        assert isinstance(get_object(current_target(name)), type), name


def test_no_name_of_today_is_taken_for_a_former_one():
    files = [*config_dir().rglob("*.yaml"), *(config_dir().parent / "experiments").rglob("*.yaml")]
    assert len(files) > 100
    for file in files:
        for name in targets(yaml.safe_load(file.read_text())):
            assert current_target(name) == name, file
    for key in (*aliases.KEYS.values(), *aliases.ADDED):
        assert aliases._current_key(key) == key


@pytest.mark.parametrize("file", sorted(FORMER.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_former_run_folder_is_read_and_its_task_is_built(file, tmp_path, capfd):
    (tmp_path / "config.yaml").write_text(file.read_text().replace("pretrained: true", "pretrained: false"))
    config = RunFolder(tmp_path).config
    task = build_task(config)
    assert type(task).__name__ == yaml.safe_load(file.read_text())["task"]["_target_"].rpartition(".")[2]
    assert instantiate(config.augment) is not None
    assert capfd.readouterr().err == ""


def test_a_former_target_says_the_new_name_once(capfd):
    for _ in range(2):
        instantiate({"_target_": "depthbench.models.Log"})
    assert capfd.readouterr().err == "depthbench.models.Log is now depthbench.models.LogDepth.\n"


def test_former_keys_options_and_arguments(monkeypatch, capfd):
    monkeypatch.setattr(aliases, "KEYS", {"callbacks.progress": "progress.bar", "old": "middle", "middle": "new"})
    monkeypatch.setattr(aliases, "OPTIONS", {"loss=dbe": "loss=balanced", "loss=balanced": "loss=depth_balanced"})
    monkeypatch.setattr(aliases, "ADDED", {"trainer.amount": 1, "absent.amount": 2})
    change = {("depthbench.losses.L1", "width"): aliases.renamed("window")}
    change["depthbench.losses.L1", "x"] = lambda value: {}
    monkeypatch.setattr(aliases, "ARGUMENTS", change)
    given = [
        "loss=l1,dbe",
        "+callbacks.progress.rate=3",
        "~old",
        "old=a,b",
        "-m",
        "model.space._target_=depthbench.models.Log",
    ]
    assert renew_overrides(given) == [
        "loss=l1,depth_balanced",
        "+progress.bar.rate=3",
        "~new",
        "new=a,b",
        "-m",
        "model.space._target_=depthbench.models.LogDepth",
    ]
    former = {
        "callbacks": {"progress": True},
        "old": 3,
        "trainer": {"amount": 5},
        "loss": [{"_target_": "depthbench.losses.L1", "width": 3, "x": 2}],
    }
    assert renew_config(former) == {
        "callbacks": {},
        "new": 3,
        "progress": {"bar": True},
        "trainer": {"amount": 5},
        "loss": [{"_target_": "depthbench.losses.L1", "window": 3}],
    }
    assert former["old"] == 3, "the caller's tree is left as it is"
    assert renew_config({"trainer": {}}, silent) == {"trainer": {"amount": 1}}
    said = capfd.readouterr().err.splitlines()
    assert len(said) == len(set(said))
    assert "loss=dbe is now loss=depth_balanced." in said
    assert "width of depthbench.losses.L1 is now window." in said


def test_a_circle_of_names_ends(monkeypatch):
    monkeypatch.setattr(aliases, "CLASSES", {"a.A": "b.B", "b.B": "a.A"})
    assert current_target("a.A") in ("a.A", "b.B")
    monkeypatch.setattr(aliases, "KEYS", {"a": "b", "b": "a"})
    assert renew_overrides(["a=1"])[0] in ("a=1", "b=1")

"""A run folder that somebody sent runs nothing."""

import sys
from pathlib import Path

import pytest
import torch
import yaml

from depthbench.errors import UserError
from depthbench.evaluation.test_set import EvaluationSet
from depthbench.launch import worker
from depthbench.runs.folder import RunFolder
from depthbench.training.loading import load_task

FORMER = Path(__file__).parents[1] / "data" / "former" / "default.yaml"


class Payload:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return Path.mkdir, (self.place,)


def gadgets(place):
    """Each made a directory before a configuration was data."""
    command = {"command": ["mkdir", str(place)], "environment": {}, "log": None, "timeout": 10, "folder": None}
    evil = str(place.with_suffix(".ckpt"))
    escaped = f"\\${{oc.create:{{_target_:os.mkdir,path:'{place}'}}}}"
    return {
        "a helper": {"_target_": "depthbench.launch.job._supervise", **command},
        "a writer": {
            "_target_": "depthbench.runs.folder.RunFolder.write_json",
            "_args_": [{"_target_": "depthbench.runs.folder.RunFolder", "path": "/"}, str(place), "x"],
        },
        "its former name": {"_target_": "depthbench.run_folder.RunFolder.write_json", "_args_": [1, str(place), "x"]},
        "a class method": {
            "_target_": "pytorch_lightning.LightningModule.load_from_checkpoint",
            "checkpoint_path": evil,
            "weights_only": False,
        },
        "an escaped interpolation": {"_target_": "torch.nn.Identity", "x": escaped},
        "an interpolation": {"_target_": "torch.nn.Identity", "x": escaped[1:]},
        "a partial": {"_target_": "os.mkdir", "_partial_": True, "path": str(place)},
    }


def read_as_commands_do(folder):
    EvaluationSet(folder.config, [])
    load_task(folder)


@pytest.mark.parametrize("name", gadgets(Path("x")))
@pytest.mark.parametrize(
    "key", ["loss", "model", "model.space", "task.x", "optim", "protocol", "data.test", "data.test.size"]
)
def test_no_gadget_runs_anywhere_in_a_run_folder(tmp_path, name, key):
    place = tmp_path / "ran"
    torch.save({"state_dict": {}, "hyper_parameters": {}, "x": Payload(place)}, place.with_suffix(".ckpt"))
    config = yaml.safe_load(FORMER.read_text().replace("pretrained: true", "pretrained: false"))
    node = config
    *parents, last = key.split(".")
    for parent in parents:
        node = node[parent]
    node[last] = gadgets(place)[name]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(UserError):
        read_as_commands_do(RunFolder(tmp_path))
    assert not place.exists()


@pytest.mark.parametrize("content", [b"", b"- 1", b"\xff", b"[" * 5000, b"a: &a [*a]"])
def test_a_worker_says_in_a_sentence_what_is_damaged(tmp_path, monkeypatch, capfd, content):
    (tmp_path / "config.yaml").write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["worker", str(tmp_path)])
    monkeypatch.setattr(worker, "die_with_parent", lambda parent: None)
    with pytest.raises(SystemExit) as stopped:
        worker.main()
    assert stopped.value.code == 2
    assert "config.yaml is not readable YAML" in capfd.readouterr().err

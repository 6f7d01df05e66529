"""What a configuration may make, and what it may not."""

import functools
import pickle
import sys
import types

import pytest
import torch
from omegaconf import OmegaConf

from depthbench.config import kinds
from depthbench.config.kinds import CALLBACKS, DATA_MODULES, EVERY, LOGGERS, TASKS, find, trust
from depthbench.config.targets import instantiate
from depthbench.data.augment import Flip, Policy
from depthbench.errors import UserError
from depthbench.losses import L1, WeightedSum
from depthbench.models import DepthNet

REFUSED = r"is not allowed|does not exist"


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.run",
        "depthbench",
        "builtins.eval",
        "L1",
        "depthbench.run.sys.exit",
        "depthbench.config.mistakes.re.compile",
        "depthbench.launch.job._supervise",
        "depthbench.launch.job.subprocess.Popen",
        "depthbench.launch.job.run_job",
        "depthbench.runs.folder.RunFolder",
        "depthbench.runs.folder.RunFolder.write_json",
        "depthbench.prepare.fetch_file.download",
        "depthbench.run.main",
        "depthbench.launch.execute.execute",
        "depthbench.models.predict_with_flip",
        "depthbench.losses.L1.__init__",
        "depthbench.losses.L1.forward",
        "depthbench.losses.L1.__class__",
        "depthbench.losses.L1.load_state_dict",
        "depthbench.losses.__builtins__",
        "depthbench.data.DataModule",
        "depthbench.data.DiskCache",
        "depthbench.tasks.Regression",
        "albumentations.load",
        "albumentations.Compose.from_dict",
        "pytorch_lightning.LightningModule.load_from_checkpoint",
        "pytorch_lightning.LightningModule",
        "pytorch_lightning.Trainer",
        "pytorch_lightning.loggers.WandbLogger",
        "pytorch_lightning.callbacks.ModelCheckpoint",
        "pytorch_lightning.utilities.upgrade_checkpoint.main",
        "torch.hub.load",
        "torch.load",
        "torch.nn.Module.load_state_dict",
        "torch.nn.init.zeros_",
        "torchmetrics.image.fid.FrechetInceptionDistance",
        "torchmetrics.Metric",
        "torch.nn.L1Loss ",
        "torch.nn..L1Loss",
    ],
)
def test_what_a_configuration_may_not_make(target):
    with pytest.raises(UserError, match=REFUSED):
        instantiate({"_target_": "depthbench.losses.WeightedSum", "terms": {"a": {"loss": {"_target_": target}}}})
    for special in ({"_partial_": True}, {"_args_": ["x"]}):
        with pytest.raises(UserError, match=REFUSED):
            instantiate([{"_target_": target, **special}])


def test_what_is_made_and_how():
    made = instantiate(
        {
            "policy": {
                "_target_": "depthbench.data.augment.Policy",
                "transforms": [{"_target_": "depthbench.data.augment.Flip"}],
            },
            "optimizer": {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.1},
            "schedule": {"_target_": "torch.optim.lr_scheduler.StepLR", "_partial_": True, "step_size": 3},
            "layer": {"_target_": "torch.nn.Linear", "_args_": [2, 3], "bias": False, "_convert_": "all"},
            "metric": {"_target_": "torchmetrics.MeanMetric"},
            "plain": {"list": [1, (2, 3)], "none": None},
        }
    )
    assert isinstance(made["policy"], Policy)
    assert isinstance(made["policy"].transforms[0], Flip)
    assert isinstance(made["optimizer"], functools.partial)
    assert made["optimizer"]([torch.nn.Parameter(torch.zeros(1))]).defaults["lr"] == 0.1
    assert made["layer"].weight.shape == (3, 2)
    assert made["layer"].bias is None
    assert made["plain"] == {"list": [1, [2, 3]], "none": None}
    assert type(made["plain"]) is dict


def test_arguments_reach_the_outermost_object_as_they_are():
    loss = L1()
    task = instantiate(
        OmegaConf.create({"_target_": "depthbench.losses.WeightedSum", "terms": {}}),
        terms={"a": {"loss": loss, "weight": 1.0}},
    )
    assert isinstance(task, WeightedSum)
    assert task.losses["a"] is loss


def test_effects_are_made_only_where_they_are_asked_for():
    for target, kind in (
        ("depthbench.tasks.Regression", TASKS),
        ("depthbench.data.DataModule", DATA_MODULES),
        ("pytorch_lightning.callbacks.EarlyStopping", CALLBACKS),
        ("pytorch_lightning.loggers.CSVLogger", LOGGERS),
    ):
        with pytest.raises(UserError, match="is not allowed"):
            instantiate({"_target_": target, "_partial_": True})
        assert isinstance(instantiate({"_target_": target, "_partial_": True}, kind), functools.partial)
        assert isinstance(find(target, EVERY), type)


def test_mistakes_get_a_sentence():
    with pytest.raises(UserError, match=r"depthbench\.losses\.L3 does not exist"):
        instantiate({"_target_": "depthbench.losses.L3"})
    with pytest.raises(UserError, match=r"depthbench\.lossy\.L1 does not exist"):
        instantiate({"_target_": "depthbench.lossy.L1"})
    with pytest.raises(UserError, match=r"depthbench\.losses\.L1 refuses its arguments: .*'wieght'"):
        instantiate({"_target_": "depthbench.losses.L1", "wieght": 2})
    with pytest.raises(UserError, match=r"_args_ of torch\.nn\.Linear is not a list"):
        instantiate({"_target_": "torch.nn.Linear", "_args_": {"a": 1}})
    with pytest.raises(UserError, match=r"_recursive_ of torch\.nn\.Identity"):
        instantiate({"_target_": "torch.nn.Identity", "_recursive_": False})
    with pytest.raises(UserError, match="_convert_: none"):
        instantiate({"_target_": "torch.nn.Identity", "_convert_": "none"})


@pytest.mark.parametrize(
    "value",
    [
        "\\${oc.create:{_target_:joblib.load,filename:'/tmp/evil.pkl'}}",
        "\\\\\\${oc.env:HOME}",
        "${oc.env:HOME}",
        "${oc.create:{_target_:os.system,command:id}}",
        "a ${x} b",
    ],
)
def test_nothing_is_resolved_after_it_was_checked(value):
    """An escaped interpolation is text when it is checked and a target when it is resolved again."""
    node = {"_target_": "torch.nn.Identity", "x": [{"y": value}]}
    with pytest.raises(UserError, match="which is not resolved here"):
        instantiate(node)
    if value.startswith("\\"):
        with pytest.raises(UserError, match="which is not resolved here"):
            instantiate(OmegaConf.create(node))
    with pytest.raises(UserError, match="which is not resolved here"):
        instantiate({"_target_": "torch.nn.Identity", value: 1})


def test_a_target_that_is_made_by_resolving_is_checked_too():
    config = OmegaConf.create({"a": "os", "x": {"_target_": "${..a}.system", "command": "id"}})
    with pytest.raises(UserError, match=r"os\.system is not allowed"):
        instantiate(config)
    with pytest.raises(UserError, match="is not allowed"):
        instantiate({"_target_": {"_target_": "torch.nn.Identity"}})


def test_a_package_of_the_user_joins_by_trust_and_by_its_kinds(monkeypatch):
    module = types.ModuleType("own_depth")
    monkeypatch.setitem(sys.modules, "own_depth", module)

    class Own(torch.nn.Module):
        pass

    Own.__module__ = "own_depth"
    module.Own, module.loads, module.Pickler = Own, pickle.loads, pickle.Pickler
    monkeypatch.setattr(kinds, "_trusted", [])
    with pytest.raises(UserError, match=r"open its package with plugins=\[own_depth\] \(only if you trust it\)"):
        instantiate({"_target_": "own_depth.Own"})
    trust("own_depth")
    assert isinstance(instantiate({"_target_": "own_depth.Own"}), Own)
    for name in ("loads", "Pickler"):
        with pytest.raises(UserError, match="is not allowed"):
            instantiate({"_target_": f"own_depth.{name}"})


def test_a_nested_network_is_made_from_the_inside(tmp_path):
    net = instantiate(
        {
            "_target_": "depthbench.models.DepthNet",
            "encoder": {"_target_": "depthbench.models.Encoder", "name": "test_resnet", "pretrained": False},
            "decoder": {"_target_": "depthbench.models.UNetDecoder", "_partial_": True, "widths": [16, 8, 8, 8]},
            "space": {"_target_": "depthbench.models.LogDepth"},
        }
    )
    assert isinstance(net, DepthNet)

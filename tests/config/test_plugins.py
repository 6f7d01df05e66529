"""The user's own packages and folders: two doors, and nothing that a file can open."""

import importlib.metadata
import json
import os
import sys
from pathlib import Path

import pytest
import yaml
from hydra import compose
from hydra.core.config_store import ConfigStore

from depthbench.completion import candidates
from depthbench.config import compose as composing_module
from depthbench.config import kinds, plugins
from depthbench.config.compose import composing, config_dir, group_options, names_of, option_file
from depthbench.config.doors import through_doors
from depthbench.config.kinds import COMPONENTS
from depthbench.config.plugins import open_plugins, opened
from depthbench.config.targets import instantiate
from depthbench.errors import UserError
from depthbench.protocols import load_protocol
from depthbench.run import check, main, typed
from depthbench.runs.folder import RunFolder

LOSS = "from depthbench.losses import L1\n\n\nclass Mine(L1):\n    pass\n"


@pytest.fixture(autouse=True)
def nothing_open(monkeypatch, tmp_path):
    """Be a new process without plugins, in an empty folder."""
    for owner, name in ((plugins, "_opened"), (composing_module, "_by_path")):
        monkeypatch.setattr(owner, name, {})
    for owner, name in ((plugins, "_read"), (kinds, "_trusted"), (composing_module, "_added")):
        monkeypatch.setattr(owner, name, [])
    monkeypatch.delenv(plugins.VARIABLE, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(ConfigStore.instance(), "repo", {**ConfigStore.instance().repo})
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    monkeypatch.undo()
    for name in set(sys.modules) - before:
        if not name.startswith(("depthbench", "hydra", "torch")):
            del sys.modules[name]


def write(files):
    for name, text in files.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def a_plugin(name, target=None, folder="."):
    """A package of one loss, with its YAML in it."""
    target = target or f"{name}.losses.Mine"
    inside = f"{folder}/{name}"
    write(
        {
            f"{inside}/__init__.py": "",
            f"{inside}/losses.py": LOSS,
            f"{inside}/conf/loss/{name}_loss.yaml": f"_target_: {target}\nreduction: image\n",
        }
    )
    return Path(inside)


def checked(*arguments):
    check(typed(through_doors(arguments))[0])


@pytest.mark.parametrize("where", ["plug_a", "./plug_a", "~/plug_a", "{here}/plug_a"])
def test_a_package_by_path(where, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    a_plugin("plug_a")
    open_plugins(where.format(here=tmp_path))
    loss = instantiate({"_target_": "plug_a.losses.Mine", "reduction": "image"})
    assert type(loss).__name__ == "Mine"
    assert "plug_a_loss" in group_options("loss")
    with composing():
        assert compose("config", ["loss=plug_a_loss"]).loss._target_ == "plug_a.losses.Mine"


LAYOUTS = {
    "a file with conf beside it": ("x/plug_b.py", "x/plug_b.py", "plug_b.Mine", "x/conf"),
    "a folder of modules": ("x/plug_b.py", "x", "plug_b.Mine", "x/conf"),
    "a folder with a package": ("x/plug_b/__init__.py", "x", "plug_b.Mine", "x/conf"),
    "a package with conf beside it": ("x/plug_b/__init__.py", "x/plug_b", "plug_b.Mine", "x/conf"),
    "a project": ("x/src/plug_b/__init__.py", "x", "plug_b.Mine", "x/src/plug_b/conf"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout):
    code, opens, target, conf = LAYOUTS[layout]
    write({code: LOSS, f"{conf}/loss/b_loss.yaml": f"_target_: {target}\n", "x/tests/test_it.py": "1 / 0\n"})
    write({"x/setup.py": "1 / 0\n"})
    checked(f"plugins=[{opens}]", "loss=b_loss")
    assert instantiate({"_target_": target}).reduction == "pixel"
    assert [plugin.packages for plugin in opened()] == [("plug_b",)]


def test_a_module_by_name_and_by_the_environment(monkeypatch, tmp_path):
    a_plugin("plug_c", folder="site")
    monkeypatch.syspath_prepend("site")
    monkeypatch.setenv(plugins.VARIABLE, "plug_c")
    assert "plug_c_loss" in group_options("loss")
    instantiate({"_target_": "plug_c.losses.Mine"})
    monkeypatch.setenv(plugins.VARIABLE, os.pathsep.join(["plug_c", str(a_plugin("plug_d", folder="other"))]))
    assert {"plug_c_loss", "plug_d_loss"} <= set(group_options("loss"))


def test_an_installed_package_by_its_entry_point(monkeypatch):
    a_plugin("plug_e", folder="site")
    write(
        {
            "site/plug_e-1.5.dist-info/METADATA": "Metadata-Version: 2.1\nName: plug_e\nVersion: 1.5\n",
            "site/plug_e-1.5.dist-info/entry_points.txt": "[depthbench.plugins]\nplug_e = plug_e\n",
        }
    )
    monkeypatch.syspath_prepend(str(Path("site").absolute()))
    assert importlib.metadata.version("plug_e") == "1.5"
    checked("loss=plug_e_loss")
    assert [(plugin.name, plugin.version) for plugin in opened()] == [("plug_e", "1.5")]
    assert "plug_e" not in sys.modules  # a mistake is told before anything is imported


def test_commands_of_a_sweep_find_its_options():
    a_plugin("plug_f")
    checked("-m", "plugins=plug_f", "loss=l1,plug_f_loss")
    assert os.environ[plugins.VARIABLE] == str(Path("plug_f").absolute())  # the workers' door
    assert "loss=plug_f_loss" in candidates(["run", "loss=plug"])


def test_folders_of_yamls():
    write({"own/loss/own_l1.yaml": "_target_: depthbench.losses.L1\nreduction: image\n"})
    write({"more/protocol/mine.yaml": "defaults: [eigen]\nname: mine\nmax_depth: 7\n"})
    checked("--config-dir", "own", f"hydra.searchpath=[file://{Path('more').absolute()}]", "loss=own_l1")
    assert {"own_l1", "l1"} <= set(group_options("loss"))
    assert "mine" in names_of("protocol")
    with composing():
        assert compose("evaluate", ["protocol=mine"]).protocol.max_depth == 7
    with pytest.raises(UserError, match="did you mean own_l1"):
        checked("loss=own_l2")


def test_a_path_of_a_yaml_is_an_option():
    write({"else/mine.yaml": (config_dir() / "protocol" / "eigen.yaml").read_text().replace("eigen", "mine")})
    write({"glob.yaml": "# @package _global_\ndefaults: [l1]\nloss: {reduction: image}\nseed: 3\n"})
    rest = through_doors(
        ["protocol=eigen,./else/mine.yaml", "+protocol@more_protocols.x=else/mine.yaml", "data.x=y.yaml"]
    )
    assert rest == ["protocol=eigen,mine", "+protocol@more_protocols.x=mine", "data.x=y.yaml"]
    assert load_protocol("mine").name == "mine"
    with composing():
        assert compose("evaluate", ["protocol=mine"]).protocol.name == "mine"
    (rest,) = through_doors(["loss=glob.yaml"])
    with composing():
        config = compose("config", [rest])
    assert (config.seed, config.loss.reduction) == (3, "image")


@pytest.mark.parametrize(
    ("files", "arguments", "sentence"),
    [
        ({}, ["plugins=[./nowhere]"], "There is no plugin at"),
        ({}, ["plugins=[no_such_module]"], "There is no module no_such_module, nor a file or folder of that name here"),
        ({}, ["plugins=[a b]"], "neither a path nor the name of a module"),
        ({"x/readme.txt": ""}, ["plugins=x"], "holds no plugin"),
        ({"x/mine.py": "def (:\n"}, ["plugins=x"], "mine.py, line 1 (invalid syntax)"),
        ({"x/mine.py": "a = 1\0\n"}, ["plugins=x"], "can't be read as Python"),
        ({}, ["plugins=[os]"], "os is a library"),
        ({}, ["plugins=[torch]"], "torch is a library"),
        ({"x/torch/__init__.py": ""}, ["plugins=x"], "has the name of another module"),
        ({"x/depthbench/__init__.py": ""}, ["plugins=x/depthbench"], "has the name of another module"),
        ({"x/json.py": ""}, ["plugins=x/json.py"], "has the name of another module"),
        ({"x/pytest.py": ""}, ["plugins=x/pytest.py"], "has the name of another module"),
        ({"x/my-loss.py": ""}, ["plugins=x/my-loss.py"], "my-loss is not a module name"),
        (
            {"x/plug_g.py": LOSS, "x/conf/loss/l1.yaml": "_target_: plug_g.Mine\n"},
            ["plugins=x", "loss=l1"],
            "l1.yaml, which is read before it; rename it",
        ),
        ({"own/loss/berhu.yaml": ""}, ["--config-dir=own"], "berhu.yaml, which is read before it; rename it"),
        ({"own/l1.yaml": "_target_: depthbench.losses.L1"}, ["loss=own/l1.yaml"], "has the name of"),
        ({}, ["loss=./nowhere.yaml"], "nowhere.yaml can't be read as a configuration"),
        ({"bad.yaml": "a: [1"}, ["loss=bad.yaml"], "bad.yaml can't be read as a configuration"),
        (
            {"own/loss/mine.yaml": "# @package _global_\ndefaults: [{/loss: l1}]\n"},
            ["--config-dir=own", "loss=mine"],
            "A YAML includes itself through its defaults",
        ),
        (
            {"own/loss/mine.yaml": "# @package _global_\nseed: 3\n"},
            ["--config-dir=own", "loss=mine"],
            "The configuration has no loss; a YAML that begins with",
        ),
        ({}, ["--config-dir"], "--config-dir needs a folder"),
        ({}, ["--config-dir=nowhere"], "--config-dir=nowhere is not a folder"),
        (
            {"own/loss/foreign.yaml": "_target_: foreign.losses.Mine\n"},
            ["--config-dir=own", "loss=foreign"],
            "This run uses foreign.losses.Mine; open its package with plugins=[foreign] (only if you trust it).",
        ),
    ],
)
def test_a_plugin_that_can_not_be_opened_gets_one_sentence(files, arguments, sentence, capfd):
    write(files)
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    output = "".join(capfd.readouterr())
    assert stopped.value.code == 2
    assert sentence in output
    assert len(output.splitlines()) == 1


def test_two_plugins_of_one_name():
    write({"x/plug_h.py": LOSS, "y/plug_h.py": LOSS})
    open_plugins("x/plug_h.py")
    open_plugins("x/plug_h.py")
    with pytest.raises(UserError, match="has the name of another module"):
        open_plugins("y/plug_h.py")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import nothing_like_it\n", "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
        ("from depthbench.losses import L1 as Mine\n", "your own class must inherit from one of these classes"),
        ("from os import system as Mine\n", "is not allowed"),
        ("class Mine:\n    pass\n", "your own class must inherit from one of these classes"),
        ("", "plug_i has no Mine"),
    ],
)
def test_a_module_that_can_not_give_the_class(text, sentence):
    write({"plug_i.py": text})
    open_plugins("plug_i.py")
    if "L1 as Mine" in text:  # ours by another name stays ours
        assert instantiate({"_target_": "plug_i.Mine"}).reduction == "pixel"
        return
    with pytest.raises(UserError) as told:
        instantiate({"_target_": "plug_i.Mine"})
    assert sentence in str(told.value)


@pytest.mark.parametrize(
    ("bases", "target"),
    [
        ("from depthbench.data.augment import Transform as Base", {}),
        ("from depthbench.models import LogDepth as Base", {}),
        ("from depthbench.protocols import EvalProtocol as Base", {"name": "x", "region": "full"}),
        ("from depthbench.metrics import EdgeMetric as Base", None),
        ("from torch.utils.data import Dataset as Base", {}),
        ("from torch.optim.lr_scheduler import LRScheduler as Base", None),
    ],
)
def test_every_kind_may_come_from_a_plugin(bases, target):
    if "EdgeMetric" in bases:
        bases = "from torchmetrics import Metric as Base"
    write({"plug_j.py": f"{bases}\n\n\nclass Mine(Base):\n    pass\n"})
    open_plugins("plug_j.py")
    assert kinds.find("plug_j.Mine", COMPONENTS).__name__ == "Mine"
    if target is not None:
        instantiate({"_target_": "plug_j.Mine", **target})


def test_kinds_that_only_training_makes_may_come_from_a_plugin():
    code = "from depthbench.{} import {} as Base\n\n\nclass Mine(Base):\n    pass\n"
    kinds_of = {"tasks": ("Regression", kinds.TASKS), "data": ("DataModule", kinds.DATA_MODULES)}
    kinds_of["training.callbacks"] = ("EpochLoss", kinds.CALLBACKS)
    for number, (room, (base, kind)) in enumerate(kinds_of.items()):
        write({f"plug_n{number}.py": code.format(room, base)})
        open_plugins(f"plug_n{number}.py")
        assert kinds.find(f"plug_n{number}.Mine", (*COMPONENTS, kind)).__name__ == "Mine"
        if kind is not kinds.TASKS:  # which are networks, too
            with pytest.raises(UserError, match="is not allowed"):
                instantiate({"_target_": f"plug_n{number}.Mine"})


def test_a_run_records_its_plugins_and_opens_none(monkeypatch, tmp_path):
    a_plugin("plug_k")
    a_plugin("plug_l")
    open_plugins("plug_k", "plug_l")
    with composing():
        config = compose("config", ["loss=plug_k_loss", "logger=csv"])
    folder = RunFolder.create(config, ["loss=plug_k_loss"], {})
    (told,) = json.loads((folder.path / "run.json").read_text())["plugins"]
    assert told == {"name": "plug_k", "version": None, "sha256": opened()[0].hash}
    assert folder.other_code() is None
    Path("plug_k/losses.py").write_text(LOSS + "\n")
    plugins._opened.clear()
    open_plugins("plug_k")
    assert folder.other_code() == "The files of plug_k have changed since."

    # Somebody else, who has the package lie beside it and did not open it.
    monkeypatch.setattr(plugins, "_opened", {})
    monkeypatch.setattr(kinds, "_trusted", [])
    sent = folder.path / "config.yaml"
    sent.write_text(sent.read_text() + "plugins: [plug_k]\n" + f"{plugins.VARIABLE}: plug_k\n")
    with pytest.raises(
        UserError, match=r"This run uses plug_k\.losses\.Mine; open its package with plugins=\[plug_k\]"
    ):
        instantiate(folder.config.loss)
    assert "plug_k" not in sys.modules
    assert opened() == []
    assert yaml.safe_load(sent.read_text())["plugins"] == ["plug_k"]


def test_where_a_plugin_lies_is_no_part_of_a_runs_identity():
    a_plugin("plug_m", folder="x")
    open_plugins("x/plug_m")
    with composing():
        first = RunFolder.create(compose("config", ["loss=plug_m_loss"]), ["loss=plug_m_loss"], {})
    Path("x/plug_m/conf").rename("x/conf")
    plugins._opened.clear()
    open_plugins("x/plug_m")
    with composing():
        assert RunFolder.create(compose("config", ["loss=plug_m_loss"]), [], {}).path == first.path
    assert option_file("loss", "plug_m_loss") == Path("x/conf/loss/plug_m_loss.yaml").absolute()

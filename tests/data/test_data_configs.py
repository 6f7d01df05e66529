"""Every conf/data/*.yaml: found by itself, complete, and in the words of the classes that it names."""

import inspect
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from depthbench.config.kinds import DATA_MODULES
from depthbench.config.targets import instantiate
from depthbench.data import Batch
from depthbench.prepare.nyu_lists import merge, write_part
from depthbench.prepare.nyu_pairs import PairForm
from depthbench.runs.folder import RunFolder

CONF = Path(__file__).resolve().parents[2] / "conf"
NAMES = sorted(path.stem for path in (CONF / "data").glob("*.yaml"))


def composed(name, *overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", [f"data={name}", *overrides])


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_arguments(name):
    bare = OmegaConf.load(CONF / f"data/{name}.yaml")
    given = [f"data.{key}=x" for key in bare if OmegaConf.is_missing(bare, key)]
    data = OmegaConf.to_container(composed(name, *given).data, resolve=False)
    for part in ("train", "test"):
        node = dict(data[part])
        package, kind = node.pop("_target_").rsplit(".", 1)
        inspect.signature(getattr(__import__(package, fromlist=[kind]), kind)).bind(**node)


def folder(made, root):
    for index in range(6):
        made.pair(root / ("test" if index > 3 else "train"), f"{index}", index)
    return "folder", [f"data.root={root}", "data.scale=0.001"]


def nyu_sync(made, root):
    for part, count in (("train", 4), ("test", 2)):
        names = [f"{index:05d}" for index in range(count)]
        for index, name in enumerate(names):
            made.pair(root / part, name, index, "sync_depth")
        (root / f"{part}.txt").write_text("".join(f"rgb_{n}.jpg sync_depth_{n}.png 518.8579\n" for n in names))
    return "nyu_sync", [
        f"data.root={root}/train",
        f"data.test_root={root}/test",
        f"data.files={root}/train.txt",
        f"data.test_files={root}/test.txt",
        "data.split=4",
        "data.val_frames=1",
    ]


def write_lists(root, names):
    """The lists and the manifest of a folder of pairs, as `prepare nyu-raw` leaves them."""
    part = RunFolder(root / "parts/0-of-1")
    part.path.mkdir(parents=True)
    write_part(part, names, {}, None)
    merge(root, PairForm(), 1, None)


def nyu_raw(made, root):
    made.official(root / "labeled")
    for index in range(4):
        made.pair(root / "pairs/attic_0001", f"{index:05d}", index, "sync_depth")
    write_lists(root / "pairs", [f"attic_0001/{index:05d}" for index in range(4)])
    return "nyu_raw", [
        f"data.root={root}/pairs",
        f"data.test_root={root}/labeled",
        "data.split=4",
        "data.val_frames=1",
        "data.test_frames=2",
    ]


def nyu(made, root):
    made.official(root / "labeled")
    return "nyu", [f"data.root={root}", "data.split=4", "data.val_frames=1", "data.test_frames=2"]


def nyu_labeled_and_rooms(made, root):
    made.official(root)
    # The made file is small: name the training frames that it has.
    return "nyu_labeled_and_rooms", [
        f"data.root={root}",
        "data.split=6",
        "+data.train.parts.nyu.split=4",
        "data.val_frames=1",
        "data.test_frames=2",
    ]


@pytest.mark.parametrize("make", [folder, nyu_sync, nyu_raw, nyu, nyu_labeled_and_rooms])
def test_from_a_command_line_to_batches(make, made, tmp_path):
    name, overrides = make(made, tmp_path)
    config = composed(name, *overrides, "data.size=[24,32]", "data.batch_size=2", "data.workers=0")
    module = instantiate(config.data, DATA_MODULES)
    batch = next(iter(module.train_dataloader()))
    assert isinstance(batch, Batch)
    assert batch.image.shape == (2, 3, 24, 32)
    assert batch.depth.shape == (2, 1, 24, 32)
    tested = [name for batch in module.test_dataloader() for name in batch.name]
    assert len(tested) == 2
    assert batch.depth.max() < 10

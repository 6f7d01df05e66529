"""docs/own_data.md: each layout that it shows is read, and each command that it prints does what it says."""

import importlib
import importlib.util
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from depthbench.config.compose import config_dir
from depthbench.config.kinds import DATA_MODULES
from depthbench.config.targets import instantiate
from depthbench.data import Pairs
from depthbench.errors import UserError
from depthbench.evaluate import main as evaluate
from depthbench.prepare.__main__ import main as prepare
from tests.data.conftest import made as made
from tests.data.readers.test_own_data import build, put_depth, put_picture
from tests.data.readers.test_tum import sequence

PAGE = (Path(__file__).parents[1] / "docs/own_data.md").read_text()
BLOCKS = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
LAYOUTS = [line for block in BLOCKS if "rgb/0001.jpg" in block for line in block.splitlines()]
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("depthbench ")]
(LIST,) = (block for block in BLOCKS if block.startswith("picture,"))


@pytest.mark.parametrize("line", LAYOUTS)
def test_each_layout_is_read(made, tmp_path, line):
    picture, depth, *rest = re.split(r" {2,}", line)
    settings = dict(re.findall(r"data\.(pictures|depths)=(\S+)", " ".join(rest)))
    rgb, millimetres = made.scene(0)
    put_picture(tmp_path / picture, rgb)
    if depth.endswith(".exr") and importlib.util.find_spec("OpenEXR") is not None:
        library = importlib.import_module("OpenEXR")
        (tmp_path / depth).parent.mkdir(parents=True)
        library.File({}, {"Z": millimetres.astype(np.float32) / 1000}).write(str(tmp_path / depth))
    elif depth.endswith(".exr"):
        (tmp_path / depth).parent.mkdir(parents=True)
        (tmp_path / depth).write_bytes(b"\x76\x2f\x31\x01")
        with pytest.raises(UserError, match="pip install OpenEXR"):
            Pairs(tmp_path, 1, **settings)
        return
    else:
        put_depth(tmp_path / depth, millimetres)
    data = Pairs(tmp_path, 0.001 if depth.endswith("png") else 1, **settings)
    assert len(data) == 1
    assert "called" not in line or data.names == [re.search(r"called (\S+)", line)[1]]
    np.testing.assert_allclose(data[0].depth[0], millimetres / 1000, rtol=1e-6)


def test_the_list_is_read(made, tmp_path):
    row = LIST.splitlines()[1].split(",")
    rgb, millimetres = made.scene(0)
    put_picture(tmp_path / row[0], rgb)
    put_depth(tmp_path / row[1], millimetres)
    put_depth(tmp_path / row[2], np.ones_like(millimetres))
    (tmp_path / "list.csv").write_text(LIST)
    frame = Pairs(tmp_path, 0.001, files="list.csv")[0]
    assert frame.intrinsics[:2, 2].tolist() == [float(number) for number in row[5:]]


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_works(made, tmp_path, monkeypatch, capsys, line):
    monkeypatch.chdir(tmp_path)
    if "data=tum" in line:
        for index in range(3):
            sequence(made, tmp_path / f"FOLDER/s{index}", 2, first=index)
    else:
        build(made, tmp_path / "FOLDER", "scenes", 12)
    pairs = Pairs(tmp_path / "FOLDER", 0.001).pairs if "data=tum" not in line else []
    if pairs:
        for name, some in (("train.csv", pairs[:8]), ("test.csv", pairs[8:])):
            rows = [
                f"{pair.rgb.relative_to(tmp_path / 'FOLDER')},{pair.depth.relative_to(tmp_path / 'FOLDER')}"
                for pair in some
            ]
            (tmp_path / name).write_text("\n".join(rows))
        (tmp_path / "MAPS").mkdir()
        for pair in pairs:
            np.save(tmp_path / f"MAPS/{pair.name.replace('/', '_')}.npy", np.full((48, 64), 2, np.float32))
    _, command, *words = shlex.split(line)
    if command == "prepare":
        with pytest.raises(SystemExit):  # scenes of the tests look alike, which is a problem to the doctor
            prepare([*words, "sheet=", "workers=1"])
        assert "Proposed: depthbench run data=folder" in capsys.readouterr().out
    elif command == "evaluate":
        assert evaluate(words) == 0
        assert "AbsRel" in capsys.readouterr().out
    else:
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            config = compose("config", words)
        data = instantiate(config.data, DATA_MODULES)
        assert len(data.train)
        assert len(data.test)
        assert set(data.train.names).isdisjoint(data.test.names)

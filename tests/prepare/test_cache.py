"""`prepare cache`: what is read back is what was cached; interrupted, damaged and mistaken."""

import errno
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from depthbench.annotations import Annotations
from depthbench.config.compose import config_dir
from depthbench.config.kinds import DATA_MODULES
from depthbench.config.targets import instantiate
from depthbench.data import Frame, MoGeBundle, PackedDataset, Pairs, Rooms
from depthbench.data.cache.packed import encode_frame
from depthbench.errors import UserError
from depthbench.prepare.__main__ import main
from depthbench.runs.folder import RunFolder
from tests.data.published_sets import SIZE, moge


@pytest.fixture
def pairs(made, tmp_path):
    """A folder of pairs, train and test."""
    for index in range(9):
        made.pair(tmp_path / "own" / ("train" if index < 6 else "test"), f"{index}", index)
    return tmp_path / "own"


def arguments(pairs, output, *more):
    return ["cache", "data=folder", f"data.root={pairs}", "data.scale=0.001", f"output={output}", "workers=2", *more]


def same(one: Frame, other: Frame, image=0.0):
    assert one.name == other.name
    torch.testing.assert_close(one.image, other.image, atol=image, rtol=0)
    assert torch.equal(one.depth, other.depth)
    notes, others = one.annotations or Annotations(), other.annotations or Annotations()
    assert notes.present == others.present
    for name in notes.present:
        torch.testing.assert_close(getattr(notes, name), getattr(others, name), atol=0, rtol=0)
    assert (one.intrinsics is None) == (other.intrinsics is None)
    if one.intrinsics is not None:
        torch.testing.assert_close(one.intrinsics, other.intrinsics)


@pytest.mark.parametrize(("quality", "error"), [(0, 0.0), (95, 0.1)])
def test_frames_come_back(pairs, tmp_path, quality, error, capsys):
    size = (20, 33)
    options = (f"quality={quality}", "data.size=[20,33]", "data.intrinsics=[50,50,32,24]")
    assert main(arguments(pairs, tmp_path / "cache", *options)) == 0
    assert "train: 6 frames" in capsys.readouterr().out
    own = {"scale": 0.001, "size": size, "intrinsics": [50, 50, 32, 24]}
    for part, depth_size in (("train", "image"), ("test", "native")):
        fresh = Pairs(pairs / part, depth_size=depth_size, **own)
        cached = PackedDataset(tmp_path / "cache", part, depth_size=depth_size)
        assert len(cached) == len(fresh)
        assert cached.manifest()["names_sha256"] == fresh.manifest()["names_sha256"]
        for one, other in zip(cached, fresh, strict=True):
            same(one, other, error)
            assert one.image.shape[1:] == size


def test_it_trains_from_the_cache(pairs, tmp_path):
    main(arguments(pairs, tmp_path / "cache", "data.size=[24,32]"))
    options = [f"data.root={tmp_path}/cache", "data.val_frames=1", "data.workers=0", "data.batch_size=4"]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("config", ["data=cached", *options])
    module = instantiate(config.data, DATA_MODULES)
    batch = next(iter(module.train_dataloader()))
    assert batch.image.shape == (4, 3, 24, 32)
    tested = [batch.depth.shape[-2:] for batch in module.test_dataloader()]
    assert tested == [(48, 64)]


@pytest.mark.parametrize("quality", [0, 90])
def test_depth_of_any_kind_is_exact(quality, tmp_path):
    rng = np.random.default_rng(0)
    depths = [rng.uniform(0, 9, (7, 9)), np.arange(63).reshape(7, 9) * 4e-3, np.full((7, 9), 80.0), np.zeros((7, 9))]
    for depth in depths:
        frame = Frame(torch.zeros(3, 5, 3), torch.from_numpy(depth).float()[None], None, "küche/1")
        write_cache(tmp_path, frame, quality)
        same(PackedDataset(tmp_path, depth_size="native")[0], frame, 0.02)


ANNOTATIONS = Annotations(
    edges=torch.rand(1, 7, 9) > 0.5,
    segments=torch.randint(5, (1, 7, 9)),
    planes=torch.randint(2, (1, 7, 9)),
    plane_normals=torch.randn(2, 3),
    alpha=torch.rand(1, 7, 9),
    normals=torch.randn(3, 7, 9),
)


def write_cache(folder, frame, quality=0, number=2, **changes):
    """A cache of one frame, written by hand."""
    record, content = encode_frame(frame, 0, quality)
    (folder / "train.bin").write_bytes(content)
    line = json.dumps({**record._asdict(), **changes}) + "\n"
    (folder / "train.jsonl").write_text(line)
    told = {"format": number, "bytes": len(content), "index_sha256": hashlib.sha256(line.encode()).hexdigest()}
    (folder / "train.json").write_text(json.dumps(told))


@pytest.mark.parametrize("quality", [0, 90])
def test_annotations_come_back_exactly(quality, tmp_path):
    frame = Frame(torch.zeros(3, 5, 3), torch.rand(1, 7, 9), None, "one", ANNOTATIONS)
    write_cache(tmp_path, frame, quality)
    same(PackedDataset(tmp_path, depth_size="native")[0], frame)


def test_a_cache_of_the_first_format_is_read(tmp_path):
    frame = Frame(torch.zeros(3, 5, 3), torch.rand(1, 7, 9), None, "one")
    write_cache(tmp_path, frame, number=1)
    line = json.loads((tmp_path / "train.jsonl").read_text())
    del line["notes"]
    text = json.dumps(line) + "\n"
    (tmp_path / "train.jsonl").write_text(text)
    told = json.loads((tmp_path / "train.json").read_text())
    told["index_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "train.json").write_text(json.dumps(told))
    same(PackedDataset(tmp_path, depth_size="native")[0], frame)


@pytest.mark.parametrize(
    "notes",
    [
        [["edges", "|b1", [1, 7, 8]]],
        [["edges", "|b1", [1, 7, 10]]],
        [["edges", "|b1", [1, 7, 9]]],  # fewer bytes than were packed
        [["segments", "<i8", [1, 700, 900]]],
        [["normals", "<f4", [10**9, 7, 9]]],
        [["plane_normals", "<f4", [10**9, 3]]],
        [["plane_normals", "<f4", [-1, 3]]],
        [["edges", "|O", [1, 7, 9]]],
        [["nonsense", "|b1", [1, 7, 9]]],
        [["edges", "|b1", [1, 7, 9]], ["edges", "|b1", [1, 7, 9]]],
        [["edges", "|b1"]],
        "edges",
        7,
    ],
)
def test_annotations_that_a_cache_can_not_have(notes, tmp_path):
    write_cache(tmp_path, Frame(torch.zeros(3, 5, 3), torch.rand(1, 7, 9), None, "one", ANNOTATIONS), notes=notes)
    with pytest.raises(UserError, match="make the cache again"):
        PackedDataset(tmp_path, depth_size="native")[0]


def test_a_cache_knows_its_data_set_and_keeps_annotations(tmp_path):
    root, cache = tmp_path / "moge", tmp_path / "cache"
    overrides = moge(root).overrides
    options = ["data.split=1", "data.size=[18,24]", f"output={cache}", "workers=1"]
    assert main(["cache", "data=moge", *overrides, *options]) == 0
    cached = PackedDataset(cache, "test", depth_size="native")
    fresh = MoGeBundle(root, "GSO", view=SIZE, least_segment=20, size=(18, 24), depth_size="native")
    assert (cached.known_as, cached.edition) == ("GSO", "MoGe")
    assert fresh[0].annotations.present == ("segments",)
    for one, other in zip(cached, fresh, strict=True):
        same(one, other)


def test_a_cache_knows_the_kind_of_its_truth(pairs, tmp_path):
    main(arguments(pairs, tmp_path / "cache"))
    path = tmp_path / "cache" / "train.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"truth": "raw"}))
    cached = PackedDataset(tmp_path / "cache")
    assert cached.with_truth("raw") is cached
    with pytest.raises(UserError, match="raw depth only"):
        cached.with_truth("filled")


def test_rooms_are_rounded_to_bytes_and_their_depth_is_exact(tmp_path):
    size = ["data.size=[24,32]", "data.split=3", "data.test_frames=2"]
    assert main(["cache", "data=rooms", *size, f"output={tmp_path}/cache", "workers=1"]) == 0
    for one, other in zip(PackedDataset(tmp_path / "cache"), Rooms(split=3, size=(24, 32)), strict=True):
        same(one, other, 0.5 / 255 + 1e-6)


def test_interrupted_anywhere_it_goes_on(pairs, tmp_path):
    main(arguments(pairs, tmp_path / "whole"))
    whole = {path.name: path.read_bytes() for path in (tmp_path / "whole").glob("train.*")}
    lines = whole["train.jsonl"].splitlines(keepends=True)
    for done in range(len(lines)):
        begun = tmp_path / f"begun{done}"
        shutil.copytree(tmp_path / "whole", begun)
        (begun / "train.json").unlink()
        # Killed while writing frame `done`: half of its line, and of it half or more.
        (begun / "train.jsonl").write_bytes(b"".join(lines[:done]) + lines[done][: 20 * done])
        start = json.loads(lines[done])["start"]
        (begun / "train.bin").write_bytes(whole["train.bin"][: start + 777 * done])
        with pytest.raises(UserError, match="unfinished"):
            PackedDataset(begun)
        assert main(arguments(pairs, begun)) == 0
        assert {path.name: path.read_bytes() for path in begun.glob("train.*")} == whole


def test_finished_it_does_nothing_more(pairs, tmp_path, capsys):
    main(arguments(pairs, tmp_path / "cache"))
    shutil.rmtree(pairs)
    assert main(arguments(pairs, tmp_path / "cache")) == 0
    assert "6 frames are there already" in capsys.readouterr().out


def test_a_damaged_frame_stops_or_is_left_out(pairs, tmp_path, capsys):
    victim = pairs / "train" / "depth_5.png"  # not one of those looked at when opened
    victim.write_bytes(victim.read_bytes()[:-30])
    assert main(arguments(pairs, tmp_path / "cache")) == 2
    assert str(victim) in capsys.readouterr().err
    assert main(arguments(pairs, tmp_path / "cache", "on_error=skip")) == 0
    assert "1 damaged left out" in capsys.readouterr().out
    assert PackedDataset(tmp_path / "cache").names == ["0", "1", "2", "3", "4"]
    assert str(victim) in json.loads((tmp_path / "cache" / "train.json").read_text())["damaged"][0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["data.size=[10,10]"], "other settings"),
        (["quality=101"], "not a JPEG quality"),
        (["quality=high"], "whole number"),
        (["on_error=cry"], "stop or skip"),
        (["workers=0"], "whole number of 1"),
        (["output="], "output=FOLDER"),
        (["data.nonsense=1"], "data.nonsense"),
        (["nonsense"], "key=value"),
    ],
)
def test_mistakes_are_told_in_a_sentence(pairs, tmp_path, options, says, capsys):
    main(arguments(pairs, tmp_path / "cache"))
    capsys.readouterr()
    assert main(arguments(pairs, tmp_path / "cache", *options)) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_two_at_once_do_not_write_into_one_cache(pairs, tmp_path, capsys):
    (tmp_path / "cache").mkdir()
    with RunFolder(tmp_path / "cache").lock():
        assert main(arguments(pairs, tmp_path / "cache")) == 2
    assert "Another process is working in" in capsys.readouterr().err
    assert main(arguments(pairs, tmp_path / "cache")) == 0


def test_a_full_disk(pairs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 1))
    assert main(arguments(pairs, tmp_path / "cache")) == 2
    assert "is full" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["train.bin", "train.jsonl"])
def test_a_disk_that_fills_up_in_the_middle(pairs, tmp_path, capsys, monkeypatch, name):
    """Other jobs write, too: there was room when it was asked for."""
    real = Path.open

    def opened(path, mode="r", *rest, **named):
        if path.name == name and "a" in mode:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return real(path, mode, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        assert main(arguments(pairs, tmp_path / "cache")) == 2
    assert f"{tmp_path / 'cache' / 'train.bin'} can't be written: the disk is full" in capsys.readouterr().err
    assert main(arguments(pairs, tmp_path / "cache")) == 0


@pytest.mark.parametrize("name", ["train.bin", "train.jsonl", "train.json"])
def test_a_cache_that_changed_is_refused(pairs, tmp_path, name):
    main(arguments(pairs, tmp_path / "cache"))
    path = tmp_path / "cache" / name
    content = bytearray(path.read_bytes())
    content[40] ^= 16
    path.write_bytes(content)
    with pytest.raises(UserError, match=str(tmp_path)):
        list(PackedDataset(tmp_path / "cache"))
    path.unlink()
    with pytest.raises(UserError, match=str(tmp_path)):
        PackedDataset(tmp_path / "cache")


def test_nothing_there(tmp_path):
    with pytest.raises(UserError, match="no train part"):
        PackedDataset(tmp_path)
    with pytest.raises(UserError, match="prepare cache"):
        PackedDataset(tmp_path / "nowhere")


def test_writing_into_a_frame_changes_no_file(pairs, tmp_path):
    main(arguments(pairs, tmp_path / "cache"))
    before = PackedDataset(tmp_path / "cache")
    before.read(0).rgb[:] = 7
    before.read(0).depth[:] = 7
    same(PackedDataset(tmp_path / "cache")[0], Pairs(pairs / "train", 0.001, size=(240, 320))[0])


def test_frames_that_came_in_between_are_refused(pairs, made, tmp_path, capsys):
    """A cache goes on at a place in the list of frames: with another list a frame would be there twice."""
    main(arguments(pairs, tmp_path / "begun"))
    main(arguments(pairs, tmp_path / "finished"))
    lines = (tmp_path / "begun" / "train.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "begun" / "train.json").unlink()
    (tmp_path / "begun" / "train.jsonl").write_bytes(b"".join(lines[:2]))
    made.pair(pairs / "train", "00", 20)
    capsys.readouterr()
    for name in ("begun", "finished"):
        assert main(arguments(pairs, tmp_path / name)) == 2
        assert "was begun with other frames of train" in capsys.readouterr().err

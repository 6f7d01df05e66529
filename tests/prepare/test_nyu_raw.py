"""The command that prepares raw NYUv2: on scenes that the test records, in folders and zips, whole and damaged."""

import contextlib
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import scipy.io

from depthbench.data import NYURaw, evenly_spaced
from depthbench.errors import UserError
from depthbench.launch import launcher
from depthbench.prepare.__main__ import main
from depthbench.prepare.nyu_scenes import find_frames, place, read_color, read_disparity, synchronize, training_places
from tests.data.conftest import write_official
from tests.prepare.kinect import pgm, ppm, write_scene


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Two takes of one place, and a test scene."""
    root = tmp_path_factory.mktemp("raw")
    write_scene(root / "kitchens" / "kitchen_0028a", 3, seed=1)
    write_scene(root / "kitchens" / "kitchen_0028b", 4, seed=2)
    write_scene(root / "office_0001", 1, seed=3)
    (root / "train.txt").write_text("kitchen_0028a\n")
    return root


@pytest.fixture
def command(raw, tmp_path, monkeypatch, capsys):
    """Run the command on the scenes; returns what it printed."""
    monkeypatch.setattr(sys, "argv", [])

    def run(*arguments, code=0):
        given = {"raw": raw, "output": tmp_path / "out", "scenes": raw / "train.txt", "workers": 1}
        given |= dict(argument.split("=", 1) for argument in arguments if "=" in argument)
        flags = [argument for argument in arguments if "=" not in argument]
        try:
            status = main(["nyu-raw", *flags, *(f"{key}={value}" for key, value in given.items())])
        except SystemExit as end:
            status = end.code
        told = capsys.readouterr()
        assert status == code, told
        assert "Traceback" not in told.err
        return told.err if code else told.out

    return run


def content(root):
    """Every file of a prepared folder that is not bookkeeping of its parts."""
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith(("parts/", ".sweep/"))}


def made(told):
    """Pairs made, pairs that were there, and frames left out, as the command says."""
    return tuple(map(int, re.search(r"(\d+) made in .*, (\d+) were there, (\d+) left out", told).groups()))


def test_from_raw_scenes_to_a_data_set(command, raw, tmp_path):
    out = tmp_path / "out"
    assert "7 frames in 2 scene folders" in command()
    assert len(list(out.glob("kitchen_0028?/sync_depth_*.png"))) == 7
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["scenes"], manifest["splits"]["all"]["count"], manifest["left_out"]) == (2, 7, {})
    data = NYURaw(out)
    assert data.names[3] == "kitchen_0028b/rgb_00000"
    assert data.manifest()["names_sha256"] == manifest["splits"]["all"]["names_sha256"]
    assert data[0].depth.shape == (1, 480, 640)
    assert 2 < data[0].depth[data[0].depth > 0].median() < 4
    assert NYURaw(out, split=2).names == ["kitchen_0028a/rgb_00000", "kitchen_0028b/rgb_00000"]
    sources = (out / "kitchen_0028b/sources.txt").read_text().splitlines()
    assert sources[1] == "d-1294886360.033333-001.pgm r-1294886360.029333-001.ppm"
    before = content(out)
    assert made(command()) == (0, 7, 0)
    assert content(out) == before
    assert "pairs made with crop=none" in command("crop=valid", code=2)


def test_zips_are_read_in_place(command, raw, tmp_path):
    command()
    folder = content(tmp_path / "out")
    zips = tmp_path / "zips"
    zips.mkdir()
    for name in ("kitchen_0028a", "kitchen_0028b"):
        with zipfile.ZipFile(zips / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as file:
            for path in (raw / "kitchens" / name).iterdir():
                file.write(path, f"{name}/{path.name}")
    command(f"raw={zips}", f"output={tmp_path / 'again'}", "workers=2")
    assert content(tmp_path / "again") == folder


def test_cropped_filled_and_as_png(command, tmp_path):
    command("crop=valid", "fill=bilateral", "image=png", "split=2")
    data = NYURaw(tmp_path / "out")
    assert data.names == ["kitchen_0028a/rgb_00000", "kitchen_0028b/rgb_00000"]
    assert data[0].depth.shape == (1, 427, 561)
    np.testing.assert_allclose(data[0].intrinsics[:2, 2], [325.58244941 - 40, 253.73616633 - 44], rtol=1e-6)
    command("crop=valid", "split=2", f"output={tmp_path / 'holes'}")
    holes = NYURaw(tmp_path / "holes")[0]
    known = holes.depth > 0
    assert (data[0].depth > 0).all()
    assert not known.all()
    assert (NYURaw(tmp_path / "holes").truth, data.truth) == ("raw", "filled")
    assert (data[0].depth - holes.depth)[known].abs().max() < 2e-3


def test_two_parts_are_the_whole(command, tmp_path):
    launcher.register()  # as another command of this process may have done: its sweeps have settings that these lack
    command()
    parts = f"output={tmp_path / 'parts'}"
    assert "shard=0 of 2 are not" in command(parts, "shards=2", "shard=1")
    assert not (tmp_path / "parts/all.txt").exists()
    with pytest.raises(UserError, match="prepare the folder to its end"):
        NYURaw(tmp_path / "parts")
    assert "all.txt (7)" in command(parts, "shards=2", "shard=0")
    assert content(tmp_path / "parts") == content(tmp_path / "out")
    swept = command("-m", f"output={tmp_path / 'sweep'}", "shards=2", "shard=0,1")
    assert "all.txt (7)" in swept
    assert content(tmp_path / "sweep") == content(tmp_path / "out")


def test_damaged_frames_are_left_out_and_listed(command, tmp_path):
    scene = write_scene(tmp_path / "raw" / "study_0001", 6)
    depths, colors = sorted(scene.glob("d-*")), sorted(scene.glob("r-*"))
    depths[1].write_bytes(depths[1].read_bytes()[:-1000])
    depths[2].write_bytes(b"")
    depths[3].write_bytes(pgm(np.full((480, 640), 2047)))
    colors[4].write_bytes(b"P6 320 240 255\n")
    write_scene(tmp_path / "raw" / "study_0002", 1)
    next((tmp_path / "raw" / "study_0002").glob("r-*")).unlink()
    given = [f"raw={tmp_path / 'raw'}", "scenes=all"]
    told = command(*given)
    assert made(told) == (2, 0, 5)
    for problem in (
        "613400 bytes of pixels",
        "begins with 'nothing'",
        "no depth in view",
        "'P6 320 240 255'",
        "no pict",
    ):
        assert problem in told
    assert NYURaw(tmp_path / "out").names == ["study_0001/rgb_00000", "study_0001/rgb_00005"]
    left_out = json.loads((tmp_path / "out/manifest.json").read_text())["left_out"]
    assert sorted(left_out) == [*(f"study_0001/{index:05d}" for index in (1, 2, 3, 4)), "study_0002/00000"]
    # Mended, they join.
    colors[4].write_bytes(colors[5].read_bytes())
    assert made(command(*given)) == (1, 2, 4)
    # Numbers stand for files.
    depths[0].unlink()
    assert "was made from other raw files" in command(*given, code=2)


def test_pairs_far_apart_in_time_can_be_left_out(command, tmp_path):
    scene = write_scene(tmp_path / "raw" / "study_0001", 2)
    sorted(scene.glob("r-*"))[1].unlink()
    told = command(f"raw={tmp_path / 'raw'}", "scenes=all", "max_gap=0.01")
    assert "0.037 s away" in told
    assert NYURaw(tmp_path / "out").names == ["study_0001/rgb_00000"]
    assert made(command(f"raw={tmp_path / 'raw'}", "scenes=all", f"output={tmp_path / 'all'}")) == (2, 0, 0)


@pytest.mark.processes
def test_killed_in_the_middle_it_goes_on(command, raw, tmp_path):
    scenes = tmp_path / "raw"
    write_scene(scenes / "study_0001", 16)
    given = [f"raw={scenes}", "scenes=all"]
    arguments = [*given, f"output={tmp_path / 'out'}", "workers=2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "depthbench.prepare", "nyu-raw", *arguments], env=environment, start_new_session=True
    )
    out = tmp_path / "out" / "study_0001"
    until = time.monotonic() + 120
    while len(list(out.glob("sync_depth_*.png"))) < 3 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.5)  # the kernel tells the workers
    assert not working(process.pid)  # nothing works on unseen
    there = len(list(out.glob("sync_depth_*.png")))
    assert 3 <= there < 16
    assert not (tmp_path / "out/manifest.json").exists()
    assert made(command(*given)) == (16 - there, there, 0)
    command(*given, f"output={tmp_path / 'undisturbed'}")
    assert content(tmp_path / "out") == content(tmp_path / "undisturbed")


def working(group):
    """Processes of a group that have not ended (those that nobody has waited for have)."""
    states = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            states.append(path.read_text().rpartition(")")[2].split())
    return [state for state in states if state[2] == str(group) and state[0] != "Z"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["raw=/nowhere"], "raw=/nowhere does not exist"),
        (["scenes=/nowhere"], "scenes=/nowhere does not exist"),
        (["output=???"], "output must be given"),
        (["fill=paint"], "fill=paint is unknown; choose none, colorization, bilateral"),
        (["crop=left"], "crop=left is unknown"),
        (["quality=0"], "quality=0 is not"),
        (["max_gap=soon"], "max_gap=soon is not a time"),
        (["shard=2", "shards=2"], "they count from 0"),
        (["shards=0"], "shards=0 is not a whole number"),
        (["workers=many"], "workers=many is not a whole number"),
        (["split=230k"], "230000 frames are asked for, but there are only 7"),
        (["outptu=x"], "did you mean output?"),
    ],
)
def test_mistakes(command, arguments, says):
    assert says in command(*arguments, code=2)


def test_help(capsys):
    assert main(["--help"]) == main(["nyu-raw"]) == 0
    assert "SLURM_ARRAY_TASK_ID" in capsys.readouterr().out
    assert main(["nyu-row"]) == 2
    assert "did you mean nyu-raw?" in capsys.readouterr().err


def test_a_published_pair_comes_out_again(command, shared, tmp_path):
    scene, samples = tmp_path / "raw" / "basement_0001a", shared / "data/samples"
    scene.mkdir(parents=True)
    (scene / "d-1294886360.186556-1.pgm").symlink_to(samples / "nyuv2_raw/NYU_depth.pgm")
    (scene / "r-1294886360.208451-2.ppm").symlink_to(samples / "nyuv2_raw/NYU_color.ppm")
    command(f"raw={tmp_path / 'raw'}", "scenes=all")
    ours, theirs = tmp_path / "out/basement_0001a", samples / "nyuv2_sync"
    depths = (ours / "sync_depth_00000.png", theirs / "depth/sync_depth_00000.png")
    np.testing.assert_array_equal(*(cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in depths))


# The parts of it


def test_synchronize_as_the_toolbox():
    """Against the walk of get_synched_frames.m, written as a loop."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        depth, color = (np.sort(rng.integers(0, 40, rng.integers(1, 30))) / 8 for _ in range(2))
        walked, at = [], 0
        for moment in depth:
            while at + 1 < len(color) and abs(moment - color[at + 1]) <= abs(moment - color[at]):
                at += 1
            walked.append(at)
        np.testing.assert_array_equal(synchronize(depth, color), walked)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_both_byte_orders(order):
    raw = np.random.default_rng(0).integers(600, 2048, (480, 640))
    np.testing.assert_array_equal(read_disparity(pgm(raw, order), "x"), raw)
    assert read_color(ppm(np.full((480, 640, 3), 7)), "x").shape == (480, 640, 3)
    assert read_color(b"P6\n# by hand\n640 480\n255\n" + bytes(921600), "x").max() == 0


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"P5 640 480 65535\n", "0 bytes of pixels"),
        (pgm(np.zeros((480, 640))) + b"x", "614401 bytes"),
        (pgm(np.full((480, 640), 4095)), "more than 11 bits"),
        (b"P5 99999999 99999999 65535\n", "begins with 'P5 99999999 9999'"),
        (b"\xff\xd8 jpeg", "not with P5"),
    ],
)
def test_damaged_depth_images(data, says):
    with pytest.raises(UserError, match=says):
        read_disparity(data, "here")


def test_damaged_bytes_end_in_an_image_or_a_sentence():
    rng = np.random.default_rng(0)
    whole = pgm(rng.integers(600, 2048, (480, 640)))
    told = []
    for _ in range(300):
        data = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.integers(4)):
            data[rng.integers(min(len(data), 20))] = rng.integers(256)
        try:
            raw = read_disparity(bytes(data), "frame.pgm")
            assert raw.shape == (480, 640)
            assert raw.max() <= 2047
        except UserError as error:
            told.append(str(error))
    assert 150 < len(told) < 300
    assert all(text.startswith("frame.pgm") for text in told)


def test_scenes_for_training(tmp_path):
    labeled = write_official(tmp_path / "labeled", count=4, test=(2,))
    with h5py.File(labeled, "r+") as file:
        references = file.create_dataset("scenes", (1, 4), h5py.ref_dtype)
        for index, scene in enumerate(["kitchen_0028a", "office_0001", "nyu_office_0", "kitchen_0028b"]):
            text = file.create_dataset(f"#refs#/{index}", data=np.array([[ord(letter)] for letter in scene], "u2"))
            references[0, index] = text.ref
    expected = {"kitchen_0028", "nyu_office_0"}
    assert training_places(str(tmp_path / "labeled")) == training_places(str(labeled)) == expected
    lines = "/kitchen_0028b/rgb_00045.jpg /kitchen_0028b/sync_depth_00045.png 518.8579\nnyu_office_0/\n\n"
    (tmp_path / "list").write_text(lines)
    (tmp_path / "list.gz").write_bytes(gzip.compress(lines.encode()))
    assert training_places(str(tmp_path / "list")) == training_places(str(tmp_path / "list.gz")) == expected
    assert training_places("all") is None
    assert [place(name) for name in ("cafe_0001c", "cafe_0001", "cafe")] == ["cafe_0001", "cafe_0001", "cafe"]
    (tmp_path / "list").write_text("\n")
    with pytest.raises(UserError, match="is empty"):
        training_places(str(tmp_path / "list"))
    scipy.io.savemat(tmp_path / "labeled/splits.mat", {"trainNdxs": np.array([[9]]), "testNdxs": np.array([[2]])})
    with pytest.raises(UserError, match="can't be read"):
        training_places(str(tmp_path / "labeled"))


def test_published_list_names_the_training_places(shared):
    listed = training_places(str(shared / "data/samples/splits/nyudepthv2_train_files_with_gt.txt.gz"))
    assert len(listed) == 249


def test_scenes_found_twice_or_never(raw, tmp_path):
    scene = write_scene(tmp_path / "raw" / "cafe_0001a", 1)
    with zipfile.ZipFile(tmp_path / "raw" / "cafes.zip", "w") as file:
        for path in scene.iterdir():
            file.write(path, f"cafe_0001a/{path.name}")
    with pytest.raises(UserError, match=r"cafe_0001a is in .* and in .*cafes.zip"):
        find_frames(tmp_path / "raw")
    with pytest.raises(UserError, match="of the scenes that are asked for"):
        find_frames(raw, {"attic_0001"})
    (tmp_path / "raw/cafes.zip").write_bytes(b"PK\3\4 truncated")
    with pytest.raises(UserError, match="truncated or not a zip"):
        find_frames(tmp_path / "raw")


def test_reader_refuses_what_is_not_whole(command, tmp_path):
    command("split=2")
    out = tmp_path / "out"
    (out / "all.txt").write_text("".join((out / "all.txt").read_text().splitlines(keepends=True)[:1]))
    with pytest.raises(UserError, match="is not the list that"):
        NYURaw(out)
    (out / "manifest.json").write_text('{"scale": 0.001')
    with pytest.raises(UserError, match=r"manifest.json is damaged"):
        NYURaw(out)


def test_lists_are_the_evenly_spaced_amounts(tmp_path):
    """12k and 24k of 25,000: lists and reader agree, without making that many pairs."""
    from depthbench.prepare.nyu_lists import merge, write_part
    from depthbench.prepare.nyu_pairs import PairForm
    from depthbench.runs.folder import RunFolder

    names = [f"attic_0001/{index:05d}" for index in range(25_000)]
    for shard in range(2):
        folder = RunFolder(tmp_path / "parts" / f"{shard}-of-2")
        folder.path.mkdir(parents=True)
        write_part(folder, names[shard * 12_500 : (shard + 1) * 12_500], {}, None)
    assert "12k.txt (12,000), 24k.txt (24,000); left out: 0" in merge(tmp_path, PairForm(), 2, None)
    lines = (tmp_path / "12k.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines[:3]] == [f"attic_0001/rgb_0000{index}.jpg" for index in (0, 2, 4)]
    assert len(set(lines)) == 12_000
    every = (tmp_path / "all.txt").read_text().splitlines()
    assert lines == [every[index] for index in evenly_spaced(25_000, "12k")]


def test_a_part_of_other_frames_is_not_done(tmp_path):
    """The download grew between two parts: shares of 4 and of 8 frames would repeat and miss some."""
    from depthbench.data.manifest import names_hash
    from depthbench.prepare.nyu_lists import merge, write_part
    from depthbench.prepare.nyu_pairs import PairForm
    from depthbench.runs.folder import RunFolder

    few, many = ([f"attic_0001/{index:05d}" for index in range(count)] for count in (4, 8))
    for shard, names, whole in ((0, many[:4], many), (1, few[2:], few)):
        folder = RunFolder(tmp_path / "parts" / f"{shard}-of-2")
        folder.path.mkdir(parents=True)
        write_part(folder, names, {}, None, names_hash(whole))
    assert "shard=1 of 2 are not" in merge(tmp_path, PairForm(), 2, None, names_hash(many))
    assert not (tmp_path / "all.txt").exists()
    write_part(folder, many[4:], {}, None, names_hash(many))
    assert "all.txt (8)" in merge(tmp_path, PairForm(), 2, None, names_hash(many))

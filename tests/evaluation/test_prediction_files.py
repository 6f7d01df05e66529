import io
import zipfile

import cv2
import h5py
import numpy as np
import pytest
import torch

from depthbench.errors import UserError
from depthbench.evaluation import map_archives
from depthbench.evaluation.map_sources import files_of
from depthbench.evaluation.prediction_files import PredictionFiles, check_prediction

NAMES = ["scene/a", "b", "c"]


@pytest.fixture
def depth():
    return np.random.default_rng(0).uniform(1, 9, (3, 6, 8)).astype(np.float32)


def write(folder, suffix, values):
    for name, value in zip(NAMES, values, strict=True):
        path = folder / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".npy":
            np.save(path, value)
        elif suffix == ".npz":
            np.savez(path, depth=value)
        elif suffix == ".png":
            cv2.imwrite(str(path), (value * 1000).round().astype(np.uint16))
        else:
            cv2.imwrite(str(path), value)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".png", ".pfm"])
def test_folders(tmp_path, depth, suffix):
    write(tmp_path, suffix, depth)
    files = PredictionFiles(tmp_path, NAMES, unit=0.001 if suffix == ".png" else None)
    assert len(files) == 3
    for index in range(3):
        assert files[index].dtype == torch.float32
        np.testing.assert_allclose(files[index][0], depth[index], atol=6e-4 if suffix == ".png" else 0)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5"])
@pytest.mark.parametrize("named", [False, True])
def test_stacks(tmp_path, depth, suffix, named):
    path = tmp_path / f"all{suffix}"
    order = [2, 0, 1] if named else [0, 1, 2]
    stack, names = depth[order], [NAMES[index] for index in order]
    if suffix == ".npy":
        if named:
            pytest.skip("an array has no names")
        np.save(path, stack[:, None])
    elif suffix == ".npz":
        np.savez(path, depth=stack, **({"names": names} if named else {}))
    else:
        with h5py.File(path, "w") as file:
            file["depth"] = stack
            if named:
                file["names"] = names
    files = PredictionFiles(path, NAMES)
    for index in range(3):
        np.testing.assert_array_equal(files[index][0], depth[index])


def test_inverse_depth_and_disparity(tmp_path, depth):
    write(tmp_path, ".npy", 1 / depth)
    inverse = PredictionFiles(tmp_path, NAMES, kind="metric_disparity")[1][0]
    disparity = PredictionFiles(tmp_path, NAMES, kind="disparity", unit=0.54 * 721)[1][0]
    np.testing.assert_allclose(inverse, depth[1], rtol=1e-6)
    np.testing.assert_allclose(disparity, depth[1] * 0.54 * 721, rtol=1e-6)


def test_pfm_of_the_other_byte_order(tmp_path):
    values = np.arange(6, dtype=">f4").reshape(2, 3)
    (tmp_path / "x.pfm").write_bytes(b"Pf\n3 2\n1.0\n" + np.flipud(values).tobytes())
    np.testing.assert_array_equal(PredictionFiles(tmp_path, ["x"])[0][0], values)


def refused(message, *args, **kwargs):
    with pytest.raises(UserError, match=message):
        PredictionFiles(*args, **kwargs)


def test_missing_and_superfluous(tmp_path, depth):
    write(tmp_path, ".npy", depth)
    refused("lacks predictions of d, e, f and 2 more", tmp_path, [*NAMES, *"defgh"])
    refused("files that belong to no frame of this data set: scene/a", tmp_path, NAMES[1:])
    refused("nothing at", tmp_path / "nowhere", NAMES)
    np.savez(tmp_path / "all.npz", depth=depth, names=NAMES)
    refused("lacks predictions of d", tmp_path / "all.npz", [*NAMES, "d"])
    refused("files that belong to no frame of this data set: b", tmp_path / "all.npz", ["scene/a", "c"])
    np.save(tmp_path / "all.npy", depth)
    refused("holds 3 maps, but the data set has 2", tmp_path / "all.npy", NAMES[:2])
    (tmp_path / "notes.md").write_text("")
    refused("can't be read as predictions", tmp_path / "notes.md", NAMES)


def test_two_predictions_of_one_frame(tmp_path, depth):
    np.savez(tmp_path / "all.npz", depth=np.concatenate([depth, depth]), names=[*NAMES, *NAMES])
    refused("several predictions of b, c, scene/a", tmp_path / "all.npz", NAMES)
    np.savez(tmp_path / "all.npz", depth=depth[:2], names=NAMES)
    refused("holds 2 maps, but 3 names", tmp_path / "all.npz", NAMES)
    folder = tmp_path / "folder"
    write(folder, ".npy", depth)
    np.savez(folder / "b.npz", depth[1])
    refused("several predictions of b", folder, NAMES)


@pytest.mark.parametrize("content", [3.0, np.ones((6, 8), np.float32), "group"])
def test_stacks_that_are_none(tmp_path, content):
    if not isinstance(content, str):
        np.save(tmp_path / "all.npy", content)
        refused(r"give a stack \(N, height, width\)", tmp_path / "all.npy", NAMES)
    with h5py.File(tmp_path / "all.h5", "w") as file:
        if isinstance(content, str):
            file.create_group("depth")
        else:
            file["depth"] = content
    refused(r"give a stack \(N, height, width\)", tmp_path / "all.h5", NAMES)


@pytest.mark.parametrize("dtype", [complex, str, bool])
def test_what_is_no_real_number(tmp_path, depth, dtype):
    np.save(tmp_path / "all.npy", depth.astype(dtype))
    with pytest.raises(UserError, match="not real numbers"):
        PredictionFiles(tmp_path / "all.npy", NAMES)[0]


def test_several_arrays_need_a_key(tmp_path, depth):
    np.savez(tmp_path / "all.npz", depth=depth, image=depth)
    refused("2 arrays .depth, image.; give the key", tmp_path / "all.npz", NAMES)
    refused("no array 'dpeth'", tmp_path / "all.npz", NAMES, key="dpeth")
    assert PredictionFiles(tmp_path / "all.npz", NAMES, key="depth")[0].shape == (1, 6, 8)


def test_settings_that_are_wrong_or_lacking(tmp_path, depth):
    write(tmp_path, ".png", depth)
    refused("can be metric_depth, .*affine_points, .*, not 'disp'", tmp_path, NAMES, kind="disp")
    refused("focal length", tmp_path, NAMES, kind="disparity")
    refused("must be positive", tmp_path, NAMES, unit=0)
    for kind in ("metric_depth", "metric_disparity"):
        with pytest.raises(UserError, match="holds integers; give unit"):
            PredictionFiles(tmp_path, NAMES, kind)[0]


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".png", ".pfm", ".h5"])
def test_truncated_files(tmp_path, depth, suffix):
    if suffix == ".h5":
        with h5py.File(tmp_path / "all.h5", "w") as file:
            file["depth"] = depth
        (tmp_path / "all.h5").write_bytes((tmp_path / "all.h5").read_bytes()[:900])
        refused("can't be read as HDF5", tmp_path / "all.h5", NAMES)
        return
    write(tmp_path, suffix, depth)
    path = tmp_path / f"b{suffix}"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError, match=r"can't be read|no complete|truncated"):
        PredictionFiles(tmp_path, NAMES, unit=1)[1]


def test_maps_that_are_none(tmp_path):
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((4, 4), np.uint8))
    with pytest.raises(UserError, match="not 16-bit gray"):
        PredictionFiles(tmp_path, ["x"], unit=1)[0]
    (tmp_path / "x.png").unlink()
    np.save(tmp_path / "x.npy", np.zeros((3, 4, 4)))
    with pytest.raises(UserError, match=r"shape \(3, 4, 4\), not one map"):
        PredictionFiles(tmp_path, ["x"])[0]


def test_single_predictions(depth):
    truth = torch.from_numpy(depth[:1])
    check_prediction("x", truth)
    for junk, message in ((float("nan"), "1 of 48 pixels that are NaN"), (0.0, "1 of 48 pixels at or below 0")):
        bad = truth.clone()
        bad[0, 2, 3] = junk
        with pytest.raises(UserError, match=message):
            check_prediction("x", bad)
    with pytest.raises(UserError, match="is 0x8: no pixels"):
        check_prediction("x", truth[:, :0])


LETTERS = ["0", "1", "10", "11", "2", "a/3"]


def test_a_stack_is_paired_only_where_its_order_is_known(tmp_path):
    depth = np.arange(1.0, 7.0, dtype=np.float32)[:, None, None] * np.ones((6, 8), np.float32)
    path = tmp_path / "all.npy"
    np.save(path, depth)
    numbers = ["0", "1", "2", "10", "11", "a/3"]
    refused(r"order=names \(0 1 10 11 2 ...\) or order=numbers \(0 1 2 10 11 ...\)", path, LETTERS)
    refused("order=names", path, numbers)
    refused("frames, names, numbers, not 'size'", path, LETTERS, order="size")
    for order, written in (("names", LETTERS), ("numbers", numbers)):
        for listed in (LETTERS, numbers, numbers[::-1]):
            files = PredictionFiles(path, listed, order=order)
            assert [float(files[i][0, 0, 0]) for i in range(6)] == [written.index(name) + 1.0 for name in listed]
    files = PredictionFiles(path, LETTERS, order="frames")
    assert [float(files[i][0, 0, 0]) for i in range(6)] == [1, 2, 3, 4, 5, 6]
    PredictionFiles(path, [f"{i:02}" for i in (8, 9, 10, 11, 12, 13)])  # one order only
    PredictionFiles(path, ["10", "2", "1", "0", "11", "x"])  # a list's own


def test_what_hdf5_lacks_is_no_prediction(tmp_path, depth):
    path = tmp_path / "all.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("depth", depth.shape, "f4", chunks=(1, 6, 8))[:2] = depth[:2]
    refused("2 of 3 chunks were written", path, NAMES)


@pytest.mark.parametrize("damage", ["link", "loop", "names", "no names", "huge"])
def test_hdf5_that_leads_nowhere(tmp_path, depth, damage):
    with h5py.File(tmp_path / "all.h5", "w") as file:
        if damage == "link":
            file["depth"] = h5py.ExternalLink("nowhere.h5", "/depth")
        elif damage == "loop":
            file["depth"] = h5py.SoftLink("/depth")
        elif damage == "huge":
            file.create_dataset("depth", (3, 200000, 200000), "f4", chunks=(1, 100, 100))
        else:
            file["depth"] = depth
            file["names"] = np.array([b"\xff\xfe"] * 3) if damage == "names" else h5py.Empty("S1")
    says = {"link": "is a link to nowhere.h5", "huge": "claims 200000x200000", "names": "names are not text"}
    refused(says.get(damage, "can't be read as HDF5"), tmp_path / "all.h5", NAMES)


def test_numpy_files_that_hold_no_array(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.npz", "w") as file:
        file.writestr("depth.npy", b"junk")
    refused("can't be read", tmp_path / "all.npz", NAMES)
    with zipfile.ZipFile(tmp_path / "all.npz", "w") as file:
        file.writestr("depth.txt", b"junk")
    refused("can't be read", tmp_path / "all.npz", NAMES)


@pytest.mark.parametrize(
    "form",
    ["{}_depth", "rgb_{}", "rgb_{}_depth", "epoch=12-{}", "00{}", "{}.png", "{}.5"],
)
def test_a_prefix_and_a_suffix_that_all_files_share_are_no_hindrance(tmp_path, depth, form):
    names = ["scene/0", "scene/1", "scene/10"]
    for name, value in zip(names, depth, strict=True):
        path = tmp_path / f"scene/{form.format(name[6:])}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, value)
    files = PredictionFiles(tmp_path, names)
    for index in range(3):
        np.testing.assert_array_equal(files[index][0], depth[index])


@pytest.mark.parametrize("form", ["scene_{}", "scene-{}_pred", "{}", "pred_{}"])
def test_subfolders_may_be_left_out_where_names_stay_apart(tmp_path, depth, form):
    for name, value in zip("abc", depth, strict=True):
        np.save(tmp_path / f"{form.format(name)}.npy", value)
    files = PredictionFiles(tmp_path, ["scene/a", "scene/b", "scene/c"])
    for index in range(3):
        np.testing.assert_array_equal(files[index][0], depth[index])


def test_names_that_can_be_read_in_two_ways_or_not_at_all(tmp_path, depth):
    for name, value in zip(["1_2", "2_1", "0"], depth, strict=True):
        np.save(tmp_path / f"{name}.npy", value)
    refused("lacks predictions of 1, 2, 3; it holds 0, 1_2, 2_1", tmp_path, ["1", "2", "3"])
    (tmp_path / "0.npy").unlink()
    refused("lacks predictions of 1, 2; it holds 1_2, 2_1", tmp_path, ["1", "2"])
    two = tmp_path / "two"
    two.mkdir()
    for name in ("1_1", "2_1", "1_2", "2_2"):
        np.save(two / f"{name}.npy", depth[0])
    refused("lacks predictions of 1, 2", two, ["1", "2"])
    refused("lacks predictions", two, ["1", "2", "11", "12"])
    ambiguous = tmp_path / "ambiguous"
    ambiguous.mkdir()
    for name in ("a_a_b", "b_a_b"):
        np.save(ambiguous / f"{name}.npy", depth[0])
    PredictionFiles(ambiguous, ["a", "b"])  # the other reading gives b no file
    other = tmp_path / "tiff"
    other.mkdir()
    (other / "0.jpg").write_bytes(b"\xff\xd8")
    refused(r"holds 0.jpg; convert the predictions to one of .npy, .npz, .png, .pfm, .exr", other, ["0"])


def test_names_of_a_stack_may_be_those_of_the_pictures(tmp_path, depth):
    np.savez(tmp_path / "all.npz", depth=depth, names=["rgb_b.png", "rgb_a.png", "rgb_c.png"])
    np.testing.assert_array_equal(PredictionFiles(tmp_path / "all.npz", ["a", "b", "c"])[0][0], depth[1])


@pytest.mark.parametrize("place", ["test/s{}/rgb/a", "s{}/rgb/a", "s{}/rgb/a_pred", "s{}_rgb_a", "s{}-rgb-a.png"])
def test_predictions_may_be_named_like_the_pictures(tmp_path, depth, place):
    names = [f"s{index}/a" for index in range(3)]
    pictures = [f"test/s{index}/rgb/a" for index in range(3)]
    for index, value in enumerate(depth):
        path = tmp_path / f"{place.format(index)}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, value)
    files = PredictionFiles(tmp_path, names, pictures=pictures)
    for index, value in enumerate(depth):
        np.testing.assert_array_equal(files[index][0], value)
    (tmp_path / f"{place.format(2)}.npy").rename(tmp_path / "other.npy")
    with pytest.raises(UserError, match=r"lacks predictions of .*s2/a.*; it holds .*other"):
        PredictionFiles(tmp_path, names, pictures=pictures)


def a_list(folder, depth, text, names=NAMES, **more):
    write(folder / "maps", ".npy", depth)
    (folder / "list.csv").write_text(text)
    return PredictionFiles(folder / "list.csv", names, **more)


PATHS = [f"maps/{name}.npy" for name in NAMES]


def test_a_list_is_paired_by_names_or_by_a_stated_order(tmp_path, depth):
    by_names = [f"{name},maps/{NAMES[place]}.npy" for place, name in ((2, "x"), (0, "y"), (1, "z"))]
    files = a_list(tmp_path, depth, "\n".join(by_names), list("xyz"))
    np.testing.assert_array_equal(np.stack([one[0] for one in files]), depth[[2, 0, 1]])
    files = a_list(tmp_path, depth, "\n".join(PATHS), list("zxy"), order="names")  # x, y, z in this order
    np.testing.assert_array_equal(np.stack([one[0] for one in files]), depth[[2, 0, 1]])
    absolute = [str(tmp_path / path) for path in PATHS]
    np.testing.assert_array_equal(a_list(tmp_path, depth, "\n".join(absolute))[0][0], depth[0])


WRONG_LISTS = {
    "": "is empty; it should list the path",
    "name,path": "has a header and no line below it",
    "name,frame\na,b": "must be one path and at most one name",
    "a.png,b.npy,3": "has 3 columns, and it is not clear which is the path",
    "scene/a.png,maps/scene/a.npy": "has 2 columns, and it is not clear which is the path",
    "\n".join([*PATHS[:2], "b,maps/c.npy"]): "line 3 has 2 cells, not 1",
    "\n".join(PATHS[:2]): "lists 2 predictions, but the data set has 3 frames",
    "\n".join([*PATHS, "maps/d.npy"]): r"line 4: there is no .*maps/d\.npy; paths are relative",
    "\n".join([*PATHS[:2], PATHS[1]]): "names maps/b.npy twice",
    "\n".join([*PATHS[:2], "../../c.npy"]): "leads out of the data set",
    "\n".join([*PATHS[:2], "maps/c.docx"]): r"line 3 names 'maps/c\.docx', which is not a prediction",
    "\n".join(["name,path", *(f"{name},{path}" for name, path in zip("abd", PATHS, strict=True))]): (
        "lacks predictions of scene/a, c; it holds a, d"
    ),
}


@pytest.mark.parametrize("text", WRONG_LISTS)
def test_a_wrong_list_is_told(tmp_path, depth, text):
    with pytest.raises(UserError, match=WRONG_LISTS[text]):
        a_list(tmp_path, depth, text)


def test_the_order_of_a_list_is_no_guess(tmp_path, depth):
    with pytest.raises(
        UserError, match=r"not named like the frames \(lacks predictions of x, y, z.*append order=frames"
    ):
        a_list(tmp_path, depth, "\n".join(PATHS), list("xyz"))
    with pytest.raises(UserError, match="order=frames contradicts"):
        a_list(tmp_path, depth, "\n".join(PATHS[::-1]), order="frames")
    assert len(a_list(tmp_path, depth, "\n".join(PATHS), order="frames")) == 3


def test_the_hash_of_a_list_is_that_of_its_files(tmp_path, depth):
    a_list(tmp_path, depth, "\n".join(PATHS))
    assert files_of(tmp_path / "list.csv") == [tmp_path / "list.csv", *(tmp_path / path for path in PATHS)]


def a_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def npy(values):
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def test_a_wrong_zip_is_told(tmp_path, depth, monkeypatch):
    maps = {f"{name}.npy": npy(values) for name, values in zip(NAMES, depth, strict=True)}
    path = tmp_path / "maps.zip"
    refused(r"maps\.zip lacks predictions of d", a_zip(path, maps), [*NAMES, "d"])
    refused(r"holds no maps but readme\.md", a_zip(path, {"readme.md": ""}), NAMES)
    refused("holds nothing", a_zip(path, {}), NAMES)
    refused("leads out of the data set", a_zip(path, {**maps, "../d.npy": b""}), NAMES)
    path.write_bytes(a_zip(path, maps).read_bytes()[:-30])
    refused("damaged, truncated or not a zip", path, NAMES)
    with pytest.raises(UserError, match=r"maps\.zip:b\.npy"):
        PredictionFiles(a_zip(path, {**maps, "b.npy": b"nothing"}), NAMES)[1]
    monkeypatch.setattr(map_archives, "MAX_PICTURE", 1000)
    with pytest.raises(UserError, match=r"maps\.zip:b\.npy unpacks to 1,001 bytes, more than the 1,000"):
        PredictionFiles(a_zip(path, {**maps, "b.npy": bytes(1001)}), NAMES)[1]

"""The doctor, on rooms as they are and on copies of them with one thing wrong."""

import shutil

import cv2
import numpy as np
import pytest

from depthbench.data import Rooms
from depthbench.palette import ColorRange, color_bar
from depthbench.prepare.__main__ import main
from depthbench.prepare.findings import judge
from depthbench.prepare.frame_stats import correlations, step_of
from depthbench.prepare.nyu_camera import undistort_color
from tests.data.published_sets import MAKERS

COUNT = 12
SIZE = (120, 160)


@pytest.fixture(scope="module")
def rooms():
    """Pictures (H, W, 3) uint8 and depth in millimetres, of train and test."""
    found = {}
    for part in ("train", "test"):
        dataset = Rooms(part, split=COUNT, size=SIZE, sensor=False)
        frames = [dataset[index] for index in range(COUNT)]
        images = [(frame.image.permute(1, 2, 0) * 255).round().byte().numpy() for frame in frames]
        found[part] = list(
            zip(images, [np.round(f.depth[0].numpy() * 1000).astype(np.uint16) for f in frames], strict=True)
        )
    return found


def write(root, part, pairs, first=0):
    (root / part).mkdir(parents=True, exist_ok=True)
    for index, (rgb, depth) in enumerate(pairs, first):
        cv2.imwrite(str(root / part / f"rgb_{index:03d}.png"), rgb[..., ::-1])
        cv2.imwrite(str(root / part / f"depth_{index:03d}.png"), depth)


def check(capsys, root, *options, sheet=""):
    """Exit status and what was said."""
    arguments = [
        "check",
        "data=folder",
        f"data.root={root}",
        "data.scale=0.001",
        f"sheet={sheet}",
        "workers=1",
        *options,
    ]
    try:
        status = main(arguments)
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr()
    return status, said.out + said.err


def problems(said):
    return [line for line in said.splitlines() if line.startswith("PROBLEM")]


def test_nothing_is_wrong_with_rooms(rooms, tmp_path, capsys):
    for part, pairs in rooms.items():
        write(tmp_path, part, pairs)
    status, said = check(capsys, tmp_path, sheet=tmp_path / "sheet.png")
    assert (status, problems(said)) == (0, [])
    assert "Nothing is wrong" in said
    assert "12 frames" in said
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    bar = len(color_bar(ColorRange(0, 1), 160))
    assert sheet.shape[0] == 6 * (138 + bar)  # twelve frames of each part, four in a row
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 1000


def flipped(rgb, depth):
    return rgb[:, ::-1], depth[:, ::-1]


HARM = {
    "mirrored against": lambda rgb, depth, index: (rgb, depth[:, ::-1]),
    "moved 6 pixels to the left": lambda rgb, depth, index: (rgb, np.roll(depth, 6, 1)),
    "moved 5 pixels down": lambda rgb, depth, index: (rgb, np.roll(depth, -5, 0)),
    "data.scale=0.01 (centimetres) makes it": lambda rgb, depth, index: (rgb, depth // 10),
    "1 of 12 frames seem to be in another unit": lambda rgb, depth, index: (rgb, depth // (10 if index == 5 else 1)),
    "have no depth at all": lambda rgb, depth, index: (rgb, depth * np.uint16(index != 5)),
    "one depth everywhere": lambda rgb, depth, index: (rgb, depth if index != 5 else np.full_like(depth, 2000)),
    "holds integers of 8 bits": lambda rgb, depth, index: (rgb, (depth // 40).astype("u1") if index == 5 else depth),
    "can't show the same pixels": lambda rgb, depth, index: (rgb, depth if index != 5 else depth[:60]),
    "1 of 12 frames are copies": None,
    "are the pairs mixed up": None,
}


@pytest.mark.parametrize("says", HARM)
def test_what_is_wrong_is_said(rooms, tmp_path, capsys, says):
    harmed = rooms["train"]
    if says == "are the pairs mixed up":
        harmed = [(rgb, harmed[(index + 3) % COUNT][1]) for index, (rgb, _) in enumerate(harmed)]
    elif says == "1 of 12 frames are copies":
        harmed = [*harmed[:-1], harmed[4]]
    else:
        harmed = [HARM[says](rgb, depth, index) for index, (rgb, depth) in enumerate(harmed)]
    write(tmp_path, "train", harmed)
    write(tmp_path, "test", rooms["test"])
    status, said = check(capsys, tmp_path)
    assert status == 1
    found = problems(said)
    assert len(found) == 1, found
    assert says in found[0]
    assert "train" in found[0]


@pytest.mark.parametrize(("change", "says"), [(None, "3 of 12 test frames are in"), (flipped, "are, mirrored, in")])
def test_test_frames_in_train(rooms, tmp_path, capsys, change, says):
    write(tmp_path, "train", rooms["train"])
    write(tmp_path, "test", rooms["test"])
    write(tmp_path, "train", [change(*pair) if change else pair for pair in rooms["test"][:3]], first=50)
    # Stored again, smaller and as JPEG, a copy is still a copy.
    for index in range(50, 53):
        path = tmp_path / "train" / f"rgb_{index:03d}.png"
        small = cv2.resize(cv2.imread(str(path)), None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(path.with_suffix(".jpg")), small, [cv2.IMWRITE_JPEG_QUALITY, 85])
        path.unlink()
        path = tmp_path / "train" / f"depth_{index:03d}.png"
        depth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), cv2.resize(depth, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_NEAREST))
    status, said = check(capsys, tmp_path)
    assert status == 1
    assert len(problems(said)) == 1
    assert says in problems(said)[0]
    assert "Pictures have 2 sizes: 120x90, 160x120" in said


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_white_frame_of_nyu_tells_mirror_images(rooms, tmp_path, capsys, mirrored):
    for part, pairs in rooms.items():
        whole = []
        for rgb, depth in pairs[:8]:
            large = undistort_color(cv2.resize(rgb, (640, 480))), cv2.resize(depth, (640, 480))
            whole.append(flipped(*large) if mirrored else large)
        write(tmp_path, part, whole)
    status, said = check(capsys, tmp_path)
    assert status == int(mirrored)
    assert said.count("Pictures and depth are mirrored") == 2 * mirrored


def test_train_and_test_in_different_units(rooms, tmp_path, capsys):
    write(tmp_path, "train", rooms["train"])
    write(tmp_path, "test", [(rgb, depth * np.uint16(5)) for rgb, depth in rooms["test"]])
    status, said = check(capsys, tmp_path, "data.plausible=[0.5,100]")
    assert status == 1
    assert "Train and test differ in unit" in said


def test_notes(rooms, tmp_path, capsys):
    steps = [(rgb, depth // 40 * 40) for rgb, depth in rooms["train"]]
    for _, depth in steps:
        depth[:30, :80] = 0
    write(tmp_path, "train", steps)
    write(tmp_path, "test", [(rgb, depth.clip(max=2500)) for rgb, depth in rooms["test"]])
    status, said = check(capsys, tmp_path)
    assert status == 0, said
    assert "steps of 4 cm, as from an 8-bit image" in said
    assert "12 % of the pixels lack depth" in said
    assert "test: No pixel lacks depth" in said
    assert "cut off at 2.5 m" in said


def test_of_many_frames_few_edges_are_kept(rooms, tmp_path, capsys, monkeypatch):
    """Twelve frames of which every second one is compared: still enough where eight are, too few to accuse below."""
    mixed = [(rgb, rooms["train"][(index + 3) % COUNT][1]) for index, (rgb, _) in enumerate(rooms["train"])]
    write(tmp_path, "train", mixed)
    write(tmp_path, "test", rooms["test"])
    looks = []
    monkeypatch.setattr("depthbench.prepare.examine.judge", lambda some: looks.append(some) or judge(some))
    for most, kept in ((12, 12), (6, 6)):
        monkeypatch.setattr("depthbench.prepare.examine.MOST_EDGES", most)
        said = check(capsys, tmp_path)[1]
        assert sum(look.edges is not None for look in looks[-2]) == kept
        assert ("are the pairs mixed up" in said) == (kept >= 8)


def test_only_some_frames(rooms, tmp_path, capsys):
    for part, pairs in rooms.items():
        write(tmp_path, part, pairs)
    assert "4 of 12 frames were looked at" in check(capsys, tmp_path, "frames=4")[1]


def test_of_a_test_set_the_rooms_are_not_looked_at(tmp_path, capsys):
    MAKERS["ibims"](tmp_path)
    with pytest.raises(SystemExit):  # its two made-up frames are alike
        main(["check", "data=ibims", f"data.root={tmp_path}", "sheet="])
    told = capsys.readouterr().out
    assert told.startswith("Left out: train, which is of built-in rooms.")
    assert "train" not in told.split("\n", 1)[1]


def test_built_in_rooms_need_no_files(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["check", "data=rooms", "data.size=[60,80]", "data.split=9", "data.test_frames=9", "workers=1"]) == 0
    assert "Nothing is wrong" in capsys.readouterr().out
    assert (tmp_path / "check.jpg").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["frames=-1"], "frames=-1 is not a whole number"),
        (["data.rooot=1"], "data.rooot"),
        (["data=foldr"], "did you mean folder"),
        (["sheet=sheet.xyz"], ".jpg or .png"),
    ],
)
def test_mistakes_are_told_in_a_sentence(rooms, tmp_path, capsys, monkeypatch, options, says):
    monkeypatch.chdir(tmp_path)
    for part, pairs in rooms.items():
        write(tmp_path, part, pairs[:2])
    status, said = check(capsys, tmp_path, *options)
    assert status == 2
    assert says in said


def test_a_read_only_folder_is_told_before_frames_are_looked_at(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    status, said = check(capsys, tmp_path / "nowhere", sheet=tmp_path / "sheet.png")
    assert status == 2
    assert said == f"Nothing can be written into {tmp_path}; give another sheet=FILE, or sheet= for none.\n"


def test_a_data_set_that_is_not_there(tmp_path, capsys):
    shutil.rmtree(tmp_path)
    status, said = check(capsys, tmp_path)
    assert status == 2
    assert said.startswith(f"data.root={tmp_path} is missing")


def test_a_data_set_that_is_another(tmp_path, capsys):
    status, said = check(capsys, tmp_path)
    assert status == 2
    assert str(tmp_path) in said
    assert said.count("\n") == 1


def test_correlations_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    still, moved = (rng.standard_normal((40, 50)).astype(np.float32) for _ in range(2))
    fast = correlations(still, moved)
    for down, right in ((0, 0), (3, -7), (-12, 12)):
        assert fast[12 + down, 12 + right] == pytest.approx(
            np.sum(still * np.roll(moved, (down, right), (0, 1))), abs=1e-2
        )


def test_steps():
    eight = np.arange(20, 200, dtype=np.float32) * np.float32(10 / 255)
    assert step_of(eight) == pytest.approx(10 / 255, rel=1e-5)
    assert step_of(eight[[0, 3, 5, 8, 12, 20, 21, 40, 41, 60]]) == pytest.approx(10 / 255, rel=1e-5)
    assert step_of(np.sort(np.random.default_rng(0).uniform(1, 9, 500)).astype(np.float32)) == 0
    assert step_of(351.3 / np.arange(900, 1000, dtype=np.float32)[::-1]) == 0


def test_other_units_are_named_where_the_depth_is_unusual(rooms, tmp_path, capsys):
    index = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE)  # all steps of a quarter of a millimetre occur
    for part, pairs in rooms.items():
        write(tmp_path, part, [(rgb, depth * np.uint16(4) + (index % 4).astype(np.uint16)) for rgb, depth in pairs])
    status, said = check(capsys, tmp_path, "data.plausible=[0.5,20]")
    assert status == 0
    notes = [line for line in said.splitlines() if "Is the unit right?" in line]
    assert len(notes) == 2
    assert all("data.scale=0.00025 (1/4000 m, as Matterport3D) makes it" in note for note in notes)
    status, said = check(capsys, tmp_path, "data.scale=0.00025")
    assert status == 0
    assert "Is the unit right?" not in said


def test_a_sky_at_the_largest_value_is_found_in_frames_that_no_probe_met(rooms, tmp_path, capsys):
    harmed = [(rgb, np.where(np.arange(SIZE[0])[:, None] < 20 * (index == 5), 65535, depth).astype(np.uint16))
              for index, (rgb, depth) in enumerate(rooms["train"])]  # fmt: skip
    write(tmp_path, "train", harmed)
    write(tmp_path, "test", rooms["test"])
    status, said = check(capsys, tmp_path)
    assert status == 1
    assert any("In 1 of 12 frames, first 005, 17 %" in line and "data.invalid=65535" in line for line in problems(said))
    for answer in ("none", "65535"):
        status, said = check(capsys, tmp_path, f"data.invalid={answer}")
        assert (status, problems(said)) == (0, [])

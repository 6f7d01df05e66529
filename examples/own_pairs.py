"""Your own pictures with depth, in five layouts that people have: found, looked at, trained on and scored.

    python examples/own_pairs.py FOLDER

Makes small scenes in FOLDER, once for each layout, with the commands that one would type. Where a command is refused,
its sentence says what to append, and the next command here does so.
"""

import shlex
from pathlib import Path

import cv2
import numpy as np
from journeys import command, expect, start, train

SMALL = ["data.size=[32,32]", "data.batch_size=2", "trainer=smoke", "trainer.estimate=false", "logger=csv"]
SMALL += ["model.encoder.name=test_resnet", "model.decoder.widths=[16,8,8,8]"]


def scene(index: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture ``(48, 64, 3)`` of boxes before a wall, and its depth in metres; each scene is another."""
    rng = np.random.default_rng(index)
    depth = 3.0 + np.linspace(0, rng.uniform(0.2, 1.0), 64) + np.zeros((48, 1))
    picture = np.full((48, 64, 3), rng.integers(90, 160, 3), np.float64)
    for near in (2.4, 1.9, 1.4):
        top, left, height, width = rng.integers((4, 4, 8, 8), (28, 40, 20, 24))
        box = slice(top, top + height), slice(left, left + width)
        depth[box], picture[box] = near * rng.uniform(0.9, 1.1), rng.integers(0, 255, 3)
    return picture.astype(np.uint8), depth.astype(np.float32)


def write(path: Path, values: np.ndarray) -> str:
    """Save a picture or depth map by its ending; the name below the folder of the layout is returned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values) if path.suffix == ".npy" else cv2.imwrite(str(path), values)
    return str(path)


def millimetres(depth: np.ndarray) -> np.ndarray:
    """As 16-bit integers."""
    return (1000 * depth).round().astype(np.uint16)


def trained(*words: object) -> Path:
    """Train for a moment; the run folder."""
    return train(*words, *SMALL)[0]


def one_folder_of_png(root: Path) -> None:
    """`rgb/0001.jpg` with `depth/0001.png`, millimetres: the doctor proposes the command, the unit is asked for."""
    for index in range(10):
        picture, depth = scene(index)
        write(root / f"rgb/{index:04d}.jpg", picture)
        write(root / f"depth/{index:04d}.png", millimetres(depth))
    said = command("prepare", "check", root, "sheet=")
    (line,) = [line for line in said.splitlines() if line.startswith("Proposed: depthbench run ")]
    own = [f"data.root={root}", "data.test_fraction=0.2", "data.split_by=frame"]
    command("run", "data=folder", *own, *SMALL, refused="data.scale=0.001 (millimetres) makes it")
    trained(*shlex.split(line.removeprefix("Proposed: depthbench run ")))


def scenes_of_npy(root: Path) -> None:
    """`SCENE/images/a.png` with `SCENE/depths/a.npy`, metres, and a camera: scenes are held out whole."""
    for index in range(12):
        picture, depth = scene(index)
        write(root / f"scene{index // 3}/images/{index}.png", picture)
        write(root / f"scene{index // 3}/depths/{index}.npy", depth)
    (root / "intrinsics.txt").write_text("60 60 31.5 23.5\n")
    own = [f"data.root={root}", "data.scale=1", "data.intrinsics=intrinsics.txt", "data.name=boxes"]
    run = trained("data=folder", *own, "data.test_fraction=0.25", "data.val_fraction=0.3")
    command("evaluate", f"run={run}", "structure=points")
    predictions = root.parent / "predictions"
    for index in range(12):
        write(predictions / f"scene{index // 3}/images/{index}.npy", 1.1 * scene(index)[1])  # named like the pictures
    command("evaluate", "data=folder", *own, "data.test_fraction=1", f"predictions={predictions}")


def parts_of_tiff(root: Path) -> None:
    """`train/`, `val/` and `test/`, depth as float TIFF of half the size: whose size counts must be said."""
    for index in range(10):
        part = "train" if index < 6 else "val" if index < 8 else "test"
        picture, depth = scene(index)
        write(root / f"{part}/color/{index}.png", picture)
        write(root / f"{part}/gt/{index}.tiff", depth[::2, ::2])
    own = ["data=folder", f"data.root={root}", "data.scale=1"]
    command("run", *own, *SMALL, refused="append data.resize_to=depth")
    trained(*own, "data.resize_to=depth")


def a_list(root: Path) -> None:
    """Names that tell nothing, and a csv of picture, depth, mask and camera."""
    lines = ["picture,depth,mask,fx,fy,cx,cy"]
    for index in range(9):
        picture, depth = scene(index)
        names = [f"{kind}/{index * 7919 % 1000}.{end}" for kind, end in (("a", "jpg"), ("b", "png"), ("c", "png"))]
        for name, values in zip(names, (picture, millimetres(depth), (depth > 1.2).astype(np.uint8)), strict=True):
            write(root / name, values)
        lines.append(",".join([*names, "60", "60", "31.5", "23.5"]))
    (root / "train.csv").write_text("\n".join(lines[:7]))
    (root / "test.csv").write_text("\n".join([lines[0], *lines[7:]]))
    own = ["data=folder", f"data.root={root}", "data.scale=0.001"]
    command("run", *own, *SMALL, refused="the first files there are")
    trained(*own, f"data.files={root}/train.csv", f"data.test_files={root}/test.csv")


def sequences_of_tum(root: Path) -> None:
    """`rgb.txt` and `depth.txt` with time stamps that differ, depth of 1/5000 m."""
    for index in range(8):
        picture, depth = scene(index)
        place, time = root / f"sequence{index // 2}", 1305031102 + index / 30
        for kind, moment, values in (
            ("rgb", time, picture),
            ("depth", time + 0.004, (5000 * depth).round().astype(np.uint16)),
        ):
            name = f"{kind}/{moment:.6f}.png"
            write(place / name, values)
            with (place / f"{kind}.txt").open("a") as file:
                file.write(f"{moment:.6f} {name}\n")
    command("run", "data=folder", f"data.root={root}", "data.scale=0.0002", *SMALL, refused="choose data=tum")
    trained("data=tum", f"data.root={root}", "data.test_fraction=0.25")


def journey() -> None:
    """All five, and one report of the runs."""
    for layout in (one_folder_of_png, scenes_of_npy, parts_of_tiff, a_list, sequences_of_tum):
        layout(Path.cwd() / layout.__name__)
    command("report", "runs", "--output", "report.html")
    page = Path("report.html").read_text()
    for name in ("boxes", "one_folder_of_png", "sequences_of_tum"):
        expect(name in page, f"The report doesn't name {name}.")
    expect("unknown amount of data" not in page, "The report doesn't know how many frames there were.")


if __name__ == "__main__":
    start(journey, __doc__)

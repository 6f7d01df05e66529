"""What rooms look like beside real pairs, and what their sensor misses; the tables of docs/rooms.md.

    python benchmarks/rooms_statistics.py FOLDER SCALE SENSED... [--every 4]

FOLDER and SCALE are data.root and data.scale of ``data=nyu_labeled``: its pairs are compared with as many rooms. Below
each SENSED lie depth images with holes as a Kinect made them, ``*depth*.png``, millimetres of 4:3; each is a column.
"""

import argparse
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from depthbench.data import Frame, NYULabeled, Rooms
from depthbench.images import decode_depth, resize_depth
from depthbench.input_files import read_bytes
from depthbench.rooms.camera import intrinsics

PAGE = Path(__file__).parents[1] / "docs" / "rooms.md"
MARKS = ("<!-- statistics -->", "<!-- end of statistics -->")
BETWEEN = """Missing depth, inside of what both cameras see, by the distance and the angle (from normal to line of
sight) of the nearest surface that was seen:"""
SIZE = (120, 160)
INSIDE = (slice(11, 118), slice(10, 150))
"""What both cameras of a Kinect see (the toolbox's crop), at this size."""
QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)
Array = NDArray[np.float64]
Row = dict[str, str]


def rooms(count: int, sensor: bool = False) -> Iterator[Frame]:
    """Frames of all scenes, training and test."""
    for part, share in (("train", 795 / 1449), ("test", 654 / 1449)):
        data = Rooms(part, round(count * share), SIZE, sensor)
        for start in range(0, len(data), 16):
            yield from data.__getitems__(list(range(start, min(start + 16, len(data)))))


def pairs(root: Path, scale: float, every: int) -> Iterator[Frame]:
    """Real pairs of both parts."""
    for part in ("train", "test"):
        data = NYULabeled(root, part, scale=scale, size=SIZE)
        yield from (data[index] for index in range(0, len(data), every))


def in_steps(frames: Iterable[Frame], step: float) -> Iterator[Frame]:
    """Frames with their depth in the steps of the real files, which are part of what is measured."""
    for frame in frames:
        yield frame._replace(depth=(frame.depth / step).round() * step)


def quantiles(values: Array, digits: int = 2) -> str:
    return " / ".join(f"{q:.{digits}f}" for q in np.quantile(values, QUANTILES))


def jumps(depth: Array) -> Array:
    """Share of neighbors (across, down) whose depths differ by more than a tenth."""
    return np.concatenate([(np.abs(np.diff(np.log(depth), axis=k)) > 0.1).ravel() for k in (0, 1)]).mean()


def bend(depth: Array) -> float:
    """Share of pixels off any plane: over 9 of them 1 / depth, which is linear on planes, bends by 5 %."""
    inverse = 1 / depth
    second = inverse[:, 8:] + inverse[:, :-8] - 2 * inverse[:, 4:-4]
    return float((np.abs(second) / inverse[:, 4:-4] > 0.05).mean())


def describe(frame: Frame) -> dict[str, Array | float]:
    """The numbers of one frame, inside of what both cameras see."""
    depth = frame.depth[0].double().numpy()[INSIDE]
    image = frame.image.double().numpy().transpose(1, 2, 0)[INSIDE]
    gray = image.mean(-1)
    across, down = np.diff(gray, axis=1)[:-1], np.diff(gray, axis=0)[:, :-1]
    slope = np.hypot(across, down)
    fine = gray[1:-1, 1:-1] - (gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]) / 4
    edge = np.abs(np.diff(np.log(depth), axis=1))[:-1] > 0.1
    rows = np.broadcast_to(np.arange(len(depth))[:, None], depth.shape)
    third = len(depth) // 3
    return {
        "depth": depth.ravel()[::7],
        "span": np.quantile(depth, 0.95) / np.quantile(depth, 0.05),
        "row": float(np.corrcoef(rows.ravel(), depth.ravel())[0, 1]),
        "thirds": np.array([np.median(depth[:third]), np.median(depth[third:-third]), np.median(depth[-third:])]),
        "jumps": float(jumps(depth)),
        "bend": bend(depth),
        "mean": float(image.mean()),
        "contrast": float(gray.std()),
        "color": float((image.max(-1) - image.min(-1)).mean()),
        "black": float((gray < 0.1).mean()),
        "white": float((gray > 0.95).mean()),
        "slope": float(slope.mean()),
        "edges": float((slope > 0.1).mean()),
        "fine": float(np.median(np.abs(fine))),
        "told": float(slope[edge].mean() / slope[~edge].mean()) if edge.any() else np.nan,
    }


def table(frames: Iterable[Frame]) -> Row:
    """The rows of the table for one kind of frames."""
    every = [describe(frame) for frame in frames]
    columns = {key: np.array([each[key] for each in every]) for key in every[0]}
    depth = columns["depth"].ravel()
    mean = {key: float(np.nanmean(values)) for key, values in columns.items() if values.ndim == 1}
    thirds = columns["thirds"].mean(0)
    return {
        "frames": str(len(every)),
        "depth, 1 / 25 / 50 / 75 / 99 % (m)": quantiles(depth),
        "depth below 7.6 m": f"{100 * (depth < 7.6).mean():.1f} %",
        "median depth of a frame, the same quantiles (m)": quantiles(np.median(columns["depth"], 1)),
        "95 % over 5 % of depth in a frame": quantiles(columns["span"]),
        "median depth of the upper / middle / lower third (m)": " / ".join(f"{value:.2f}" for value in thirds),
        "correlation of image row and depth": f"{mean['row']:.2f}",
        "neighbors that differ by more than a tenth in depth": f"{100 * mean['jumps']:.1f} %",
        "pixels off any plane (9 pixels bend by 5 %)": f"{100 * mean['bend']:.0f} %",
        "brightness, 1 / 25 / 50 / 75 / 99 %": quantiles(columns["mean"]),
        "contrast in a frame, the same quantiles": quantiles(columns["contrast"]),
        "colorfulness (max - min channel)": quantiles(columns["color"]),
        "darker than 0.1 / brighter than 0.95": f"{100 * mean['black']:.0f} % / {100 * mean['white']:.0f} %",
        "slope of brightness per pixel": quantiles(columns["slope"], 3),
        "steep pixels (slope above 0.1)": f"{100 * mean['edges']:.1f} %",
        "fine texture (median Laplacian)": quantiles(columns["fine"], 4),
        "slope at jumps of depth over slope elsewhere": f"{mean['told']:.1f}",
    }


def kinect(folder: Path) -> Iterator[Array]:
    """Depth with holes, in metres, from all files below the folder."""
    for path in sorted(folder.rglob("*depth*.png")):
        yield resize_depth(decode_depth(read_bytes(path), path) / np.float32(1000), SIZE).astype(np.float64)


NEAR_TO_FAR = (0.5, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)
ANGLES = (0, 30, 50, 65, 75, 90)


def holes(depths: Iterable[Array]) -> Row:
    """Holes of a sensor: each is given the depth of the nearest pixel that was seen, the same for all frames."""
    missing, distance, angle = [], [], []
    k = intrinsics(SIZE)
    for depth in depths:
        gone = depth[INSIDE] == 0
        nearest = distance_transform_edt(gone, return_distances=False, return_indices=True)
        filled = depth[INSIDE][tuple(nearest)]
        missing.append(gone.ravel())
        distance.append(filled.ravel())
        angle.append(np.degrees(np.arccos(facing(filled, k))).ravel())
    least, middle, most = np.quantile([share.mean() for share in missing], (0.05, 0.5, 0.95))
    gone, near, steep = (np.concatenate(part) for part in (missing, distance, angle))
    shares = {
        "missing": percent(gone),
        "in a frame, 5 / 50 / 95 %": f"{100 * least:.0f} / {100 * middle:.0f} / {100 * most:.0f} %",
    }
    for name, values, edges in (("m", near, NEAR_TO_FAR), ("degrees", steep, ANGLES)):
        for low, high in pairwise(edges):
            inside = (values >= low) & (values < high)
            shares[f"at {low:g} to {high:g} {name}"] = percent(gone[inside]) if inside.sum() > 200 else "-"
    return shares


def percent(values: Array) -> str:
    return f"{100 * values.mean():.0f} %"


def facing(depth: Array, k: Array) -> Array:
    """Cosine between the line of sight and the normal of a surface of 5 pixels."""
    rows, columns = np.mgrid[: depth.shape[0], : depth.shape[1]]
    rays = np.stack([(columns + 10 - k[0, 2]) / k[0, 0], (rows + 11 - k[1, 2]) / k[1, 1], np.ones(depth.shape)], -1)
    points = rays * depth[..., None]
    across = np.gradient(cv2.blur(points, (3, 3)), 2, axis=1)
    down = np.gradient(cv2.blur(points, (3, 3)), 2, axis=0)
    normal = np.cross(across, down)
    scale = np.linalg.norm(normal, axis=-1) * np.linalg.norm(rays, axis=-1)
    return np.abs((normal * rays).sum(-1)) / np.maximum(scale, 1e-12)


def markdown(columns: dict[str, Row]) -> str:
    names = list(columns)
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {key} | {' | '.join(columns[n][key] for n in names)} |" for key in columns[names[0]]]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("scale", type=float)
    parser.add_argument("sensed", type=Path, nargs="+")
    parser.add_argument("--every", type=int, default=1, help="so many times fewer frames")
    args = parser.parse_args()
    count = 1449 // args.every
    steps = 256 * args.scale  # the file's own, where it holds 8 bits
    shown = {"NYUv2": table(pairs(args.root, args.scale, args.every)), "rooms": table(in_steps(rooms(count), steps))}
    sensed = (frame.depth[0].double().numpy() for frame in rooms(count, sensor=True))
    missed = {f"{folder.name} ({len(seen)})": holes(seen) for folder in args.sensed if (seen := list(kinect(folder)))}
    missed[f"rooms ({count})"] = holes(sensed)
    head, _, rest = PAGE.read_text().partition(MARKS[0])
    body = f"{MARKS[0]}\n\n{markdown(shown)}\n\n{BETWEEN}\n\n{markdown(missed)}\n\n"
    PAGE.write_text(head + body + MARKS[1] + rest.partition(MARKS[1])[2])


if __name__ == "__main__":
    main()

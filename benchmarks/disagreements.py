"""The same predictions under other rules: real truth, degraded in known ways, scored with one choice changed at a time.

    python benchmarks/disagreements.py FOLDER NUMBERS.json [--scale 0.000153116881]

FOLDER holds the labeled pairs of NYUv2 (docs/datasets.md). NUMBERS.json is what ``benchmarks/disagreements_page.py``
writes docs/disagreements.md from. One thread, about a second of CPU time for a pair. The sums of each pair are kept in
NUMBERS.rows, so that the same command goes on where it was stopped; the file is written anew every 25 pairs.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthbench.data import NYULabeled
from depthbench.files import whole, write_atomically
from depthbench.protocols import EvalProtocol, ScoredImages, Scorer, load_protocol
from depthbench.protocols.alignment import Declared
from depthbench.protocols.alignment.named import NAMED

Map = NDArray[np.float64]
BASE = load_protocol("eigen")
REDUCTIONS = ("image", "pixel", "mse_image")
KEPT = ("AbsRel", "delta1", "RMSE")
ALIGNMENTS = ("median", "scale_l1", "scale_shift", "scale_shift_l1", "disparity", "log")
MASKED = ("eigen", "alignment: disparity")


@dataclass(frozen=True)
class Degradation:
    """A way to spoil the truth.

    Attributes:
        name: in tables.
        spoil: truth ``(H, W)`` in metres and random numbers -> prediction in metres.
        holes: whether zeros of the prediction are missing pixels.
    """

    name: str
    spoil: Callable[[Map, np.random.Generator], Map]
    holes: bool = False


def smooth_field(shape: tuple[int, ...], random: np.random.Generator, spread: float) -> Map:
    """Normal numbers on a coarse grid, interpolated."""
    coarse = random.normal(0, spread, (4, 5)).astype(np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC).astype(np.float64)


def moved_edges(truth: Map, random: np.random.Generator) -> Map:
    """Depth steps four pixels aside, with flying pixels between."""
    step = int(random.choice([-4, 4]))
    aside = np.roll(truth, step, 1)
    mixed = random.uniform(0, 1, truth.shape)
    edge = np.abs(np.log(aside / truth)) > 0.1
    return np.asarray(np.where(edge, mixed * truth + (1 - mixed) * aside, truth) * 1.04)


def blocks_missing(truth: Map, random: np.random.Generator) -> Map:
    """4 % too deep, and nothing in five blocks of 80 x 100 pixels."""
    found = 1.04 * truth
    for _ in range(5):
        row, column = random.integers(45, 391), random.integers(41, 501)
        found[row : row + 80, column : column + 100] = 0
    return found


DEGRADATIONS = (
    Degradation("0.25 m too deep", lambda g, r: g + 0.25),
    Degradation("scale of each image off (10 %)", lambda g, r: g * np.exp(r.normal(0, 0.1))),
    Degradation("scale drifts over the image (10 %)", lambda g, r: g * np.exp(smooth_field(g.shape, r, 0.1))),
    Degradation("far depth compressed, g^0.85", lambda g, r: 1.1 * g**0.85),
    Degradation("shift in disparity, 1 / (7 / g + 0.9)", lambda g, r: 1 / (7 / g + 0.9)),
    Degradation("blurred, sigma 8", lambda g, r: cv2.GaussianBlur(g, (0, 0), 8)),
    Degradation("edges moved, flying pixels, 4 % too deep", moved_edges),
    Degradation("noise 10 %", lambda g, r: g * np.exp(r.normal(0, 0.1, g.shape))),
    Degradation("3 % of pixels twice as deep", lambda g, r: g * np.where(r.uniform(size=g.shape) < 0.03, 2.0, 1.0)),
    Degradation("holes, 4 % too deep", blocks_missing, holes=True),
)


def variants() -> list[EvalProtocol]:
    """`eigen`, and one choice changed at a time."""
    disparity = replace(BASE, alignment="disparity")
    found = {"eigen": BASE}
    found |= {f"alignment: {name}": replace(BASE, alignment=name) for name in ALIGNMENTS}
    found["alignment: disparity, not limited"] = replace(BASE, alignment=replace(NAMED["disparity"], clamp=None))
    found["region: full"] = replace(BASE, region="full")
    found["region: toolbox"] = replace(BASE, region="toolbox")
    found["max_depth: 5"] = replace(BASE, max_depth=5.0)
    found["clamp: none"] = replace(BASE, clamp=None)
    found["region: full, alignment: disparity"] = replace(disparity, region="full")
    return [replace(one, name=name) for name, one in found.items()]


def near_edges(truth: Tensor) -> Tensor:
    """True where the truth within 2 pixels spans more than 10 %: a mask of doubtful truth leaves these pixels out."""
    high = torch.nn.functional.max_pool2d(truth, 5, 1, 2)
    low = -torch.nn.functional.max_pool2d(-truth, 5, 1, 2)
    return high > 1.1 * low


Sums = dict[str, NDArray[np.float64]]
"""Of one pair and degradation: of each scorer, sums and misses ``(protocols, S + 2)``."""


class Measured:
    """Scores of one degradation under all variants, with two more ways to choose the pixels."""

    def __init__(self, degradation: Degradation) -> None:
        self.degradation = degradation
        self.declared = Declared(holes=degradation.holes)
        protocols = variants()
        masked = [replace(one, name=f"{one.name}, edges left out") for one in protocols if one.name in MASKED]
        self.scorers = {"plain": Scorer(protocols), "edges": Scorer(masked)}
        if degradation.holes:
            self.scorers["dropped"] = Scorer([replace(BASE, name="eigen, missing pixels left out")])

    def predicted(self, truth: Tensor, place: int) -> Tensor:
        """The spoiled truth, NaN where a pixel is missing."""
        random = np.random.default_rng([place, len(self.degradation.name)])
        found = self.degradation.spoil(truth[0, 0].double().numpy(), random)
        maps = torch.from_numpy(np.maximum(found, 0)).float()[None, None]
        return maps.masked_fill(maps <= 0, torch.nan) if self.degradation.holes else maps

    def sums(self, truth: Tensor, without_edges: Tensor, place: int) -> Sums:
        """The sums of one pair."""
        prediction, name = self.predicted(truth, place), [str(place)]
        found = {}
        for key, scorer in self.scorers.items():
            scorer.reset()
            if key == "dropped":
                scorer.update(prediction.nan_to_num(1.0), truth.masked_fill(prediction.isnan(), 0.0), name)
            else:
                true = truth if key == "plain" else without_edges
                scorer.update(prediction, true, name, declared=self.declared)
            images = scorer.compute()
            rows = [torch.cat([images.sums[one], images.misses[one]], 1) for one in scorer.protocols]
            found[key] = torch.cat(rows).numpy()
        return found

    def scores(self, rows: Sequence[Sums]) -> dict[str, dict[str, dict[str, float]]]:
        """The scores of many pairs, by variant and reduction."""
        found = {}
        for key, scorer in self.scorers.items():
            sums = torch.from_numpy(np.stack([row[key] for row in rows], 1))
            for protocol, own in zip(scorer.protocols.values(), sums, strict=True):
                name = protocol.name
                images = ScoredImages([""] * len(own), {name: own[:, :-2]}, len(own), misses={name: own[:, -2:]})
                by_reduction = {one: images.scores(replace(protocol, reduction=one)) for one in REDUCTIONS}
                found[name] = {
                    one: {score: scores[score] for score in (*KEPT, "pixels", "missing", "nonpositive")}
                    for one, scores in by_reduction.items()
                }
        return found


class KeptRows:
    """The sums of each pair, a file a pair: of this script and these protocols only.

    Args:
        folder: for the files.
    """

    def __init__(self, folder: Path) -> None:
        rules = f"{Path(__file__).read_text()}{variants()}"
        self.folder = folder / hashlib.sha256(rules.encode()).hexdigest()[:12]
        self.folder.mkdir(parents=True, exist_ok=True)

    def row(self, place: int, make: Callable[[], Sequence[Sums]]) -> list[Sums]:
        """The sums of a pair under each degradation, from its file or made and kept."""
        path = self.folder / f"{place:05}.npz"
        if not path.exists():
            named = {f"{number}/{key}": sums for number, one in enumerate(make()) for key, sums in one.items()}
            with whole(path, durable=False) as part, part.open("wb") as file:
                np.savez(file, **named)
        found: list[Sums] = [{} for _ in DEGRADATIONS]
        with np.load(path) as file:
            for name, sums in file.items():
                number, _, key = name.partition("/")
                found[int(number)][key] = sums
        return found


def measure(frames: NYULabeled, numbers: Path) -> None:
    """All degradations over the pairs in a random order, so that what is written on the way is a fair sample."""
    measured = [Measured(one) for one in DEGRADATIONS]
    kept = KeptRows(numbers.with_suffix(".rows"))

    def sums_of(place: int) -> list[Sums]:
        truth = frames[place].depth[None].float()
        without_edges = truth.masked_fill(near_edges(truth), 0.0)
        return [one.sums(truth, without_edges, place) for one in measured]

    order = np.random.default_rng(0).permutation(len(frames)).tolist()
    rows: list[list[Sums]] = []
    for count, place in enumerate(order, 1):
        rows.append(kept.row(place, partial(sums_of, place)))
        if count % 25 == 0 or count == len(order):
            scores = {
                one.degradation.name: one.scores(own)
                for one, own in zip(measured, zip(*rows, strict=True), strict=True)
            }
            write_atomically(numbers, json.dumps({"pairs": count, "scores": scores}, indent=1))
            print(f"{count} of {len(order)} pairs", file=sys.stderr, flush=True)


def main() -> None:
    command = argparse.ArgumentParser(description=__doc__)
    command.add_argument("folder", type=Path)
    command.add_argument("numbers", type=Path)
    command.add_argument("--scale", type=float, default=None)
    options = command.parse_args()
    torch.set_num_threads(1)
    frames = NYULabeled(options.folder, part="test", scale=options.scale)
    with torch.inference_mode():
        measure(frames, options.numbers)


if __name__ == "__main__":
    main()

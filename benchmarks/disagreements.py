"""The same predictions under other rules: real truth, degraded in known ways, scored with one choice changed at a time.

    python benchmarks/disagreements.py FOLDER NUMBERS.json [--scale 0.000153116881]

FOLDER holds the labeled pairs of NYUv2 (docs/datasets.md). NUMBERS.json is what ``benchmarks/disagreements_page.py``
writes docs/disagreements.md from. One thread, about a second of CPU time for a pair; the file is
written anew every 25 pairs.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depthbench.data import NYULabeled
from depthbench.files import write_atomically
from depthbench.protocols import EvalProtocol, Scorer, load_protocol
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
    """Where the truth within 2 pixels spans more than 10 %: what a mask of doubtful truth leaves out."""
    high = torch.nn.functional.max_pool2d(truth, 5, 1, 2)
    low = -torch.nn.functional.max_pool2d(-truth, 5, 1, 2)
    return high > 1.1 * low


class Measured:
    """Scores of one degradation under all variants, with two more ways to choose the pixels."""

    def __init__(self, degradation: Degradation) -> None:
        self.degradation = degradation
        self.declared = Declared(holes=degradation.holes)
        protocols = variants()
        masked = [replace(one, name=f"{one.name}, edges left out") for one in protocols if one.name in MASKED]
        dropped = [replace(BASE, name="eigen, missing pixels left out")]
        self.scorers = {"plain": Scorer(protocols), "edges": Scorer(masked), "dropped": Scorer(dropped)}

    def predicted(self, truth: Tensor, place: int) -> Tensor:
        """The spoiled truth, NaN where a pixel is missing."""
        random = np.random.default_rng([place, len(self.degradation.name)])
        found = self.degradation.spoil(truth[0, 0].double().numpy(), random)
        maps = torch.from_numpy(np.maximum(found, 0)).float()[None, None]
        return maps.masked_fill(maps <= 0, torch.nan) if self.degradation.holes else maps

    def add(self, truth: Tensor, without_edges: Tensor, place: int) -> None:
        """One pair."""
        prediction, name = self.predicted(truth, place), [str(place)]
        self.scorers["plain"].update(prediction, truth, name, declared=self.declared)
        self.scorers["edges"].update(prediction, without_edges, name, declared=self.declared)
        if self.degradation.holes:
            self.scorers["dropped"].update(prediction.nan_to_num(1.0), truth.masked_fill(prediction.isnan(), 0.0), name)

    def scores(self) -> dict[str, dict[str, dict[str, float]]]:
        """By variant and reduction."""
        found = {}
        for key, scorer in self.scorers.items():
            if key == "dropped" and not self.degradation.holes:
                continue
            images = scorer.compute()
            for protocol in scorer.protocols.values():
                by_reduction = {one: images.scores(replace(protocol, reduction=one)) for one in REDUCTIONS}
                found[protocol.name] = {
                    one: {name: scores[name] for name in (*KEPT, "pixels", "missing", "nonpositive")}
                    for one, scores in by_reduction.items()
                }
        return found


def measure(frames: NYULabeled, numbers: Path) -> None:
    """All degradations over the pairs in a random order, so that what is written on the way is a fair sample."""
    measured = [Measured(one) for one in DEGRADATIONS]
    order = np.random.default_rng(0).permutation(len(frames)).tolist()
    for count, place in enumerate(order, 1):
        truth = frames[place].depth[None].float()
        without_edges = truth.masked_fill(near_edges(truth), 0.0)
        for one in measured:
            one.add(truth, without_edges, place)
        if count % 25 == 0 or count == len(order):
            found = {"pairs": count, "scores": {one.degradation.name: one.scores() for one in measured}}
            write_atomically(numbers, json.dumps(found, indent=1))
            print(f"{count} of {len(order)} pairs", file=sys.stderr, flush=True)


def main() -> None:
    if len(sys.argv) == 1:
        print(__doc__)  # real pairs are needed, which not everybody has
        return
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

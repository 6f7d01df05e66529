"""Speed of scoring: against the per-image numpy loop that peers use, and all protocols against one.

Run ``python benchmarks/metrics.py`` (options: ``--images``, ``--threads``, ``--device``). Everything is measured in one
run, alternating, and the fastest repetition counts; with one thread in CPU time, so that ratios hold on a busy machine.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from depthbench.config.compose import config_dir
from depthbench.config.published import every_member
from depthbench.metrics import DepthScores
from depthbench.metrics.pixel_kernel import SOURCE
from depthbench.native import compiled
from depthbench.protocols import EvalProtocol, Scorer, load_protocol

INDOOR = ("eigen", "toolbox", "bts", "hu", "fcrn", "lee2020", "carvalho2018", "alhashim2018", "full")
INDOOR += ("alhashim2018_released",)
NYU = [name for name, fields in every_member(config_dir()).items() if fields.get("data") == "NYUv2"]
EVERY = (*INDOOR, *(name for name in NYU if not name.startswith("video")))  # protocol=all, without fits of whole clips
ALIGNED = "moge_nyu_affine_disparity"
ALIGNING = tuple(name for name in EVERY if load_protocol(name).alignment.fit != "none")
SIZE = (480, 640)
BATCH = 8

Array = NDArray[np.float32]


@cache  # parsing YAML is not what is measured
def protocol(name: str) -> EvalProtocol:
    return load_protocol(name)


def numpy_scores(prediction: Array, truth: Array) -> list[float]:
    """The nine metrics of the valid pixels as the evaluation of BTS, AdaBins and ZoeDepth computes them."""
    ratio = np.maximum(truth / prediction, prediction / truth)
    deltas = [float((ratio < 1.25**power).mean()) for power in (1, 2, 3)]
    rmse = np.sqrt(((truth - prediction) ** 2).mean())
    rmse_log = np.sqrt(((np.log(truth) - np.log(prediction)) ** 2).mean())
    abs_rel = np.mean(np.abs(truth - prediction) / truth)
    sq_rel = np.mean((truth - prediction) ** 2 / truth)
    difference = np.log(prediction) - np.log(truth)
    silog = np.sqrt(np.mean(difference**2) - np.mean(difference) ** 2) * 100
    log10 = np.mean(np.abs(np.log10(prediction) - np.log10(truth)))
    return [*deltas, *map(float, (abs_rel, sq_rel, rmse, rmse_log, log10, silog))]


def released_loop(prediction: Array, truth: Array) -> list[float]:
    """One image as BTS's evaluation goes about it: limits, range and crop as masks, then the metrics."""
    prediction = prediction.copy()
    prediction[prediction < 1e-3] = 1e-3
    prediction[prediction > 10] = 10
    prediction[np.isinf(prediction)] = 10
    prediction[np.isnan(prediction)] = 1e-3
    valid = np.logical_and(truth > 1e-3, truth < 10)
    inside = np.zeros(valid.shape)
    inside[45:471, 41:601] = 1
    valid = np.logical_and(valid, inside)
    return numpy_scores(prediction[valid], truth[valid])


def fastest(jobs: dict[str, Callable[[], object]], repeats: int, device: str, least: float = 0.0) -> dict[str, float]:
    """Seconds of each job, the least of several alternating repetitions; more of them where they take few seconds."""
    clock = time.process_time if device == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    seconds = dict.fromkeys(jobs, float("inf"))
    begin = time.perf_counter()
    for repeat in count():
        if repeat > repeats and time.perf_counter() - begin > least:
            break
        for name, job in jobs.items():
            start = clock()
            job()
            if device == "cuda":
                torch.cuda.synchronize()
            if repeat:  # the first warms up
                seconds[name] = min(seconds[name], clock() - start)
    return seconds


def made(images: int, device: str, high: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth truth with a tenth missing, and predictions 10 % off."""
    generator = torch.Generator().manual_seed(0)
    coarse = 0.5 + (high - 0.5) * torch.rand(images, 1, 12, 16, generator=generator)
    truth = F.interpolate(coarse, SIZE, mode="bilinear")
    prediction = truth * (0.1 * torch.randn(truth.shape, generator=generator)).clamp(-0.04, 0.04).exp()
    truth *= torch.rand(truth.shape, generator=generator) > 0.1
    return prediction.to(device), truth.to(device)


def measure(images: int, device: str, repeats: int) -> dict[str, float]:
    prediction, truth = made(images, device, high=9.5)
    far_prediction, far_truth = made(images, device, high=12.0)
    rows = [(p[0].cpu().numpy(), t[0].cpu().numpy()) for p, t in zip(prediction, truth, strict=True)]
    batches = list(zip(prediction.split(BATCH), truth.split(BATCH), strict=True))
    far_batches = list(zip(far_prediction.split(BATCH), far_truth.split(BATCH), strict=True))

    def fused() -> object:
        metric = DepthScores().to(device)
        for p, t in batches:
            metric.update(p, t)
        return metric.compute()

    def suite(names: tuple[str, ...], batches: list[tuple[torch.Tensor, torch.Tensor]]) -> Callable[[], object]:
        def job() -> object:
            scorer = Scorer(map(protocol, names)).to(device)
            for p, t in batches:
                scorer.update(p, t, [""] * len(p))
            found = scorer.compute()
            return [found.scores(protocol(name)) for name in names]

        return job

    jobs: dict[str, Callable[[], object]] = {
        "numpy, nine metrics": lambda: [numpy_scores(p[t > 0], t[t > 0]) for p, t in rows],
        "fused, nine metrics": fused,
        "numpy, protocol bts": lambda: [released_loop(*row) for row in rows],
        "fused, protocol bts": suite(("bts",), batches),
        "suite, protocol full": suite(("full",), batches),
        "suite, protocol eigen": suite(("eigen",), batches),
        "suite, all protocols": suite(INDOOR, batches),
        "suite, protocol=all, alignments too": suite(EVERY, batches),
        **{f"suite, {name}": suite((name,), batches) for name in ALIGNING},
        "beyond the limits: eigen": suite(("eigen",), far_batches),
        "beyond the limits: all": suite(INDOOR, far_batches),
    }
    return fastest(jobs, repeats, device)


def processor() -> str:
    """Its name, where the system tells it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=48, help="maps of 480x640; 654 is the test set of NYUv2")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    seconds = measure(options.images, options.device, options.repeats)
    print(f"{options.images} maps of 480x640 on {options.device}, {options.threads} threads; {processor()}")
    print(f"The standard sums are {'compiled' if compiled(SOURCE) else 'of torch, without a compiler'}.")
    for name, value in seconds.items():
        print(f"  {name:42} {1000 * value / options.images:8.3f} ms per map")
    pairs = {
        "numpy / fused, nine metrics": ("numpy, nine metrics", "fused, nine metrics"),
        "numpy / fused, protocol bts": ("numpy, protocol bts", "fused, protocol bts"),
        "all / one (none)": ("suite, all protocols", "suite, protocol full"),
        "protocol=all / one aligned": ("suite, protocol=all, alignments too", f"suite, {ALIGNED}"),
        "protocol=all / eigen": ("suite, protocol=all, alignments too", "suite, protocol eigen"),
        "all / one (eigen)": ("suite, all protocols", "suite, protocol eigen"),
        "all / one (eigen), beyond the limits": ("beyond the limits: all", "beyond the limits: eigen"),
    }
    alone = sorted(ALIGNING, key=lambda name: seconds[f"suite, {name}"])
    for word, place in (("cheapest", 0), ("median", len(alone) // 2), ("dearest", -1)):
        pairs[f"protocol=all / {word} aligned ({alone[place]})"] = (
            "suite, protocol=all, alignments too",
            f"suite, {alone[place]}",
        )
    ratios = {name: seconds[first] / seconds[second] for name, (first, second) in pairs.items()}
    print(json.dumps({name: round(value, 2) for name, value in ratios.items()}))


if __name__ == "__main__":
    main()

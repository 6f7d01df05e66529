"""Speed of scoring: against the per-image numpy loop that peers use, and all protocols against one.

Run ``python benchmarks/metrics.py`` (options: ``--images``, ``--threads``, ``--device``). Everything is measured in one
run, alternating, and the fastest repetition counts, so that ratios hold on a busy machine too.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from numpy.typing import NDArray

from depthbench.metrics import DepthScores, Protocol, ProtocolSuite

CONF = Path(__file__).resolve().parents[1] / "conf" / "protocol"
INDOOR = ("eigen", "toolbox", "bts", "hu", "fcrn", "lee2020", "carvalho2018", "alhashim2018", "none")
INDOOR += ("alhashim2018_released",)
SIZE = (480, 640)
BATCH = 8

Array = NDArray[np.float32]


def protocol(name: str) -> Protocol:
    settings = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    return Protocol(**{key: value for key, value in settings.items() if key != "_target_"})


def numpy_scores(prediction: Array, truth: Array) -> list[float]:
    """The nine metrics of one image as evaluation scripts of BTS, AdaBins and ZoeDepth compute them."""
    valid = np.logical_and(truth > 1e-3, truth < 10)
    prediction, truth = prediction[valid], truth[valid]
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


def fastest(jobs: dict[str, Callable[[], object]], repeats: int, device: str) -> dict[str, float]:
    """Seconds of each job, the least of several alternating repetitions."""
    seconds = dict.fromkeys(jobs, float("inf"))
    for repeat in range(repeats + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if device == "cuda":
                torch.cuda.synchronize()
            if repeat:  # the first warms up
                seconds[name] = min(seconds[name], time.perf_counter() - start)
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
            metrics = ProtocolSuite(map(protocol, names)).to(device)
            for p, t in batches:
                metrics.update(p, t)
            return metrics.compute()

        return job

    jobs: dict[str, Callable[[], object]] = {
        "numpy": lambda: [numpy_scores(*row) for row in rows],
        "fused": fused,
        "one protocol (none)": suite(("none",), batches),
        "one protocol (eigen)": suite(("eigen",), batches),
        "all protocols": suite(INDOOR, batches),
        "one protocol (eigen), beyond the limits": suite(("eigen",), far_batches),
        "all protocols, beyond the limits": suite(INDOOR, far_batches),
    }
    return fastest(jobs, repeats, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=48, help="maps of 480x640; 654 is the test set of NYUv2")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    seconds = measure(options.images, options.device, options.repeats)
    print(f"{options.images} maps of 480x640 on {options.device}, {options.threads} threads")
    for name, value in seconds.items():
        print(f"  {name:42} {1000 * value / options.images:8.3f} ms per map")
    ratios = {
        "numpy / fused": seconds["numpy"] / seconds["fused"],
        "all / one": seconds["all protocols"] / seconds["one protocol (none)"],
        "all / eigen": seconds["all protocols"] / seconds["one protocol (eigen)"],
        "all / eigen, beyond the limits": seconds["all protocols, beyond the limits"]
        / seconds["one protocol (eigen), beyond the limits"],
    }
    print(json.dumps({name: round(value, 2) for name, value in ratios.items()}))


if __name__ == "__main__":
    main()

"""Speed of boundary and point metrics against the published evaluations, whose formulas stand in numpy beside.

Run ``python benchmarks/published_metrics.py``. CPU time of one thread, both sides alternating for at least a second;
the fastest repetition counts. ``--skimage``: Canny of scikit-image, whose thinning is compiled since 0.19, where it is
installed.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import published_metrics_reference as reference
from benchmarks.metrics import fastest

from depthbench import metrics
from depthbench.annotations import Annotations
from depthbench.geometry import back_project

LEAST = 1.0  # seconds that a pair takes at least: few repetitions of a millisecond are mostly noise

CAMERA = torch.tensor([[[520.0, 0, 319.5], [0, 520.0, 239.5], [0, 0, 1]]])


def scene(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A room with boxes: predictions smoother and 5 % off, truth with sharp steps."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    truth = 6 - 3 * rows / height + 0.5 * np.sin(columns / 40)
    for _ in range(25):
        top, left = rng.integers(0, height - 20), rng.integers(0, width - 20)
        bottom, right = top + rng.integers(15, height // 3), left + rng.integers(15, width // 3)
        truth[top:bottom, left:right] = truth[top:bottom, left:right] * rng.uniform(0.5, 0.95)
    prediction = np.roll(truth, 1, 1) * 1.05 + 0.02 * rng.standard_normal(truth.shape)
    return torch.from_numpy(prediction)[None, None].float(), torch.from_numpy(truth)[None, None].float()


def jobs(use_skimage: bool) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Ours and theirs by name."""
    if use_skimage:
        from skimage.feature import canny

        reference.canny_edges = lambda image, sigma, low, high: canny(image, sigma, low, high)  # type: ignore[assignment]
    prediction, truth = scene(480, 640)
    p, t = prediction[0, 0].numpy(), truth[0, 0].numpy()
    valid = np.ones(t.shape, dtype=bool)
    edges = np.hypot(*np.gradient(t)) > 0.2
    alpha = (t < 2.5).astype(np.float32)
    notes = Annotations(
        edges=torch.from_numpy(edges)[None, None],
        alpha=torch.from_numpy(alpha)[None, None],
        planes=(torch.arange(640) // 220 + 1).expand(1, 1, 480, 640),
        plane_normals=torch.tensor([[[0.0, 0.0, 1.0]] * 3]),
    )
    small = [torch.nn.functional.interpolate(one, (120, 160), mode="nearest-exact") for one in (prediction, truth)]
    camera = CAMERA * torch.tensor([[0.25], [0.25], [1.0]])
    clouds = [back_project(one.double(), camera.double())[0].flatten(1).T.numpy() for one in small]
    sampled = [
        back_project(one.double()[..., 2::8, 2::10], camera.double())[0].flatten(1).T.numpy()
        for one in (prediction, truth)
    ]
    weight = 1 / np.linalg.norm(sampled[1], axis=1)

    def ours(metric: metrics.ImageMetric, maps: list[torch.Tensor], k: torch.Tensor) -> Callable[[], object]:
        return lambda: metric.per_image(maps[0], maps[1], None, k, notes if metric.needs else None)

    def theirs_planes() -> object:
        points = back_project(prediction.double(), CAMERA.double())[0].permute(1, 2, 0).numpy()
        label = notes.planes[0, 0].numpy()
        return [
            reference.planarity(points * np.median(t[label == k]) / np.median(p[label == k]), label == k, np.eye(3)[2])
            for k in (1, 2, 3)
        ]

    whole = [prediction, truth]
    return {
        "Depth Pro F1": (ours(metrics.DepthProBoundaryF1(), whole, CAMERA), lambda: reference.depth_pro_f1(p, t)),
        "Depth Pro recall": (
            ours(metrics.DepthProMaskRecall(), whole, CAMERA),
            lambda: reference.depth_pro_recall(p, alpha),
        ),
        "MoGe F1, R = 1, 2, 3": (
            ours(metrics.MoGeBoundaryF1(), whole, CAMERA),
            lambda: [reference.moge_f1(p, t, valid, radius) for radius in (1, 2, 3)],
        ),
        "iBims-1 DBE": (ours(metrics.IBimsBoundaryError(), whole, CAMERA), lambda: reference.ibims_dbe(p, edges)),
        "iBims-1 PE": (ours(metrics.PlanarityError(), whole, CAMERA), theirs_planes),
        "SharpDepth DBE": (
            ours(metrics.SharpDepthBoundaryError(), whole, CAMERA),
            lambda: reference.sharpdepth_dbe(p, t),
        ),
        "MDEC edges": (ours(metrics.MDECEdgeError(), whole, CAMERA), lambda: reference.mdec_edges(p, edges)),
        "soft edge error": (ours(metrics.SoftEdgeError(), whole, CAMERA), lambda: reference.soft_edge_error(p, t)),
        "MoGe affine points": (
            ours(metrics.MoGePointError("affine"), whole, CAMERA),
            lambda: reference.moge_affine(sampled[0], sampled[1], weight),
        ),
        "UniDepth clouds, 120x160": (
            ours(metrics.UniDepthPointCloud(), small, camera),
            lambda: reference.unidepth_cloud(clouds[0], clouds[1], 0.005, 10.0, False),
        ),
        "SYNS clouds, 120x160": (
            ours(metrics.SYNSPointCloud(), small, camera),
            lambda: [reference.syns_cloud(clouds[0], clouds[1], limit) for limit in (0.1, 0.2)],
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2, help="at least")
    parser.add_argument("--skimage", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name, (ours, theirs) in jobs(options.skimage).items():
        if options.only in name:
            seconds = fastest({"ours": ours, "theirs": theirs}, options.repeats, "cpu", LEAST)
            ratio = seconds["theirs"] / seconds["ours"]
            print(f"{name:28s} {1e3 * seconds['ours']:9.1f} ms {1e3 * seconds['theirs']:9.1f} ms {ratio:7.1f} x")


if __name__ == "__main__":
    main()

"""Fusion of depth and gradients (li2017, equation 7) against scipy's direct solver in the same re-weighting loop.

Run ``python benchmarks/gradient_fusion.py [--size 480 640] [--images 1]``. Seconds are CPU time on one thread (wall
time on a GPU); the scene is made up: planes and a box, with a smooth error on the depth and noise on the gradients.
"""

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import spsolve
from torch import Tensor

from depthbench.models import fuse_gradients, fusion_energy

OMEGA, EPSILON = 10.0, 1e-4
Array = NDArray[np.float64]


def scene(images: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    box = ((x - 0.4).abs() < 0.15) & ((y - 0.6).abs() < 0.2)
    true = torch.where(box, 1.2 + 0.2 * x, 2 + x + 0.5 * y).expand(images, 1, height, width)
    small = F.avg_pool2d(true, 8) + 0.1 * F.interpolate(torch.randn(images, 1, 6, 8), (height // 8, width // 8))
    gradient = 0.01 * torch.randn(images, 2, height, width)
    gradient[:, 0, :, 1:-1] += (true[..., 2:] - true[..., :-2])[:, 0]
    gradient[:, 1, 1:-1] += (true[:, :, 2:] - true[:, :, :-2])[:, 0]
    return F.interpolate(small, (height, width), mode="bilinear"), gradient


def difference(plus: NDArray[np.int64], minus: NDArray[np.int64], pixels: int) -> sparse.csr_matrix:
    rows = np.arange(plus.size)
    values = np.concatenate([np.ones(plus.size), -np.ones(plus.size)])
    index = np.concatenate([rows, rows]), np.concatenate([plus.ravel(), minus.ravel()])
    return sparse.csr_matrix((values, index), shape=(plus.size, pixels))


def direct(depth: Array, gradient: Array, iterations: int) -> Array:
    pixels = np.arange(depth.size).reshape(depth.shape)
    along_x = difference(pixels[:, 2:], pixels[:, :-2], depth.size)
    along_y = difference(pixels[2:], pixels[:-2], depth.size)
    estimate, gx, gy = depth.ravel(), gradient[0, :, 1:-1].ravel(), gradient[1, 1:-1].ravel()
    fused = estimate
    for _ in range(iterations):
        w = 1 / np.sqrt((fused - estimate) ** 2 + EPSILON)
        wx = OMEGA / np.sqrt((along_x @ fused - gx) ** 2 + EPSILON)
        wy = OMEGA / np.sqrt((along_y @ fused - gy) ** 2 + EPSILON)
        matrix = sparse.diags(w) + along_x.T @ sparse.diags(wx) @ along_x + along_y.T @ sparse.diags(wy) @ along_y
        fused = spsolve(matrix.tocsc(), w * estimate + along_x.T @ (wx * gx) + along_y.T @ (wy * gy))
    return fused.reshape(depth.shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=(480, 640), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--images", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=20, help="re-weightings, the same for both")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    depth, gradient = scene(args.images, *args.size)
    on_device = [values.to(args.device) for values in (depth, gradient)]
    clock = time.process_time if args.device == "cpu" else time.perf_counter
    ours = []
    for _ in range(3):
        started = clock()
        fused = fuse_gradients(*on_device, iterations=args.iterations).cpu()  # the copy waits for the GPU
        ours.append((clock() - started) / args.images)
    started = time.process_time()
    solved = torch.from_numpy(direct(depth[0, 0].double().numpy(), gradient[0].double().numpy(), args.iterations))
    theirs = time.process_time() - started
    maps = depth[:1].double(), gradient[:1].double()
    energies = [fusion_energy(f, *maps).item() for f in (fused[:1].double(), solved[None, None])]
    print(f"{args.size[0]}x{args.size[1]}, {args.iterations} re-weightings, {args.device}")
    print(f"ours {min(ours):.2f} s per map, scipy {theirs:.2f} s per map: {theirs / min(ours):.1f} times faster")
    print(f"energy {energies[0]:.3f} against {energies[1]:.3f}: {energies[0] / energies[1] - 1:+.1e} relative")
    away = (fused[0, 0] - solved).abs()
    print(f"maps differ by {away.mean():.1e} m on average, {away.max():.1e} m at most")


if __name__ == "__main__":
    main()

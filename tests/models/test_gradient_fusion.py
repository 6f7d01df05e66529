import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse.linalg import spsolve

from depthbench.errors import UserError
from depthbench.models import fuse_gradients, fusion_energy


def scene(height: int, width: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A ramp with a step, a smooth error on its estimate, and its gradients with a little noise."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    true = torch.where((x - 0.5).abs() + (y - 0.5).abs() < 0.3, 1.2, 2 + x + 0.5 * y)[None, None]
    error = torch.nn.functional.interpolate(
        torch.randn(1, 1, 3, 4, generator=generator), (height, width), mode="bilinear"
    )
    gradient = torch.zeros(1, 2, height, width)
    gradient[:, 0, :, 1:-1] = (true[..., 2:] - true[..., :-2])[:, 0]
    gradient[:, 1, 1:-1] = (true[:, :, 2:] - true[:, :, :-2])[:, 0]
    gradient += 0.01 * torch.randn(gradient.shape, generator=generator)
    return true, true + 0.2 * error, gradient


def reference(depth: np.ndarray, gradient: np.ndarray, valid: np.ndarray, omega: float, epsilon: float) -> np.ndarray:
    """Equation 7 by re-weighted least squares, with a direct solver, pixel by pixel."""
    height, width = depth.shape
    rows = []  # (columns, signs, target, factor)
    for i in range(height):
        for j in range(width):
            if valid[i, j]:
                rows.append(([i * width + j], [1.0], depth[i, j], 1.0))
                if 0 < j < width - 1:
                    rows.append(([i * width + j + 1, i * width + j - 1], [1.0, -1.0], gradient[0, i, j], omega))
                if 0 < i < height - 1:
                    rows.append(([(i + 1) * width + j, (i - 1) * width + j], [1.0, -1.0], gradient[1, i, j], omega))
    row = [k for k, (columns, *_) in enumerate(rows) for _ in columns]
    column = [c for columns, *_ in rows for c in columns]
    operator = sparse.csr_matrix(([s for _, signs, *_ in rows for s in signs], (row, column)), (len(rows), depth.size))
    target, factor = np.array([r[2] for r in rows]), np.array([r[3] for r in rows])
    fused = depth.ravel().copy()
    for _ in range(100):
        weights = factor / np.sqrt((operator @ fused - target) ** 2 + epsilon)
        matrix = operator.T @ sparse.diags(weights) @ operator + 1e-9 * sparse.identity(depth.size)
        fused = spsolve(matrix.tocsc(), operator.T @ (weights * target) + 1e-9 * depth.ravel())
    return fused.reshape(depth.shape)


@pytest.mark.parametrize(("omega", "holes"), [(10.0, False), (1.0, False), (10.0, True)])
def test_the_minimum_of_equation_7(omega, holes):
    _, depth, gradient = scene(15, 18, seed=1)
    valid = torch.ones_like(depth, dtype=torch.bool)
    if holes:
        valid = torch.rand(depth.shape, generator=torch.Generator().manual_seed(2)) > 0.1
    ours = fuse_gradients(depth, gradient, valid, omega, iterations=60, steps=60)
    double = [values.double().numpy() for values in (depth[0, 0], gradient[0])]
    theirs = torch.from_numpy(reference(*double, valid[0, 0].numpy(), omega, 1e-4))[None, None]
    torch.testing.assert_close(ours.double(), theirs, atol=1e-3, rtol=0)


def test_defaults_reach_the_minimum_to_a_thousandth():
    _, depth, gradient = (values.double() for values in scene(60, 80, seed=3))
    fused = fuse_gradients(depth, gradient).double().requires_grad_()
    best = fuse_gradients(depth, gradient, iterations=200, steps=100).double()
    ours, least = (fusion_energy(f, depth, gradient) for f in (fused, best))
    assert ours.item() < least.item() * (1 + 1e-4)
    assert (fused - best).abs().max() < 1e-3


def test_fusion_helps():
    true, depth, gradient = scene(60, 80, seed=4)
    before, after = ((d - true).abs().mean() for d in (depth, fuse_gradients(depth, gradient)))
    assert after < 0.8 * before


def test_exact_input_is_left_alone():
    true, _, _ = scene(20, 31, seed=5)
    gradient = torch.zeros(1, 2, 20, 31)
    gradient[:, 0, :, 1:-1] = (true[..., 2:] - true[..., :-2])[:, 0]
    gradient[:, 1, 1:-1] = (true[:, :, 2:] - true[:, :, :-2])[:, 0]
    torch.testing.assert_close(fuse_gradients(true, gradient), true, atol=1e-5, rtol=0)


def test_images_of_a_batch_do_not_mix():
    one, two = scene(17, 23, seed=6), scene(17, 23, seed=7)
    both = fuse_gradients(*(torch.cat(pair) for pair in zip(one[1:], two[1:], strict=True)))
    torch.testing.assert_close(both[:1], fuse_gradients(*one[1:]), atol=1e-4, rtol=0)
    torch.testing.assert_close(both[1:], fuse_gradients(*two[1:]), atol=1e-4, rtol=0)


def test_nothing_valid_leaves_the_depth():
    _, depth, gradient = scene(9, 11, seed=8)
    fused = fuse_gradients(depth, gradient, torch.zeros_like(depth, dtype=torch.bool))
    torch.testing.assert_close(fused, depth, atol=0, rtol=0)


def test_half_precision_and_autocast():
    _, depth, gradient = scene(16, 16, seed=9)
    with torch.autocast("cpu", torch.bfloat16):
        fused = fuse_gradients(depth.half(), gradient.half())
    assert fused.dtype == torch.float32
    torch.testing.assert_close(fused, fuse_gradients(depth, gradient), atol=1e-2, rtol=0)


def test_mistakes():
    with pytest.raises(UserError, match="of one size"):
        fuse_gradients(torch.ones(1, 1, 4, 4), torch.ones(1, 2, 4, 5))

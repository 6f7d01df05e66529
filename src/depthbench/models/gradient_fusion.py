"""Fusion of a depth map and its estimated gradients by optimization (li2017, section 3.3, equation 7)."""

import torch
from torch import Tensor

from depthbench.errors import UserError


def fuse_gradients(
    depth: Tensor,
    gradient: Tensor,
    valid: Tensor | None = None,
    omega: float = 10.0,
    epsilon: float = 1e-4,
    iterations: int = 20,
    steps: int = 20,
) -> Tensor:
    """Minimize Σ φ(D - depth) + ω Σ [φ(∇x D - Gx) + φ(∇y D - Gy)], φ(x) = √(x² + ε), by re-weighted least squares.

    ∇ are the paper's filters [-1, 0, 1]; a border pixel without both neighbors has no gradient term. Each weighted
    system is solved by preconditioned conjugate gradients from the last solution, all images at once.

    Args:
        depth: ``(B, 1, H, W)`` metres.
        gradient: ``(B, 2, H, W)``, x and y, metres between the pixels two apart.
        valid: bool ``(B, 1, H, W)``: pixels whose terms count; all by default. Depth that no term touches stays.
        omega: weight of the gradients.
        epsilon: of φ, in square metres.
        iterations: re-weightings.
        steps: of conjugate gradients for each.

    Returns:
        ``(B, 1, H, W)`` metres, float32, without gradient.

    Raises:
        UserError: If shapes do not fit.
    """
    if depth.ndim != 4 or depth.shape[1] != 1 or gradient.shape != (depth.shape[0], 2, *depth.shape[2:]):
        raise UserError(
            "Fusion needs depth (B, 1, H, W) and gradients (B, 2, H, W) of one size, "
            f"got {tuple(depth.shape)} and {tuple(gradient.shape)}."
        )
    with torch.no_grad(), torch.autocast(depth.device.type, enabled=False):
        estimate = depth.float()
        system = _System(estimate, gradient.float(), valid, omega, epsilon)
        fused = estimate.clone()
        for _ in range(iterations):
            system.reweight(fused)
            fused = system.solve(fused, steps)
        return fused


def fusion_energy(
    fused: Tensor,
    depth: Tensor,
    gradient: Tensor,
    valid: Tensor | None = None,
    omega: float = 10.0,
    epsilon: float = 1e-4,
) -> Tensor:
    """Objective of :func:`fuse_gradients`, per image ``(B,)``."""
    system = _System(depth, gradient, valid, omega, epsilon)
    total = torch.zeros(depth.shape[0], dtype=depth.dtype, device=depth.device)
    for residual, share in zip(system.residuals(fused), system.shares, strict=True):
        total = total + (share * (residual.square() + epsilon).sqrt()).sum(dim=(1, 2, 3))
    return total


class _System:
    """The weighted normal equations: (W0 + ∇xᵀ Wx ∇x + ∇yᵀ Wy ∇y) D = W0 depth + ∇xᵀ Wx Gx + ∇yᵀ Wy Gy."""

    def __init__(self, depth: Tensor, gradient: Tensor, valid: Tensor | None, omega: float, epsilon: float) -> None:
        share = torch.ones_like(depth) if valid is None else valid.to(depth.dtype)
        self.targets = (depth, gradient[:, :1, :, 1:-1], gradient[:, 1:, 1:-1])
        self.shares = (share, omega * share[..., 1:-1], omega * share[:, :, 1:-1])
        self.epsilon = epsilon
        self.weights: tuple[Tensor, ...] = self.shares

    def residuals(self, depth: Tensor) -> tuple[Tensor, ...]:
        """Residuals of each term, in metres: depth, x and y."""
        maps = depth, depth[..., 2:] - depth[..., :-2], depth[:, :, 2:] - depth[:, :, :-2]
        return tuple(values - target for values, target in zip(maps, self.targets, strict=True))

    def reweight(self, depth: Tensor) -> None:
        """Weight each term by 1 / φ of its residual at this depth."""
        self.weights = tuple(
            share * (residual.square() + self.epsilon).rsqrt()
            for residual, share in zip(self.residuals(depth), self.shares, strict=True)
        )

    def back(self, data: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Add ∇xᵀ x and ∇yᵀ y, the gradient terms brought back to pixels, to ``data`` in place."""
        data[..., 2:] += x
        data[..., :-2] -= x
        data[:, :, 2:] += y
        data[:, :, :-2] -= y
        return data

    def apply(self, p: Tensor) -> Tensor:
        """Multiply by the system's matrix, ``(B, 1, H, W)`` to the same shape."""
        weight, x, y = self.weights
        return self.back(weight * p, x * (p[..., 2:] - p[..., :-2]), y * (p[:, :, 2:] - p[:, :, :-2]))

    def solve(self, depth: Tensor, steps: int) -> Tensor:
        """Take steps of conjugate gradients, preconditioned by the diagonal, from this depth in metres."""
        weight, x, y = self.weights
        diagonal = weight.clone()
        diagonal[..., 2:] += x
        diagonal[..., :-2] += x
        diagonal[:, :, 2:] += y
        diagonal[:, :, :-2] += y
        inverse = torch.where(diagonal > 0, 1 / diagonal, 0.0)
        # The negative gradient of the energy is the residual of the system, at the present depth.
        r = self.back(*(-w * residual for w, residual in zip(self.weights, self.residuals(depth), strict=True)))
        z = inverse * r
        p, rz, depth = z.clone(), _dot(r, z), depth.clone()
        for _ in range(steps):
            q = self.apply(p)
            alpha = rz / _dot(p, q).clamp(min=1e-30)
            depth.addcmul_(alpha, p)
            r.addcmul_(alpha, q, value=-1)
            torch.mul(inverse, r, out=z)
            before, rz = rz, _dot(r, z)
            p.mul_(rz / before.clamp(min=1e-30)).add_(z)
        return depth


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=(1, 2, 3), keepdim=True)

"""Depth with its uncertainty (Kendall and Gal, NIPS 2017): a second channel, and dropout at test time."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.models.decoders.decoder import resize_like
from depthbench.models.depthnet import DepthModel

Likelihood = Literal["gaussian", "laplace"]


class DepthWithUncertainty(NamedTuple):
    """Three maps ``(B, 1, H, W)`` in metres: depth, and two standard deviations.

    ``aleatoric`` is the noise of the data that the second channel predicts, ``epistemic`` the spread over dropout
    samples; 0 where the network has no second channel, or ``samples`` is 0.
    """

    depth: Tensor
    aleatoric: Tensor
    epistemic: Tensor


@torch.no_grad()
def predict_uncertain(
    net: DepthModel, image: Tensor, samples: int = 16, likelihood: Likelihood | None = "gaussian"
) -> DepthWithUncertainty:
    """Predict depth and its uncertainty for ``(B, 3, H, W)`` RGB in [0, 1].

    Args:
        net: a network; its second output channel, where there is one, is s of the loss: log σ² of the Gaussian
            0.5 exp(-s) e² + 0.5 s, or log b of the Laplacian exp(-s) |e| + s, in the network's space.
        image: the images.
        samples: passes with dropout on; 0 for a single one without.
        likelihood: which of the two losses the network was trained with; ``None`` for neither: a second channel, if
            there is one, is something else.

    Raises:
        UserError: If samples are asked of a network without dropout.
    """
    if samples:
        with dropout_on(net):
            passes = [_moments(net, net(image), likelihood) for _ in range(samples)]
    else:
        passes = [_moments(net, net(image), likelihood)]
    depths, deviations = (torch.stack(maps) for maps in zip(*passes, strict=True))
    aleatoric = deviations.square().mean(dim=0).sqrt()
    maps = depths.mean(dim=0), aleatoric, depths.std(dim=0, correction=0)
    return DepthWithUncertainty(*(resize_like(values, image) for values in maps))


@contextmanager
def dropout_on(net: nn.Module) -> Iterator[None]:
    """Let dropout drop in a network in evaluation mode, and nothing else (normalization keeps its statistics)."""
    layers = [m for m in net.modules() if isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0]
    if not layers:
        raise UserError("Dropout samples need a network with dropout; set e.g. model.dropout=0.2 and train it so.")
    modes = [layer.training for layer in layers]
    try:
        for layer in layers:
            layer.train()
        yield
    finally:
        for layer, mode in zip(layers, modes, strict=True):
            layer.train(mode)


def _moments(net: DepthModel, output: Tensor, likelihood: Likelihood | None) -> tuple[Tensor, Tensor]:
    depth = net.predicted(output)
    if output.shape[1] < 2 or likelihood is None:
        return depth, torch.zeros_like(depth)
    s = output[:, 1:2].float().clamp(-20, 20)
    deviation = (s / 2).exp() if likelihood == "gaussian" else math.sqrt(2) * s.exp()
    value = output[:, :1].float()
    # Half the width of ±1 deviation: exact where metres are linear in the output, symmetric elsewhere.
    return depth, (net.space.to_depth(value + deviation) - net.space.to_depth(value - deviation)).abs() / 2

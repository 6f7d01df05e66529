"""Batch normalization over the batch of all devices (``trainer.sync_batchnorm=true``), on GPUs and CPUs alike."""

from typing import Any

import torch
from pytorch_lightning.plugins.layer_sync import LayerSync
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from depthbench.losses.across_processes import global_count, global_sum


class WholeBatchNorm(nn.Module):
    """Replaces a batch normalization: the same parameters and running statistics under the same names.

    torch's ``SyncBatchNorm`` runs on GPUs only, and its conversion drops the activation that timm's ``BatchNormAct2d``
    has inside.

    Args:
        norm: the replaced layer.

    Shape:
        (B, C, ...) -> the same. Statistics over B, all dimensions after C and all processes, in float32 (or float64).
    """

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        self.eps, self.momentum = norm.eps, norm.momentum
        self.weight, self.bias = norm.weight, norm.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(norm, name))
        self.drop = getattr(norm, "drop", nn.Identity())
        self.act = getattr(norm, "act", nn.Identity())
        self.training = norm.training

    def forward(self, x: Tensor) -> Tensor:
        """Normalize, and activate where timm's layer did."""
        if self.training or self.running_mean is None:
            y = self._normalize(x)
        else:
            y = functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        result: Tensor = self.act(self.drop(y))
        return result

    def _normalize(self, x: Tensor) -> Tensor:
        over = [dim for dim in range(x.dim()) if dim != 1]
        shape = [1, -1, *[1] * (x.dim() - 2)]
        with torch.autocast(x.device.type, enabled=False):
            values = x if x.dtype == torch.float64 else x.float()
            count = global_count(values[:, 0].numel(), values.device)
            mean = global_sum(values.sum(over)) / count
            centered = values - mean.view(shape)
            variance = global_sum(centered.square().sum(over)) / count
            self._track(mean.detach(), variance.detach(), count)
            scale = torch.rsqrt(variance + self.eps)
            y = centered * (scale if self.weight is None else scale * self.weight.to(values.dtype)).view(shape)
            y = y if self.bias is None else y + self.bias.to(values.dtype).view(shape)
        return y.to(x.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: Any) -> None:
        """Running statistics; of the variance the estimate without bias, as torch does."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        unbiased = variance * count / (count - 1)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), share)


class WholeBatch(LayerSync):
    """Lightning's plugin: puts :class:`WholeBatchNorm` in the place of each batch normalization before training."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Replace the layers below ``model``."""
        for parent in list(model.modules()):
            for name, child in parent.named_children():
                if isinstance(child, _BatchNorm):
                    setattr(parent, name, WholeBatchNorm(child))
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Leave them: in evaluation they equal the layers that they replace."""
        return model

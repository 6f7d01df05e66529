"""Features of a timm network at modules of one's own choice."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from depthbench.errors import UserError


class TappedNet(nn.Module):
    """The modules of a chain-like network (DenseNet, ResNet, VGG, ...) up to the last tap, run in their order.

    Plain modules rather than hooks or a traced graph: those lose their way in ``deepcopy``, pickling or export.

    Args:
        net: a timm network; its modules are used, not copied.
        taps: names of modules in the order in which they run.

    Attributes:
        channels: of each tap.
        reductions: image size over feature size, of each tap.

    Raises:
        UserError: If a tap is not on the chain.
    """

    def __init__(self, net: nn.Module, taps: Sequence[str]) -> None:
        super().__init__()
        self.steps = nn.ModuleDict()
        self.taps = [tap.replace(".", "_") for tap in taps]
        missing = set(taps)
        for name, module in _chain(net, "", taps):
            self.steps[name.replace(".", "_")] = module
            missing.discard(name)
            if not missing:
                break
        if missing:
            raise UserError(f"Can't tap {type(net).__name__} at {sorted(missing)}: not a step of its chain of modules.")
        self.channels, self.reductions = self._check(net, taps)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Give the outputs of the tapped modules for a normalized image ``(B, 3, H, W)``."""
        features = []
        for name, step in self.steps.items():
            x = step(x)
            if name in self.taps:
                features.append(x)
        return features

    @torch.no_grad()
    def _check(self, net: nn.Module, taps: Sequence[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Compare with the network's own values at the taps; returns channels and reductions."""
        seen: list[Tensor] = []
        hooks = [
            net.get_submodule(tap).register_forward_hook(lambda _module, _inputs, output: seen.append(output.clone()))
            for tap in taps
        ]
        was_training, side = net.training, 128
        image = torch.linspace(-1, 1, side).expand(1, 3, side, side)
        net.eval()(image)
        for hook in hooks:
            hook.remove()
        features = self(image)
        net.train(was_training)
        for tap, ours, theirs in zip(taps, features, seen, strict=True):
            if ours.shape != theirs.shape or not (ours.is_meta or torch.allclose(ours, theirs, rtol=1e-3, atol=1e-5)):
                raise UserError(f"Can't tap {type(net).__name__} at '{tap}': it is not a plain chain up to there.")
        return tuple(f.shape[1] for f in features), tuple(side // f.shape[2] for f in features)


def _chain(net: nn.Module, prefix: str, taps: Sequence[str]) -> Iterator[tuple[str, nn.Module]]:
    """Children in order; a Sequential with a tap inside is taken apart."""
    for key, child in net.named_children():
        name = prefix + key
        if isinstance(child, nn.Sequential) and any(tap.startswith(f"{name}.") for tap in taps):
            yield from _chain(child, f"{name}.", taps)
        else:
            yield name, child

"""Checks that every network must pass."""

import copy

import torch
from torch import Tensor

from depthbench.models import DepthHead, DepthModel
from depthbench.testing.checks import Checks, require


class NetworkChecks(Checks):
    """Checks of a network: ``net(image)`` in its space, ``net.predict(image)`` in metres.

    Args:
        net: to be checked; it is not changed.
        size: height and width of the images.

    Example:
        >>> from depthbench.models import DepthNet, Encoder, UNetDecoder
        >>> from functools import partial
        >>> net = DepthNet(Encoder("test_resnet", pretrained=False), partial(UNetDecoder, widths=[16, 8, 8, 8]))
        >>> NetworkChecks(net).failures()
        {}
    """

    def __init__(self, net: DepthModel, size: tuple[int, int] = (64, 96)) -> None:
        self.net, self.size = net, size

    def evaluating(self) -> DepthModel:
        """A copy of the network in evaluation."""
        return copy.deepcopy(self.net).eval()

    def image(self) -> Tensor:
        """Two images of noise."""
        return torch.rand(2, 3, *self.size, generator=torch.Generator().manual_seed(0))

    def check_it_is_a_depth_model(self) -> None:
        """Training, export and prediction rely on it."""
        require(isinstance(self.net, DepthModel), f"{type(self.net).__name__} is no depthbench.models.DepthModel")

    @torch.no_grad()
    def check_odd_and_tiny_sizes(self) -> None:
        """Depth has the size of the image, whatever that is."""
        net = self.evaluating()
        for size in ((67, 101), (33, 40)):
            depth = net.predict(self.image()[:1, :, :1, :1].expand(1, 3, *size))
            require(depth.shape == (1, 1, *size), f"of an image of {size} the depth is {tuple(depth.shape)}")
            require(depth.isfinite().all(), f"of an image of {size} the depth is not finite")

    @torch.no_grad()
    def check_images_of_a_batch_do_not_see_each_other(self) -> None:
        """Images are independent in evaluation."""
        net, image = self.evaluating(), self.image()
        torch.testing.assert_close(net(image)[1:], net(image[1:]), rtol=1e-4, atol=1e-5)

    def check_gradients_reach_every_parameter(self) -> None:
        """A parameter without one is never trained."""
        missing = {name for name, _ in self.net.named_parameters()}
        for seed in range(5):  # from some places a rectified unit has none
            missing &= self._without_gradient(seed)
            if not missing:
                return
        raise AssertionError(f"{', '.join(sorted(missing))} gets none")

    def _without_gradient(self, seed: int) -> set[str]:
        net = self.evaluating()  # in training, normalization takes the gradient from biases before it
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            for parameter in net.parameters():  # some start at zero and would hold gradients back
                parameter.add_(0.01 * torch.randn_like(parameter))
        output = net(self.image())
        weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(seed))
        (output * weights).mean().backward()
        found = set()
        for name, parameter in net.named_parameters():
            gradient = parameter.grad
            require(gradient is None or gradient.isfinite().all(), f"that of {name} is not finite")
            if gradient is None or not gradient.any():
                found.add(name)
        return found

    @torch.no_grad()
    def check_depth_keeps_float32_under_autocast(self) -> None:
        """Depth has as many distinct values as in float32: the last layer is a :class:`DepthHead`."""
        net, image = self.evaluating(), self.image()
        plain = net.to_depth(net(image))
        with torch.autocast("cpu", torch.bfloat16):
            output = net(image)
            depth = net.to_depth(output)
        require(output.dtype == depth.dtype == torch.float32, f"the output is {output.dtype}, depth {depth.dtype}")
        heads = sum(isinstance(module, DepthHead) for module in net.modules())
        before, after = (len(set(one.flatten().tolist())) for one in (plain, depth))
        require(after > 0.25 * before, f"{after} depths are left of {before}; it has {heads} DepthHead")

    @torch.no_grad()
    def check_a_copy_with_its_weights_is_the_same_network(self) -> None:
        """Everything that matters is in the state, so that checkpoints hold it."""
        net, image = self.evaluating(), self.image()
        other = copy.deepcopy(net)
        for parameter in other.parameters():
            parameter.add_(0.1)
        other.load_state_dict(net.state_dict())
        torch.testing.assert_close(other(image), net(image), rtol=0, atol=0)

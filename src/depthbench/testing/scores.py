"""Checks that every metric and every protocol must pass."""

import torch
import torch.nn.functional as F
from torch import Tensor

from depthbench.annotations import Annotations
from depthbench.metrics import ImageMetric
from depthbench.protocols import EvalProtocol
from depthbench.testing.checks import Checks, require

_CAMERA = [[40.0, 0, 24], [0, 40.0, 16], [0, 0, 1]]


class MetricChecks(Checks):
    """Checks of a metric of whole images: an :class:`~depthbench.metrics.ImageMetric`.

    Args:
        metric: to be checked.

    Example:
        >>> from depthbench.metrics import MeanSSIM
        >>> MetricChecks(MeanSSIM()).failures()
        {}
    """

    def __init__(self, metric: ImageMetric) -> None:
        self.metric = metric

    @staticmethod
    def maps() -> tuple[Tensor, Tensor, Tensor]:
        """Predictions and truths of three images with walls and steps, holes of which are 0, and intrinsics."""
        generator = torch.Generator().manual_seed(3)
        truth = 2 + torch.linspace(0, 2, 48).expand(3, 1, 32, 48).clone()
        truth[:, :, 10:20, 15:30] -= 1
        prediction = truth * (1 + 0.2 * torch.rand(truth.shape, generator=generator))
        truth = truth * (torch.rand(truth.shape, generator=generator) < 0.9)
        return prediction, truth, torch.tensor(_CAMERA).expand(3, 3, 3)

    @staticmethod
    def annotations(count: int) -> Annotations:
        """Annotations of every kind for so many images, equal for all."""
        inside = torch.zeros(1, 32, 48, dtype=torch.int64)
        inside[:, 10:20, 15:30] = 1
        frame = F.max_pool2d(inside.float(), 3, 1, 1) > inside
        normals = torch.tensor([0.0, 0.3, 1.0]).view(3, 1, 1).expand(3, 32, 48)
        maps = Annotations(frame, inside, inside, None, inside.float(), normals)
        batch = maps.changed(lambda values: values.expand(count, *values.shape))
        return batch._replace(plane_normals=torch.tensor([[0.0, 0.3, 1.0]]).expand(count, 1, 3))

    def scores(self, prediction: Tensor, truth: Tensor, camera: Tensor, parts: int = 1) -> dict[str, Tensor]:
        """Value of the metric after one or several batches."""
        self.metric.reset()
        for prediction_, truth_, camera_ in zip(*(x.chunk(parts) for x in (prediction, truth, camera)), strict=True):
            self.metric.update(prediction_, truth_, None, camera_, self.annotations(len(truth_)))
        found: dict[str, Tensor] = self.metric.compute()
        return found

    def check_batches_do_not_matter(self) -> None:
        """Three batches of one image are one batch of three."""
        whole, parted = self.scores(*self.maps()), self.scores(*self.maps(), parts=3)
        require(set(whole) == {*self.metric.names, "images"}, f"it gives {', '.join(whole)}")
        for name, value in whole.items():
            torch.testing.assert_close(parted[name], value, rtol=1e-6, atol=1e-9, equal_nan=True)

    def check_an_image_without_a_valid_pixel_counts_nothing(self) -> None:
        """Such an image does not enter the mean."""
        prediction, truth, camera = self.maps()
        truth[2] = 0
        without = self.scores(prediction[:2], truth[:2], camera[:2])
        for name, value in self.scores(prediction, truth, camera).items():
            torch.testing.assert_close(value, without[name], rtol=1e-6, atol=1e-9, equal_nan=True)

    def check_holes_have_no_influence(self) -> None:
        """Any prediction there, NaN too."""
        prediction, truth, camera = self.maps()
        wanted = self.scores(prediction, truth, camera)
        for filler in (0.0, 1e6, float("nan")):
            found = self.scores(prediction.where(truth > 0, filler), truth, camera)
            for name, value in found.items():
                torch.testing.assert_close(value, wanted[name], rtol=1e-6, atol=1e-9, equal_nan=True)

    def check_a_prediction_with_a_nan_scores_nan(self) -> None:
        """A NaN must not look like a good prediction."""
        prediction, truth, camera = self.maps()
        prediction[truth > 0] = float("nan")
        found = self.scores(prediction, truth, camera)
        require(all(found[name].isnan() for name in self.metric.names), "it does not")


class ProtocolChecks(Checks):
    """Checks of a protocol, on truths of the size that most are defined on.

    Args:
        protocol: to be checked.
        size: of the truths.

    Example:
        >>> from depthbench.protocols import load_protocol
        >>> ProtocolChecks(load_protocol("eigen")).failures()
        {}
    """

    def __init__(self, protocol: EvalProtocol, size: tuple[int, int] = (480, 640)) -> None:
        self.protocol, self.size = protocol, size

    def truth(self) -> Tensor:
        """Inside of the protocol's range, increasing to the right."""
        low, high = self.protocol.min_depth or 0.1, self.protocol.max_depth or 10.0
        ramp = torch.linspace(low + 0.2 * (high - low), low + 0.8 * (high - low), self.size[1])
        return ramp.expand(1, 1, *self.size).clone()

    def prepared(self, prediction: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Prediction, truth and mask as they are scored."""
        image = torch.full((1, 3, *self.size), 0.5)
        return self.protocol.prepare(prediction, truth, image=image)

    def check_a_perfect_prediction_is_perfect(self) -> None:
        """The scored maps are neither moved nor scaled."""
        prediction, truth, valid = self.prepared(self.truth(), self.truth())
        require(valid.any(), "no pixel of the truth is scored")
        torch.testing.assert_close(prediction[valid], truth[valid], rtol=1e-3, atol=1e-3)

    def check_holes_of_the_truth_are_not_scored(self) -> None:
        """All of them are left out."""
        truth = self.truth()
        full = self.prepared(truth, truth)[2].sum()
        truth[..., ::2] = 0
        left = self.prepared(self.truth(), truth)[2].sum()
        require(0 < left < full, f"{left} of {full} pixels are scored")

    def check_an_empty_truth_is_no_error(self) -> None:
        """An image may have no valid pixel."""
        require(not self.prepared(self.truth(), 0 * self.truth())[2].any(), "it has scored pixels")

    def check_its_range_is_kept(self) -> None:
        """Truth beyond its limits is not scored."""
        truth = self.truth()
        if self.protocol.max_depth is not None:
            truth[..., 300:] = 2 * self.protocol.max_depth
            scored = self.prepared(self.truth(), truth)
            require(scored[1][scored[2]].max() <= self.protocol.max_depth, "a truth beyond max_depth is scored")

    def check_its_name_and_version_say_which_it_is(self) -> None:
        """They stand in every result."""
        require(self.protocol.name and self.protocol.version >= 1, "it has no name, or no version")

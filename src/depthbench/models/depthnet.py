"""Encoder, decoder and depth space, composed."""

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from depthbench.errors import UserError
from depthbench.models.decoders.decoder import Decoder, DepthHead, resize_like
from depthbench.models.depth_spaces import MetricDepth
from depthbench.models.encoder import Encoder
from depthbench.output_kinds import DETERMINED, LeftOpen, OutputKind, trained_kind


class MakesDecoder(Protocol):
    """A decoder class, or a partial of it without the arguments that the encoder gives."""

    def __call__(self, *, channels: Sequence[int], reductions: Sequence[int]) -> Decoder:
        """Make the decoder for features of these channels and reductions."""
        ...


class DepthModel(nn.Module):
    """Base class of depth networks: treats the output; a subclass gives ``forward``.

    Args:
        space: meaning of the first channel of the output.

    Attributes:
        kind: of the output of :meth:`predict`: metric depth, unless training leaves something open.
    """

    def __init__(self, space: MetricDepth) -> None:
        super().__init__()
        self.space = space
        self.kind = OutputKind.METRIC_DEPTH
        self._reading: Literal["metres", "scale", "output"] = "metres"

    def trained_by(self, left_open: frozenset[LeftOpen] = DETERMINED, in_space: bool = False) -> None:
        """Record the changes that the loss does not see; they determine the kind of the prediction.

        Args:
            left_open: of the maps that the loss compares.
            in_space: whether these are outputs; else they are translated into metres.
        """
        compared = (self.space.quantity, self.space.from_zero) if in_space else ()
        self.kind, self._reading = trained_kind(left_open, *compared), "metres"
        if in_space and not self.kind.is_metric:
            self._reading = "scale" if self.kind.unknown == "scale" else "output"

    def forward(self, image: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` RGB in [0, 1] to the output ``(B, C, h, w)`` in its space, at its own size."""
        raise NotImplementedError

    def to_depth(self, output: Tensor) -> Tensor:
        """Translate the first channel of an output of :meth:`forward` into metres ``(B, 1, h, w)``."""
        return self.space.to_depth(output[:, :1])

    def predicted(self, output: Tensor) -> Tensor:
        """Translate the first channel of an output into the quantity of :attr:`kind` ``(B, 1, h, w)``."""
        if self._reading == "metres":
            return self.to_depth(output)
        first = output[:, :1]
        return self.space.up_to_scale(first) if self._reading == "scale" else first.float()

    def predict(self, image: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` RGB in [0, 1] to depth ``(B, 1, H, W)``, float32: metres, or by :attr:`kind`."""
        return resize_like(self.predicted(self(image)), image)


class DepthNet(DepthModel):
    """A depth network.

    Args:
        encoder: gives features from fine to coarse.
        decoder: a decoder class or partial, completed with the encoder's channels and reductions.
        space: meaning of the output; :class:`MetricDepth` by default.
        start_depth: depth in metres at which an untrained network starts, by the bias of the decoder's head; ``None``
            leaves the bias as the decoder made it (the papers' way).
        dropout: probability with which channels of the coarsest feature are dropped, for dropout samples at test time.

    Raises:
        UserError: If ``start_depth`` is given but the head has no bias, or the space no such depth.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: MakesDecoder,
        space: MetricDepth | None = None,
        start_depth: float | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(space or MetricDepth())
        self.encoder = encoder
        self.decoder = decoder(channels=encoder.channels, reductions=encoder.reductions)
        if type(self.decoder.head) is nn.Conv2d:  # somebody's own decoder
            self.decoder.head = DepthHead.of(self.decoder.head)
        self.dropout = nn.Dropout2d(dropout)
        if start_depth is not None:
            self._start_at(start_depth)

    @torch.no_grad()
    def _start_at(self, depth: float) -> None:
        bias = self.decoder.head.bias
        if bias is None:
            raise UserError(f"The head of {type(self.decoder).__name__} has no bias for start_depth; set it to null.")
        try:
            bias[0] = self.space.bias(depth)
        except (ValueError, ZeroDivisionError) as error:  # the logarithm of 0 and the like
            raise UserError(f"start_depth={depth} can't be expressed by {type(self.space).__name__}.") from error

    def forward(self, image: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` RGB in [0, 1] to the output ``(B, C, h, w)`` in its space, at its own size.

        Channels after the first, such as a log-variance, are not depth and stay as the decoder gives them.
        """
        *features, coarsest = self.encoder(image)
        output: Tensor = self.decoder([*features, self.dropout(coarsest)], image)
        if output.shape[1] == 1:
            return self.space.activate(output)
        return torch.cat([self.space.activate(output[:, :1]), output[:, 1:]], dim=1)


class PredictModule(nn.Module):
    """A module for export: its ``forward`` is :meth:`DepthModel.predict`."""

    def __init__(self, net: DepthModel) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` RGB in [0, 1] to depth ``(B, 1, H, W)``: metres, or by :attr:`DepthModel.kind`."""
        return self.net.predict(image)

"""Scores of whole images under many protocols: edges, boundaries, normals, order, points."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from depthbench.annotations import Annotations
from depthbench.errors import UserError
from depthbench.metrics.image.image_metric import ImageMetric, lacks
from depthbench.protocols.equal_work import fit_key
from depthbench.protocols.protocol import EvalProtocol
from depthbench.protocols.regions import Region
from depthbench.protocols.shared_maps import SharedMaps


class Camera(NamedTuple):
    """Intrinsics ``(B, 3, 3)`` in pixels of the images, height and width of these, and the part of the truth shown."""

    intrinsics: Tensor
    size: tuple[int, int]
    covers: Region = "full"


class Structure(nn.Module):
    """Several metrics of structure on each protocol's maps: its region, range, size, limits and alignment.

    Means are over images, whatever the protocol's reduction. Protocols that score the same maps share the work.

    Args:
        metrics: by any names.

    Raises:
        UserError: if two of them have scores of one name, or one scores no single map.
    """

    def __init__(self, metrics: Mapping[str, ImageMetric]) -> None:
        super().__init__()
        others = [type(one).__name__ for one in metrics.values() if not isinstance(one, ImageMetric)]
        if others:
            raise UserError(
                f"{others[0]} scores no single map; update it by itself, or name it in `evaluate structure=`."
            )
        self.metrics = nn.ModuleList(metrics.values())
        self.names = tuple(name for metric in metrics.values() for name in metric.names)
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise UserError(f"Two of the metrics {', '.join(metrics)} give {', '.join(twice)}; leave one out.")

    def _each(self) -> list[ImageMetric]:
        return [metric for metric in self.metrics if isinstance(metric, ImageMetric)]

    def lacking(self, camera: bool, annotations: Annotations | None) -> dict[str, list[str]]:
        """Missing inputs by class of metric, in words; empty if nothing is missing."""
        found = {type(one).__name__: lacks(one, camera, annotations) for one in self._each()}
        return {name: words for name, words in found.items() if words}

    def refuse(self, camera: bool, annotations: Annotations | None, ending: str) -> None:
        """Raise :class:`UserError`, which ends so, if a metric needs anything that a data set lacks."""
        for name, words in self.lacking(camera, annotations).items():
            raise UserError(f"{name} needs {' and '.join(words)}{ending}")

    def sums(
        self,
        protocols: Iterable[EvalProtocol],
        maps: SharedMaps,
        camera: Camera | None = None,
        annotations: Annotations | None = None,
    ) -> dict[str, Tensor]:
        """Sums ``(B, 2 K + 1)`` of each protocol by name, see :class:`~depthbench.metrics.image.ImageMeans`.

        Raises:
            UserError: if a metric needs a camera or annotations and there are none; or as :meth:`EvalProtocol.prepare`.
        """
        known: dict[EvalProtocol, Tensor] = {}
        found = {}
        for protocol in protocols:
            # Predicted edges stay predicted ones: an exchange is a matter of pixels' scores alone.
            sided = replace(protocol, swap_prediction_and_truth=False)
            seen = fit_key(maps.chosen(sided))
            if seen not in known:
                known[seen] = self._sums(sided, maps, camera, annotations)
            found[protocol.name] = known[seen]
        return found

    def _sums(
        self, protocol: EvalProtocol, maps: SharedMaps, camera: Camera | None, annotations: Annotations | None
    ) -> Tensor:
        truth = maps.given(protocol)
        chosen = maps.chosen(protocol)
        prepared = chosen.prepare(maps.predicted(protocol), truth, maps.covers, maps.image, maps.declared)
        intrinsics = None
        if camera is not None:
            size = (truth.shape[-2], truth.shape[-1])
            intrinsics = protocol.intrinsics(camera.intrinsics, camera.size, size, camera.covers)
        known = None if annotations is None else protocol.annotations(annotations)
        totals, counts = [], []
        for metric in self._each():
            own = metric.image_sums(*prepared, intrinsics, known)
            totals.append(own[:, : len(metric.names)])
            counts.append(own[:, len(metric.names) : -1])
        return torch.cat([*totals, *counts, prepared[2].flatten(1).any(1, keepdim=True)], 1)

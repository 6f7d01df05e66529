"""Predictions and truth in, scores out, under any number of protocols at once: for a run's test and for `evaluate`.

Sums of each image are kept and nothing else, so that scores depend neither on the number of processes nor on who asks:

    update (every batch) -> sums, structure_sums -> compute -> ScoredImages -> scores, per_image
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
import torch.distributed as dist
from torch import Tensor, nn

from depthbench.annotations import Annotations
from depthbench.errors import UserError
from depthbench.metrics.functional import per_image_from
from depthbench.metrics.image.image_metric import ImageMeans, ImageMetric, image_scores
from depthbench.metrics.pixel_sums import COLUMNS, EXTENDED_COLUMNS
from depthbench.metrics.scores import States, batch_states, read_states
from depthbench.protocols.alignment import AS_DEPTH, Declared
from depthbench.protocols.image_metrics import Camera, Structure
from depthbench.protocols.misses import MISSES
from depthbench.protocols.protocol import EvalProtocol
from depthbench.protocols.shared_maps import SharedMaps
from depthbench.protocols.shared_pass import shared_sums


@dataclass(frozen=True)
class ScoredImages:
    """Sums of every image under every protocol, in the order of the data set, and the scores that they give.

    Attributes:
        frames: names of the images.
        sums: ``(N, S)`` float64 by protocol, see :func:`~depthbench.metrics.masked_sums`.
        batch_size: images that are added at once; sums of other batches differ in the last bit.
        structure: names of the scores of structure, perhaps none.
        structure_sums: ``(N, 2 K + 1)`` float64 by protocol, see :class:`~depthbench.protocols.Structure`.
        misses: ``(N, 2)`` float64 by protocol: pixels without a prediction, and aligned to 0 or below.
    """

    frames: list[str]
    sums: dict[str, Tensor]
    batch_size: int
    structure: tuple[str, ...] = ()
    structure_sums: dict[str, Tensor] = field(default_factory=dict)
    misses: dict[str, Tensor] = field(default_factory=dict)

    def scores(self, protocol: EvalProtocol) -> dict[str, float]:
        """All scores under a protocol; NaN and infinities as they are.

        Counts are among them: ``images`` averaged, ``images_empty`` without a valid pixel, ``pixels``, ``nonfinite``,
        ``missing`` (not predicted) and ``nonpositive`` (aligned to 0 or below) of these, and ``images_nonfinite``.
        """
        sums = self.sums[protocol.name]
        found = read_states(self._states[protocol.name], protocol.reduction)
        if self.structure:
            means = ImageMeans(self.structure, sync_on_compute=False)
            for batch in torch.split(self.structure_sums[protocol.name], self.batch_size):
                means.update(batch)
            found = means.compute() | found
        found["images_nonfinite"] = (sums[:, COLUMNS.index("nonfinite")] > 0).sum()
        if self.misses:
            found |= dict(zip(MISSES, self.misses[protocol.name].sum(0), strict=True))
        return {name: float(value) for name, value in found.items()}

    @cached_property
    def _states(self) -> dict[str, States]:
        """The states of the metric of each protocol, read for all at once."""
        batches = torch.split(torch.stack(list(self.sums.values())), self.batch_size, 1)
        added = (sum(parts[1:], parts[0]) for parts in zip(*map(batch_states, batches), strict=True))
        return dict(zip(self.sums, zip(*added, strict=True), strict=True))

    def per_image(self, protocol: EvalProtocol) -> dict[str, list[float]]:
        """Scores of each image by name, with ``pixels`` and ``nonfinite``."""
        found = per_image_from(self.sums[protocol.name])
        if self.structure:
            found |= image_scores(self.structure_sums[protocol.name], self.structure)
        return {name: values.tolist() for name, values in found.items()}


class Scorer(nn.Module):
    """Scores of the same predictions under many protocols.

    Protocols that differ in region, comparison, exchange or reduction only are read from one pass over the pixels,
    as are those whose limits don't touch the batch at hand. Numbers equal those of a separate pass for each protocol.
    Nothing waits for the device before :meth:`compute`.

    Args:
        protocols: any number; names must differ.
        structure: metrics of whole images that are scored, too, on the maps that each protocol scores.
        extended: whether the sums of ``functional.EXTENDED_SCORES`` are taken, too, in the same pass.

    Raises:
        UserError: if there is none, or two share a name.

    Example:
        >>> from depthbench.protocols import EvalProtocol, Scorer
        >>> protocol = EvalProtocol(name="up to 4 m", max_depth=4.0)
        >>> scorer = Scorer([protocol])
        >>> truth = torch.tensor([[2.0, 4.0], [3.0, 0.0]]).reshape(1, 1, 2, 2)  # 0 = missing
        >>> scorer.update(1.5 * truth, truth, ["00000"])
        >>> scorer.compute().scores(protocol)["AbsRel"]
        0.5
    """

    def __init__(
        self,
        protocols: Iterable[EvalProtocol],
        structure: Mapping[str, ImageMetric] | None = None,
        extended: bool = False,
    ) -> None:
        super().__init__()
        listed = list(protocols)
        self.protocols = {protocol.name: protocol for protocol in listed}
        if not listed or len(self.protocols) < len(listed):
            raise UserError("Scoring needs at least one protocol, and each name once.")
        self.structure = Structure(structure or {})
        self.extended = extended
        self.reset()

    @property
    def needs_mirrored(self) -> bool:
        """Whether any protocol averages with the prediction of the mirrored image."""
        return any(protocol.flip_average for protocol in self.protocols.values())

    def reset(self) -> None:
        """Forget all batches."""
        self._kept: Tensor | None = None  # (protocols, images and more, sums)
        self._frames: list[str] = []
        self._places: list[int] = []
        self._batch_size = 1

    def update(
        self,
        prediction: Tensor,
        truth: Tensor | Mapping[str, Tensor],
        names: Sequence[str],
        *,
        mirrored: Tensor | None = None,
        covers: str | Sequence[float] = "full",
        camera: Camera | None = None,
        annotations: Annotations | None = None,
        image: Tensor | None = None,
        places: Sequence[int] | None = None,
        declared: Declared = AS_DEPTH,
    ) -> None:
        """Add a batch.

        Args:
            prediction: ``(B, 1, h, w)`` metres.
            truth: ``(B, 1, H, W)`` metres, or both kinds: ``{"filled": ..., "raw": ...}``.
            names: of the images.
            mirrored: prediction of the mirrored image, mirrored back, for protocols with ``flip_average``; by default
                they take the prediction as it is, as for files.
            covers: as in :meth:`EvalProtocol.prepare`.
            camera: for metrics of structure that need it.
            annotations: of the truth, for metrics of structure that need them.
            image: the picture of the whole truth, for protocols that fill borders.
            places: in the data set; by default every process has the next of its own, as
                :class:`~depthbench.data.UnpaddedSampler` shares them.
            declared: the kind of the predictions, where it is not metric depth, and the lines of protocols that fit
                more than an image.

        Raises:
            UserError: as :meth:`EvalProtocol.prepare`; or if a protocol needs a kind of truth, or a metric a camera,
                that is not given.
        """
        maps = SharedMaps(prediction, truth, mirrored, covers, image, declared)
        sums, structure = self.sums(maps), self.structure_sums(maps, camera, annotations)
        rows = [torch.cat([part[name] for part in (sums, structure) if part], 1) for name in self.protocols]
        if not self._frames:
            self._batch_size = max(len(names), 1)
        if places is None:
            rank, world = _process()
            places = [rank + world * count for count in range(len(self._places), len(self._places) + len(names))]
        self._keep(torch.stack(rows))
        self._frames += names
        self._places += places

    def _keep(self, rows: Tensor) -> None:
        """Keep rows in one block: small tensors between the large ones of each batch would scatter the memory."""
        start, end = len(self._frames), len(self._frames) + rows.shape[1]
        if self._kept is None or end > self._kept.shape[1]:
            block = rows.new_zeros(rows.shape[0], max(1024, 2 * end), rows.shape[2])
            if self._kept is not None:
                block[:, :start] = self._kept[:, :start]
            self._kept = block
        self._kept[:, start:end] = rows

    @torch.no_grad()
    def sums(self, maps: SharedMaps) -> dict[str, Tensor]:
        """``masked_sums`` of each protocol by name, and :data:`MISSES` after them, ``(B, S + 2)``."""
        # On a CPU one image after the other: its maps stay in the cache, and fewer limits touch one image than many.
        count = len(maps.prediction)
        step = 1 if maps.prediction.device.type == "cpu" else max(count, 1)
        parts: dict[str, list[Tensor]] = {name: [] for name in self.protocols}
        for start in range(0, max(count, 1), step):
            for name, sums in shared_sums(
                self.protocols.values(), maps.part(slice(start, start + step)), self.extended
            ):
                parts[name].append(sums)
        return {name: torch.cat(sums) for name, sums in parts.items()}

    @torch.no_grad()
    def structure_sums(
        self, maps: SharedMaps, camera: Camera | None = None, annotations: Annotations | None = None
    ) -> dict[str, Tensor]:
        """Sums of the structure's scores of each image by protocol; nothing if there are no such metrics."""
        if not self.structure.names:
            return {}
        return self.structure.sums(self.protocols.values(), maps, camera, annotations)

    def compute(self) -> ScoredImages:
        """The images of all processes in the order of the data set; every process gets the same."""
        if self._kept is None:
            kept = torch.zeros(len(self.protocols), 0, self._width, dtype=torch.float64)
        else:
            kept = self._kept[:, : len(self._frames)].cpu()
        mine = (self._places, self._frames, self._batch_size, kept)
        shares = [mine]
        if dist.is_available() and dist.is_initialized():
            shares = [mine] * dist.get_world_size()
            dist.all_gather_object(shares, mine)
        order = torch.tensor([place for share in shares for place in share[0]], dtype=torch.long).argsort()
        frames = [frame for share in shares for frame in share[1]]
        rows = torch.cat([share[3] for share in shares], 1)[:, order]
        widths = [self._columns, len(MISSES), rows.shape[2] - self._columns - len(MISSES)]
        pixels, misses, structure = torch.split(rows, widths, 2)
        return ScoredImages(
            frames=[frames[place] for place in order.tolist()],
            sums=dict(zip(self.protocols, pixels, strict=True)),
            batch_size=max(share[2] for share in shares),
            structure=self.structure.names,
            structure_sums=dict(zip(self.protocols, structure, strict=True)) if self.structure.names else {},
            misses=dict(zip(self.protocols, misses, strict=True)),
        )

    @property
    def _columns(self) -> int:
        return len(EXTENDED_COLUMNS if self.extended else COLUMNS)

    @property
    def _width(self) -> int:
        return self._columns + len(MISSES) + (2 * len(self.structure.names) + 1 if self.structure.names else 0)


def _process() -> tuple[int, int]:
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1

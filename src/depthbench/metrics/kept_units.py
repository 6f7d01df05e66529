"""Metrics that keep the sums of each image or clip: their scores have intervals and can be compared in pairs."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from depthbench.errors import UserError
from depthbench.stats.image_sums import Array, PerImageSums, scenes_of
from depthbench.stats.intervals import Limits, intervals


class Units(NamedTuple):
    """Images or clips in the order of their names, then of their numbers: whatever processes saw them in which order.

    Attributes:
        names: of the units, empty where none was given.
        rows: sums ``(N, K)`` float64.
    """

    names: list[str]
    rows: Array

    def of(self, chosen: Any) -> "Units":
        """Some of them, by a mask."""
        return Units([name for name, wanted in zip(self.names, chosen, strict=True) if wanted], self.rows[chosen])


class KeptUnits(Metric):
    """Sums of units that the bootstrap draws as a whole: images with all their pairs, clips with all their frames.

    Args:
        width: K, sums of a unit.
        **kwargs: torchmetrics options.
    """

    is_differentiable = False
    full_state_update = False

    def __init__(self, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.kept_rows: list[Tensor] | Tensor
        self.kept_names: list[Tensor] | Tensor
        self.add_state("kept_rows", [], dist_reduce_fx="cat")
        self.add_state("kept_names", [], dist_reduce_fx="cat")

    def keep(self, rows: Tensor, names: Sequence[str] = ()) -> None:
        """Add units.

        Args:
            rows: ``(B, K)``.
            names: of the units; without them pairs of models can't be compared, and scenes are not known.

        Raises:
            UserError: if there are not as many names.
        """
        if names and len(names) != len(rows):
            raise UserError(f"{len(rows)} images or clips have {len(names)} names; give one each, or none.")
        written = "".join(f"{name}\n" for name in names or [""] * len(rows)).encode()
        assert isinstance(self.kept_rows, list) and isinstance(self.kept_names, list)  # noqa: PT018
        self.kept_rows.append(rows.double().flatten().to(self.device))
        self.kept_names.append(torch.tensor(list(written), dtype=torch.uint8, device=self.device))

    def sync(self, *arguments: Any, **keywords: Any) -> None:
        """Gather the units of all processes; one that has seen none has none, of the right type."""
        self.keep(torch.zeros(0, self.width, dtype=torch.float64))
        super().sync(*arguments, **keywords)

    def units(self) -> Units:
        """All that were added, by this process or, within ``compute`` and :meth:`intervals`, by all."""
        rows = _joined(self.kept_rows).double().cpu().numpy().reshape(-1, self.width)
        names = bytes(_joined(self.kept_names).to(torch.uint8).cpu().numpy()).decode().splitlines()
        order = np.lexsort((*rows.T[::-1], np.array(names, dtype=str)))
        return Units([names[place] for place in order], rows[order])

    @abstractmethod
    def read(self, totals: Array, units: int) -> Mapping[str, Array]:
        """Scores by name from sums ``(..., K)`` over so many units."""

    def groups(self, units: Units) -> list[PerImageSums]:
        """The units of each score that they are resampled for; all of them for all scores."""
        return [self.resampling(units)]

    def resampling(self, units: Units) -> PerImageSums:
        """These units as the bootstrap takes them; scenes are drawn where names tell them."""
        named = all(units.names)
        scenes = scenes_of(units.names) if named else None
        names = tuple(units.names) if named else ()
        return PerImageSums(units.rows, self.read, np.ones(len(units.rows)), scenes, names)

    def resampled(self) -> list[PerImageSums]:
        """The images or clips of all processes as the bootstrap takes them, for each score or for all."""
        with self.sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self.sync_on_compute):
            units = self.units()
        return self.groups(units)

    def intervals(self) -> dict[str, Limits]:
        """95 % BCa bootstrap limits over images or clips of all processes, by score; NaN where there is none."""
        return {name: limits for sums in self.resampled() for name, limits in intervals(sums).items()}

    def per_unit(self) -> tuple[list[str], dict[str, Array]]:
        """Names and scores ``(N,)`` of the images or clips, NaN without score, and ``pixels``: how much each weighs."""
        with self.sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self.sync_on_compute):
            units = self.units()
        with np.errstate(invalid="ignore"):
            return units.names, {**self.read(units.rows, 1), "pixels": self.weights(units)}

    def weights(self, units: Units) -> Array:
        """Weight of each unit in the whole: all equal."""
        return np.ones(len(units.rows))


class KeptMeans(KeptUnits):
    """Means over units of named scores that some units may lack.

    Args:
        names: of the K scores; a row holds them (0 where the unit lacks one) and K times 1 or 0 for having it.
        **kwargs: torchmetrics options.
    """

    def __init__(self, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(2 * len(names), **kwargs)
        self.names = tuple(names)

    def read(self, totals: Array, units: int) -> dict[str, Array]:
        """Means over the units that have the score."""
        count = len(self.names)
        with np.errstate(invalid="ignore"):
            found = totals[..., :count] / totals[..., count:]
        return {name: found[..., place] for place, name in enumerate(self.names)}

    def groups(self, units: Units) -> list[PerImageSums]:
        """Units that have a score; resamples of others would have none."""
        return [self.resampling(units.of(np.any(units.rows[:, len(self.names) :] > 0, axis=1)))]

    def compute(self) -> dict[str, Tensor]:
        """Mean of each score over the units that have it, NaN where none has, and ``images``, the number of units."""
        units = self.units()
        found = self.read(units.rows.sum(0), len(units.rows)) | {"images": np.float64(len(units.rows))}
        return {name: torch.as_tensor(value, dtype=torch.float64, device=self.device) for name, value in found.items()}


def _joined(kept: list[Tensor] | Tensor) -> Tensor:
    """A state, which is one tensor after processes have shared theirs."""
    return kept if isinstance(kept, Tensor) else torch.cat(kept) if kept else torch.zeros(0)

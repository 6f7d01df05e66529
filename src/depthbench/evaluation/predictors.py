"""Sources of predictions: files, the network of a run, or other people's networks."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from depthbench.errors import UserError
from depthbench.evaluation.command_line import EvaluateRequest
from depthbench.evaluation.covered_part import check_covers, check_no_crop
from depthbench.evaluation.foreign_maps import ForeignModel, ModelMaps
from depthbench.evaluation.inputs import Input
from depthbench.evaluation.kept_network import KeptNetwork
from depthbench.evaluation.map_cache import MapCache
from depthbench.evaluation.prediction_files import PredictionFiles, check_prediction, missing_pixels
from depthbench.evaluation.prediction_units import check_unit
from depthbench.evaluation.run_network import Network
from depthbench.evaluation.test_set import EvaluationSet, Items
from depthbench.output_kinds import OutputKind
from depthbench.pinhole import Matrix
from depthbench.protocols import Declared, EvalProtocol
from depthbench.protocols.regions import Region, region_box
from depthbench.protocols.scored_maps import crop

_LOOKED_AT = 8  # frames from which the unit is judged


class Predictor(Protocol):
    """Gives maps ``(B, 1, h, w)`` for test frames and, if wanted, for their mirror images, mirrored back.

    Attributes:
        kind: of the output.
        declared: the kind of the maps.
        covers: the part of the truth that predictions show.
        batch_size: frames per call.
    """

    kind: OutputKind
    declared: Declared
    covers: Region
    batch_size: int

    def __call__(self, items: Items, mirror: bool) -> tuple[Tensor, Tensor | None]: ...  # noqa: D102


class Maps(Protocol):
    """One map ``(1, h, w)`` for each test frame, in the quantity of its kind, and the normalized camera, if predicted.

    Attributes:
        kind: of the maps.
        unit: that they were read in; None for metres.
        name: for sentences.
    """

    kind: OutputKind
    unit: float | None

    @property
    def name(self) -> str: ...  # noqa: D102

    def __len__(self) -> int: ...

    def of(self, items: Items, mirror: bool = False) -> Tensor: ...  # noqa: D102

    def camera(self, items: Items) -> Matrix | None: ...  # noqa: D102


class CheckedMaps:
    """Anybody's prediction files or network, checked map by map and as a whole before the first is scored.

    Args:
        files: of all frames of the truth.
        test_set: that they are of.
        protocol: that they will be scored under.
        covers: the part of the truth that they show; None where nobody said it: then they must be able to show all.
        unitless: whether every protocol scales them, so that their unit is nobody's business.
        holes: whether pixels without a prediction are scored, as errors, and not refused.
        mirrors: whether there are maps of mirror images, too, for protocols that average with them.

    Attributes:
        notes: sentences for the reader of the scores.

    Raises:
        UserError: if they seem to be in another unit or not depth; when called, for a fault of one of them.
    """

    batch_size = 1  # sizes may differ

    def __init__(
        self,
        files: Maps,
        test_set: EvaluationSet,
        protocol: EvalProtocol,
        covers: Region | None = None,
        unitless: bool = False,
        holes: bool = False,
        mirrors: bool = False,
    ) -> None:
        self.files, self.protocol, self.test_set, self.mirrors = files, protocol, test_set, mirrors
        self.kind, self.declared = files.kind, Declared(files.kind.quantity, holes)
        self.said, self.covers = covers, "full" if covers is None else covers
        pairs = list(self._pairs(range(0, len(files), max(1, len(files) // _LOOKED_AT))))
        if covers is None and self.kind.unknown in ("", "scale"):  # a shift would hide whether they fit
            check_no_crop(pairs)
        doubt = None  # pairs of points have no unit
        if not test_set.has_pairs:
            doubt = check_unit(pairs, float("inf") if unitless else 5.0, files.unit, self.kind)
        self.notes = [f"{files.name}: {doubt}"] if doubt else []

    def _pairs(self, places: Iterable[int]) -> Iterator[tuple[Tensor, Tensor]]:
        for place in places:
            prediction, shown = self._checked(self.test_set[place])
            yield prediction, shown

    def _checked(self, items: Items, mirror: bool = False) -> tuple[Tensor, Tensor]:
        (name,) = items.names
        true = self.protocol.scored_truth(next(iter(items.truth.values())))
        whole = true.shape[-2], true.shape[-1]
        prediction = self.files.of(items, mirror)
        if self.declared.holes and prediction.numel():
            prediction = prediction.masked_fill(missing_pixels(prediction, self.kind), float("nan"))
        else:
            self._refuse_holes(name, prediction)
        check_covers(name, (prediction.shape[-2], prediction.shape[-1]), whole, self.said)
        return prediction, crop(true, region_box(self.covers, whole))[0]

    def _refuse_holes(self, name: str, prediction: Tensor) -> None:
        try:
            check_prediction(name, prediction, self.kind)
        except UserError as error:
            if not prediction.numel():
                raise
            raise UserError(f"{error} Append missing=error to count them as errors.") from None

    def __call__(self, items: Items, mirror: bool) -> tuple[Tensor, Tensor | None]:
        """One map; flip averaging is not applied to files."""
        device = items.image.device
        plain = self._checked(items)[0][None].to(device)
        return plain, self._checked(items, mirror=True)[0][None].to(device) if mirror and self.mirrors else None


def open_predictor(
    one: Input,
    test_set: EvaluationSet,
    protocols: Sequence[EvalProtocol],
    request: EvaluateRequest,
    device: torch.device,
    model: ForeignModel | None = None,
    cache: MapCache | None = None,
) -> Predictor:
    """The network of a run, prediction files, or anybody's network.

    Args:
        one: the scored input.
        test_set: its test frames.
        protocols: under which it is scored.
        request: of the user.
        device: where the network of a run predicts.
        model: the opened network of an input that has one.
        cache: of its maps; those of a run are kept where the user names a place for them.

    Raises:
        UserError: if it can't be read, or its predictions don't fit the test set.
    """
    options = request.options
    if one.run:
        network = Network(one.run, one.config, device, one.kind)
        # A folder of maps of a run appears only where somebody names it, as a leaderboard does.
        named = options["cache"] not in (None, "", "null")
        return KeptNetwork(network, one.run, cache) if named and cache and cache.folder else network
    unitless, holes = all(protocol.alignment.fit != "none" for protocol in protocols), options["missing"] == "error"
    if model:
        unit = None if any(not other.model and not other.run for other in request.inputs) else request.unit
        maps = ModelMaps(model, test_set, cache or MapCache(None), unit)
        predictor = CheckedMaps(maps, test_set, protocols[0], "full", unitless, holes, mirrors=True)
        predictor.notes[:0] = [*model.notes, *([model.unseen] if model.unseen and maps.cache.folder else [])]
        return predictor
    settings = (one.kind, request.unit, options["key"], options["order"])
    files = PredictionFiles(one.path, test_set.frame_names(), *settings, test_set.picture_names(), one.cameras)
    return CheckedMaps(files, test_set, protocols[0], options["covers"], unitless, holes)

"""Scores of clips (TAE): the frames of a folder in their order, with poses, under every protocol.

Which process sees which clip is decided by clips, not by frames: neighbors are needed together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from rich.progress import track
from torch import Tensor

from depthbench.evaluation.added_scores import AddedScores, gathered
from depthbench.evaluation.batches import camera, is_silent, loader, on_device
from depthbench.evaluation.predictors import Predictor
from depthbench.evaluation.processes import rank_and_world
from depthbench.evaluation.test_set import EvaluationSet, Items
from depthbench.metrics.temporal import pair_errors
from depthbench.protocols import EvalProtocol
from depthbench.protocols.pooled import PooledFits
from depthbench.protocols.shared_maps import SharedMaps

TAE = "TAE"


@dataclass
class _Clip:
    """One clip under one protocol, frame by frame: its errors, and the last frame's values that the next one needs.

    Attributes:
        place: of its first frame with valid truth, at which the score stands; None before.
        errors: of neighbors, both ways.
        last: depth ``(1, H, W)``, intrinsics and pose of the frame before; None where there is none, or no pose.
    """

    place: int | None = None
    errors: list[Tensor] = field(default_factory=list)
    last: tuple[Tensor, Tensor, Tensor] | None = None

    def add(self, place: int, seen: bool, frame: tuple[Tensor, Tensor, Tensor] | None) -> None:
        """The next frame; ``seen``: its truth has a valid pixel."""
        if self.place is None and seen:
            self.place = place
        if self.last is not None and frame is not None:
            depth, intrinsics, poses = (torch.stack(two) for two in zip(self.last, frame, strict=True))
            self.errors.append(pair_errors(depth, intrinsics, poses))
        self.last = frame

    def score(self) -> float:
        """TAE of the clip in percent, NaN where no two neighbors share a pixel."""
        return float(100 * torch.cat(self.errors).nanmean()) if self.errors else float("nan")


def clip_scores(
    name: str,
    predict: Predictor,
    test_set: EvaluationSet,
    protocols: Sequence[EvalProtocol],
    pooled: PooledFits,
    device: torch.device,
) -> dict[str, AddedScores]:
    """TAE by protocol, at the first frame of each clip with valid truth; every process returns the whole.

    Args:
        name: of the input.
        predict: gives its maps.
        test_set: with intrinsics and poses.
        protocols: that align a clip by one fit, or not at all.
        pooled: these fits.
        device: where is computed.
    """
    found: dict[str, dict[int, float]] = {protocol.name: {} for protocol in protocols}
    clips = clips_of(test_set.frame_names())
    mirror = any(protocol.flip_average for protocol in protocols)
    rank, world = rank_and_world()
    for places in track(clips[rank::world], f"Clips of {name}", transient=True, disable=is_silent()):
        states = {protocol.name: _Clip() for protocol in protocols}
        for batch in loader(test_set, 1, places):
            items = on_device(batch, device)
            maps = predict(items, mirror)
            declared = predict.declared._replace(lines=pooled.lines(items.names, device))
            shared = SharedMaps(maps[0], test_set.given(items.truth), maps[1], predict.covers, items.image, declared)
            for protocol in protocols:
                states[protocol.name].add(items.places[0], *_frame(protocol, shared, items, test_set))
        for rules, state in states.items():
            if state.place is not None:
                found[rules][state.place] = state.score()
    return {rules: {TAE: values} for rules, values in gathered(found, len(test_set)).items()}


def _frame(
    protocol: EvalProtocol, maps: SharedMaps, items: Items, test_set: EvaluationSet
) -> tuple[bool, tuple[Tensor, Tensor, Tensor] | None]:
    """Whether a frame's truth counts, and its depth, intrinsics and pose as the protocol crops and aligns it."""
    sided = replace(protocol, swap_prediction_and_truth=False)
    truth, chosen = maps.given(sided), maps.chosen(sided)
    depth, _, valid = chosen.prepare(maps.predicted(sided), truth, maps.covers, maps.image, maps.declared)
    pose, known = test_set.pose(items.places[0]), camera(items)
    if pose is None or known is None:
        return bool(valid.any()), None
    size = (truth.shape[-2], truth.shape[-1])
    intrinsics = sided.intrinsics(known.intrinsics.double(), known.size, size, known.covers)
    return bool(valid.any()), (depth[0], intrinsics[0], pose.to(depth.device))


def clips_of(names: Sequence[str]) -> list[list[int]]:
    """Places of the frames of each clip: those whose names have one folder.

    Example:
        >>> clips_of(["a/0", "b/0", "a/1"])
        [[0, 2], [1]]
    """
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        found.setdefault(name.replace("\\", "/").rpartition("/")[0], []).append(place)
    return list(found.values())


def lacks_clips(test_set: EvaluationSet, protocols: Sequence[EvalProtocol]) -> str | None:
    """Why there is no TAE, in words after "needs"; None where there is one."""
    alone = [one.name for one in protocols if one.alignment.fit != "none" and one.alignment.over == "image"]
    if alone:
        return (
            f"depth that is aligned once for a clip, and {', '.join(alone)} fits each image (protocol.alignment=none, "
            "disparity_sequence, scale_shift_sequence ..., or protocol=video_depth_anything)"
        )
    if test_set[0].intrinsics is None:
        return f"intrinsics of the camera, which {test_set.target} lacks"
    if not any(test_set.pose(place) is not None for place in range(len(test_set))):
        return f"poses of the camera, which {test_set.target} lacks"
    if max(map(len, clips_of(test_set.frame_names()))) < 2:
        return f"clips, and every folder of {test_set.target} holds one frame"
    return None

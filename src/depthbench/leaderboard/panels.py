"""A few frames of a cell as pictures need them: the prediction before and after its alignment, and the line between."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from depthbench.evaluation.evaluate import LookAtInput
from depthbench.evaluation.predictors import Predictor
from depthbench.evaluation.test_set import EvaluationSet
from depthbench.files import whole
from depthbench.protocols import EvalProtocol
from depthbench.protocols.alignment.pixels import FitPixels
from depthbench.protocols.alignment.spaces import in_space

FRAMES = 3
WIDTH = 160  # of a kept picture
POINTS = 300  # of a frame's cloud of prediction against truth


def keep_panels(path: Path, device: torch.device) -> LookAtInput:
    """A function that looks at an input once it is scored, and keeps evenly spaced frames in ``path``.

    Under the first protocol that fits each image, else under the first: ``image (N, h, w, 3)`` uint8 of the scored
    region, ``truth``, ``before`` (in its own quantity) and ``after (N, h, w)`` float32, and where there is a line:
    ``x`` and ``y (N, points)`` in the alignment's space, ``scale`` and ``shift (N,)``.
    """

    def look(predict: Predictor, frames: EvaluationSet, protocols: list[EvalProtocol], names: list[str]) -> None:
        """Keep some frames of a cell."""
        own = [one for one in protocols if one.alignment.over == "image"]
        aligned = [one for one in own if one.alignment.fit != "none"]
        rules = (aligned or own or protocols)[0]
        if rules.alignment.over != "image":
            return
        places = sorted({round(place) for place in np.linspace(0, len(frames) - 1, FRAMES)})
        kept = [_panel(predict, frames, rules, place, device) for place in places]
        columns = {key: np.stack([one[key] for one in kept]) for key in kept[0]} if _alike(kept) else {}
        told = {"protocol": rules.name, "alignment": str(rules.alignment), "space": rules.alignment.space}
        told |= {"quantity": predict.declared.quantity}
        columns |= {key: np.array(value) for key, value in told.items()}
        columns["name"] = np.array([names[place] for place in places])
        with whole(path) as part:
            np.savez_compressed(part, allow_pickle=False, **columns)

    return look


def _alike(kept: list[dict[str, Any]]) -> bool:
    """Frames of several sizes are not kept: pictures stand in one grid."""
    return len({tuple((key, np.shape(value)) for key, value in one.items()) for one in kept}) == 1


@torch.inference_mode()
def _panel(
    predict: Predictor, frames: EvaluationSet, rules: EvalProtocol, place: int, device: torch.device
) -> dict[str, Any]:
    items = frames[place]
    items = items._replace(
        image=items.image.to(device), truth={key: one.to(device) for key, one in items.truth.items()}
    )
    plain, _ = predict(items, False)
    given = frames.given(items.truth)
    truth = rules.scored_truth(given if isinstance(given, Tensor) else given[rules.truth])
    size = (truth.shape[-2], truth.shape[-1])
    top, bottom, left, right = rules.box(size, predict.covers)
    before = rules.fit(plain, truth, predict.covers, items.image)[..., top:bottom, left:right]
    truth = truth[..., top:bottom, left:right]
    after, valid = rules.limited(rules.aligned(before, truth, predict.declared)), rules.mask(truth)
    image = torch.nn.functional.interpolate(items.image, size=size, mode="bilinear", antialias=True)
    image = image[..., top:bottom, left:right]
    step = max(1, -(-image.shape[-1] // WIDTH))
    found = {
        "image": (image[0].permute(1, 2, 0) * 255).round().clamp(0, 255).byte()[::step, ::step],
        "truth": torch.where(valid, truth, 0.0)[0, 0, ::step, ::step].float(),
        "before": before[0, 0, ::step, ::step].float(),
        "after": after[0, 0, ::step, ::step].float(),
    }
    kept = {key: value.cpu().numpy() for key, value in found.items()}
    return kept | _line(rules, before, truth, valid & ~before.isnan(), predict)


def _line(rules: EvalProtocol, before: Tensor, truth: Tensor, valid: Tensor, predict: Predictor) -> dict[str, Any]:
    """Points of prediction against truth in the alignment's space, and the line that was fitted."""
    alignment = rules.alignment
    if alignment.fit == "none" or not bool(valid.any()):
        nothing = np.full(POINTS, np.nan, np.float32)
        return {"x": nothing, "y": nothing, "scale": np.float64(np.nan), "shift": np.float64(np.nan)}
    x = alignment.raised(in_space(before, predict.declared.quantity, alignment.space))
    line = FitPixels(before, truth, valid, predict.declared.quantity).line(alignment)
    y = in_space(torch.where(valid, truth, 1.0), "depth", alignment.space)
    places = valid.flatten().nonzero().flatten()
    chosen = places[torch.linspace(0, len(places) - 1, POINTS, device=places.device).long()]
    told = {"x": x.flatten()[chosen].float().cpu().numpy(), "y": y.flatten()[chosen].float().cpu().numpy()}
    return told | {"scale": np.float64(line.scale.item()), "shift": np.float64(line.shift.item())}

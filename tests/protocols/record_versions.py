"""What every version of every shipped protocol is: its fields, and its scores of a made-up scene.

`python tests/protocols/record_versions.py` adds versions that are not recorded yet, and never changes one that is.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from depthbench.config.compose import config_dir
from depthbench.protocols import EvalProtocol, PairProtocol, Scorer, load_protocol

RECORD = Path(__file__).with_name("versions.json")
KEPT = ("delta1", "AbsRel", "SqRel", "RMSE", "RMSElog", "log10", "pixels")


def shipped() -> list[EvalProtocol]:
    every = [load_protocol(path.stem) for path in sorted((config_dir() / "protocol").glob("*.yaml"))]
    return [one for one in every if not isinstance(one, PairProtocol)]  # tests/evaluation/test_pair_scores.py


def fields(protocol: EvalProtocol) -> dict[str, Any]:
    return json.loads(json.dumps({key: value for key, value in asdict(protocol).items() if key != "version"}))


def scores(protocol: EvalProtocol) -> dict[str, float]:
    """Scores of two images with holes, depths beyond every limit, a prediction of half size and its mirror image's."""
    height, width = scored_size(protocol)
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    waves = np.stack([np.sin(9 * rows + 5 * columns + shift) for shift in (0.0, 2.0)])
    truth = (np.exp(2.5 + 2.2 * waves) - 1.2).clip(0.0, 95.0)[:, None]
    truth[:, :, ::7, ::5] = 0
    noise = np.sin(np.arange(truth.size) * 12.9898).reshape(truth.shape)
    prediction = truth.clip(0.3, 90.0) * np.exp(0.1 + 0.3 * noise)
    half = torch.from_numpy(prediction[..., ::2, ::2]).float()
    mirrored = (0.9 * half.flip(-2)).contiguous()
    scorer = Scorer([protocol])
    scorer.update(half, torch.from_numpy(truth).float(), ["a", "b"], mirrored=mirrored)
    found = scorer.compute().scores(protocol)
    return {name: float(f"{found[name]:.7g}") for name in KEPT}


def scored_size(protocol: EvalProtocol) -> tuple[int, int]:
    """A size of truth on which the protocol is defined."""
    if protocol.region == "make3d_center":
        return 55, 305
    return (375, 1242) if protocol.region in ("garg", "eigen_kitti", "kb+garg") else (480, 640)


if __name__ == "__main__":
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for one in shipped():
        versions = known.setdefault(one.name, {})
        versions.setdefault(str(one.version), {"fields": fields(one), "scores": scores(one)})
    RECORD.write_text(json.dumps(known, indent=1) + "\n")

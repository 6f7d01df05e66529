"""Configurations that try to run programs: the fuzzer of ``tests/config``, on all that the environment can import."""

import json
import subprocess
import sys
from pathlib import Path

from tests.torture import kinds
from tests.torture.summary import Failure, Summary

SCRIPT = Path(__file__).parents[1] / "config" / "gadgets.py"
PACKAGES = ("depthbench", "torch.nn", "torch.optim", "torchmetrics", "albumentations", "pytorch_lightning")


def run(folder: Path) -> Summary:
    """All names of these packages, once."""
    line = [sys.executable, str(SCRIPT), str(kinds.fresh(folder)), "1", *PACKAGES]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        return Summary("gadgets", 1, failures=[Failure(f"the fuzzer failed: {done.stderr[-500:]}", " ".join(line[1:]))])
    report = json.loads(done.stdout.splitlines()[-1])
    again = f"python tests/config/gadgets.py FOLDER 1 {' '.join(PACKAGES)}"
    failures = [Failure(f"{name}: {event}", again) for name, event in report["effects"]]
    numbers = {"names that are allowed": len(report["allowed"]), "calls that were made": report["calls"]}
    return Summary("gadgets", report["tried"], report["tried"], failures, numbers)

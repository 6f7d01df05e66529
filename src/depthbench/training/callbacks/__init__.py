"""What happens beside training: checkpoints, seeds, progress, times, pictures, tables of loss weights."""

from depthbench.training.callbacks.checkpoints import LastCheckpoint, Stopped
from depthbench.training.callbacks.inference_time import InferenceTime
from depthbench.training.callbacks.loss_periods import LossWeights
from depthbench.training.callbacks.panels import Panels
from depthbench.training.callbacks.profiles import Profiles
from depthbench.training.callbacks.status_reporter import StatusReporter
from depthbench.training.callbacks.step_seed import SeedEachStep

__all__ = [
    "InferenceTime",
    "LastCheckpoint",
    "LossWeights",
    "Panels",
    "Profiles",
    "SeedEachStep",
    "StatusReporter",
    "Stopped",
]

"""What happens beside training: checkpoints, seeds, progress, times, pictures, tables of loss weights."""

from depthbench.callbacks.checkpoints import Checkpoints, Stopped
from depthbench.callbacks.inference_time import InferenceTime
from depthbench.callbacks.loss_weights import LossWeights
from depthbench.callbacks.panels import Panels
from depthbench.callbacks.profiles import Profiles
from depthbench.callbacks.progress import Progress
from depthbench.callbacks.step_seed import StepSeed

__all__ = [
    "Checkpoints",
    "InferenceTime",
    "LossWeights",
    "Panels",
    "Profiles",
    "Progress",
    "StepSeed",
    "Stopped",
]

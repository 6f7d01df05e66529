"""Callbacks: checkpoints, seeds, progress, times, pictures, tables of loss weights."""

from depthbench.training.callbacks.best import AverageWeights, BestCheckpoint, StopEarly
from depthbench.training.callbacks.checkpoints import LastCheckpoint
from depthbench.training.callbacks.epoch_loss import EpochLoss
from depthbench.training.callbacks.inference_time import InferenceTime
from depthbench.training.callbacks.loss_periods import LossWeights
from depthbench.training.callbacks.panels import Panels
from depthbench.training.callbacks.process_states import ProcessStates
from depthbench.training.callbacks.profiles import Profiles
from depthbench.training.callbacks.progress_bar import ProgressBar
from depthbench.training.callbacks.pruning import Pruned, Pruning
from depthbench.training.callbacks.status_reporter import StatusReporter
from depthbench.training.callbacks.step_seed import SeedEachStep
from depthbench.training.signals import Stopped

__all__ = [
    "AverageWeights",
    "BestCheckpoint",
    "EpochLoss",
    "InferenceTime",
    "LastCheckpoint",
    "LossWeights",
    "Panels",
    "ProcessStates",
    "Profiles",
    "ProgressBar",
    "Pruned",
    "Pruning",
    "SeedEachStep",
    "StatusReporter",
    "StopEarly",
    "Stopped",
]

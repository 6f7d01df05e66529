"""Loggers of numbers and pictures: always a CSV table in the run folder, others by choice."""

from depthbench.training.loggers.metrics_table import MetricsTable
from depthbench.training.loggers.tensorboard import TensorBoard
from depthbench.training.loggers.trackio import Trackio
from depthbench.training.loggers.wandb import WandB, close_wandb, has_key

__all__ = ["MetricsTable", "TensorBoard", "Trackio", "WandB", "close_wandb", "has_key"]

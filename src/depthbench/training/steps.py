"""A step: one optimizer step of the network, counted from 0, in every row of every logger."""

import pytorch_lightning as pl


def steps_done(trainer: pl.Trainer) -> int:
    """Optimizer steps of the network so far. Lightning's ``global_step`` counts the steps of each optimizer."""
    return trainer.global_step // max(1, len(trainer.optimizers))


def current_step(trainer: pl.Trainer) -> int:
    """The last completed step, from 0: the ``step`` of its logged values."""
    return max(0, steps_done(trainer) - 1)

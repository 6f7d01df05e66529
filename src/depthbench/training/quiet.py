"""Hints of the libraries that do not fit here."""

import logging
import warnings


def silence_hints() -> None:
    """Silence the libraries' hints that do not fit here, each with its reason."""
    # Lightning's greetings and advertisements: the announcement says what runs and where.
    for name in ("pytorch_lightning", "lightning_fabric", "pytorch_lightning.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # The data module chooses the workers.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # Short runs are wanted where they are asked for.
    warnings.filterwarnings("ignore", message=".*is smaller than the logging interval.*")
    # Frozen encoders and the fixed blocks of a stage are meant to be so.
    warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
    # Several nodes are joined by torchrun; a run on one needs no srun.
    warnings.filterwarnings("ignore", message=".*`srun` command is available.*")
    # A training without validation is our user's choice, which its first lines say.
    warnings.filterwarnings("ignore", message=r"Total length of `\w+` across ranks is zero.*")
    # Every process has the same scores already.
    warnings.filterwarnings("ignore", message=".*sync_dist=True.*")
    # torch's and Lightning's own affair.
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")

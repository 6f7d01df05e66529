"""Bringing a prediction to the truth before scoring: fits, spaces, and the alignments of papers by name."""

from depthbench.protocols.alignment.alignment import AS_DEPTH, Alignment, Declared
from depthbench.protocols.alignment.fits import FittedLine
from depthbench.protocols.alignment.named import NAMED, alignment_from

__all__ = ["AS_DEPTH", "NAMED", "Alignment", "Declared", "FittedLine", "alignment_from"]

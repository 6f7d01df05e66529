"""From command line to configuration to objects: composing, allowed targets, identity, mistakes."""

from depthbench.config.compose import config_dir
from depthbench.config.identity import NOT_IDENTITY, fingerprint, identity, matters
from depthbench.config.mistakes import MISTAKES, explain, nearest
from depthbench.config.targets import instantiate

__all__ = [
    "MISTAKES",
    "NOT_IDENTITY",
    "config_dir",
    "explain",
    "fingerprint",
    "identity",
    "instantiate",
    "matters",
    "nearest",
]

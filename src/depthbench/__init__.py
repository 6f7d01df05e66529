"""depthbench: a bench for monocular depth estimation, where one thing is swapped at a time."""

__version__ = "0.1.0"

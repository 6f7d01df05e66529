"""Rooms: a procedural indoor world, so that everything runs with no download."""

from depthbench.rooms.render import Rendered, render

__all__ = [
    "Rendered",
    "render",
]

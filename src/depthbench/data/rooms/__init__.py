"""Rooms: a procedural indoor world, so that everything runs with no download."""

from depthbench.data.rooms.dataset import Rooms
from depthbench.data.rooms.render import Rendered, render

__all__ = ["Rendered", "Rooms", "render"]

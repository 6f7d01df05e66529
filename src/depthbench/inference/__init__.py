"""Depth for photos and videos."""

from depthbench.inference.command_line import Request, Source, read_request

__all__ = [
    "Request",
    "Source",
    "read_request",
]

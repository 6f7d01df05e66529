"""Depth for anybody's photos and videos: what is asked for here; what imports torch is in the modules."""

from depthbench.photos.request import Request, Source, read_request

__all__ = ["Request", "Source", "read_request"]

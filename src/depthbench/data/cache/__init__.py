"""Frames kept: in memory, in files that jobs share, packed by ``prepare cache``."""

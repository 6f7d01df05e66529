"""Decoders, one file per paper."""

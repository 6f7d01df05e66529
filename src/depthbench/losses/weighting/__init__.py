"""Weights of the terms of a loss."""

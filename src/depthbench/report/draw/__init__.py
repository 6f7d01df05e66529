"""Figures and galleries."""

"""Turns downloads into data for training, and checks data: ``depthbench prepare``."""

"""Raw downloads to ready data, and a look at what is ready: ``python -m depthbench.prepare``."""

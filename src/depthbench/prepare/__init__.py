"""Raw downloads to ready data, and a look at what is ready: ``depthbench prepare``."""

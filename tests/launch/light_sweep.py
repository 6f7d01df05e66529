"""A sweep as a user starts it, whose jobs come from the light server and do what LIGHT_JOBS says of their seeds."""

import sys
from pathlib import Path

from depthbench import run
from depthbench.launch.warm.client import WarmServer

WarmServer.command = [sys.executable, str(Path(__file__).parent / "light_server.py")]

if __name__ == "__main__":
    run.command()

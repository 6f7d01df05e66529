"""What the journeys of this folder share: commands as one would type them, and a folder to work in."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def command(*words: object, refused: str = "") -> str:
    """Run `depthbench ...`; it must succeed, or be refused with a sentence that holds the words given."""
    line = [str(word) for word in words]
    return process(["-m", "depthbench", *line], f"depthbench {shlex.join(line)}", refused)


def process(words: list[str], shown: str, refused: str = "") -> str:
    """Run Python with some arguments, and show what it says."""
    print(f"\n$ {shown}", flush=True)
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, flush=True)
    expect(bool(done.returncode) == bool(refused) and refused in done.stderr, f"Ended with status {done.returncode}.")
    return done.stdout


def train(*words: object) -> tuple[Path, str]:
    """One more run: its folder, and what it said."""
    before = set(Path("runs").glob("*/DONE"))
    said = command("run", *words)
    (done,) = set(Path("runs").glob("*/DONE")) - before
    return done.parent, said


def expect(found: bool, told: str) -> None:
    """End with an error unless it is so."""
    if not found:
        raise SystemExit(told)


def start(journey: Callable[[], None], usage: str | None) -> None:
    """Go on the journey in the folder that the command line names."""
    if len(sys.argv) != 2:
        sys.exit(usage)
    place = Path(sys.argv[1])
    place.mkdir(parents=True, exist_ok=True)
    os.chdir(place)
    journey()

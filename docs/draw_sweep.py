"""Draws docs/images/sweep.svg: the table that a sweep shows in a terminal, of a real one over the built-in rooms.

python docs/draw_sweep.py

The sweep of README's first screen, with `trainer=smoke`, one thread and the CPU, is started and drawn when half of its
jobs are done. It goes on to its end.
"""

import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from depthbench.runs.folder import RunFolder
from depthbench.runs.ledger import Ledger

PICTURE = Path(__file__).parent / "images" / "sweep.svg"
CHOICES = ["loss=l1,eigen,berhu,gan", "data.split=795,12k"]
SHORT = ["trainer=smoke", "trainer.limit_train_batches=20", "data.size=[48,64]", "trainer.accelerator=cpu"]
SHORT += ["logger=csv"]
# As rich draws a terminal, but in the reader's own monospaced font: none is fetched.
FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


def drawn(folders: list[RunFolder], title: str) -> str:
    """The ledger's table as a picture."""
    ledger = Ledger()
    ledger.folders = folders
    console = Console(record=True, width=96, file=io.StringIO(), force_terminal=True)
    console.print(ledger.table())
    return console.export_svg(title=title, theme=MONOKAI, code_format=FORMAT, unique_id="sweep")


def main() -> None:
    """Start the sweep, draw it once, wait for its end."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "depthbench.run", "-m", *CHOICES, *SHORT, f"output={name}"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            folders = [RunFolder(path.parent) for path in sorted(Path(name).glob("*/status.json"))]
            states = [folder.status for folder in folders]
            half = sum(status["state"] == "done" for status in states) * 2 >= len(states) > 0
            if half and any("steps" in status for status in states if status["state"] == "running"):
                title = f"depthbench run -m {' '.join(CHOICES)}"
                PICTURE.write_text(drawn(folders, title), encoding="utf-8")
                print(PICTURE)
                break
            time.sleep(0.2)
        if process.wait():
            raise SystemExit("The sweep failed; see its jobs' logs.")


if __name__ == "__main__":
    main()

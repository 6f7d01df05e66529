"""A page over 200 runs: the time and memory to write it, its size, and the time until a browser has opened it.

python benchmarks/report.py [RUNS]

The runs are made up: 25 methods, two amounts of data, the rest seeds; 654 test images each, with panels and profiles.
Writing is CPU time and the greatest memory of a process; opening is the browser's own clock, from navigation to the
end of `load`, the best of five, so that other work on the machine matters little.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.report.conftest import write_run  # noqa: E402

METHODS, LIMIT_SECONDS, LIMIT_BYTES, LIMIT_MEMORY = 25, 2.0, 20e6, 500e6
WRITE = """
import resource, sys
from pathlib import Path
from depthbench.report import read_runs, write_report
write_report(read_runs([sys.argv[1]]), Path(sys.argv[2]), figures=False)
used = resource.getrusage(resource.RUSAGE_SELF)
# Not ru_maxrss, which a new program inherits from the one that started it.
most = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(used.ru_utime + used.ru_stime, int(most) * 1024)
"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PROBE = """<script>addEventListener("load", () => setTimeout(() => {
  document.title = JSON.stringify(performance.getEntriesByType("navigation")[0].loadEventEnd);
}));</script></head>"""


def make_runs(folder: Path, count: int) -> None:
    """Run folders as the bench writes them."""
    for index in range(count):
        loss, split = f"loss{index % METHODS}", ("795", "12k")[index // METHODS % 2]
        write_run(folder, loss=loss, split=split, seed=index // METHODS // 2, images=654)


def opened(page: Path, folder: Path, times: int = 5) -> float | None:
    """Seconds until a browser has loaded the page, the best of several; None where there is no browser."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        return None
    probed = folder / "probed.html"
    probed.write_text(page.read_text(encoding="utf-8").replace("</head>", PROBE, 1), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command += ["--virtual-time-budget=20000", "--dump-dom", probed.as_uri()]
    doms = [subprocess.run(command, capture_output=True, text=True, timeout=180).stdout for _ in range(times)]
    found = [float(title[1]) for dom in doms if (title := re.search(r"<title>([\d.]+)</title>", dom))]
    return min(found) / 1000 if found else None


def main() -> None:
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("runs", nargs="?", type=int, default=200)
    count = command.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_runs(folder / "runs", count)
        page = folder / "page.html"
        # In a process of its own, whose memory nothing else has used.
        command = [sys.executable, "-c", WRITE, str(folder / "runs"), str(page)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        written, memory = float(told[-2]), int(told[-1])
        size, seconds = page.stat().st_size, opened(page, folder)
    numbers = {"runs": count, "written_s": round(written, 1), "memory_bytes": memory, "bytes": size}
    print(json.dumps(numbers | {"opened_s": seconds and round(seconds, 2)}))
    if size > LIMIT_BYTES or (seconds or 0) > LIMIT_SECONDS or memory > LIMIT_MEMORY:
        raise SystemExit(
            f"A page over {count} runs must stay below {LIMIT_BYTES:.0f} bytes, {LIMIT_SECONDS} s to open and "
            f"{LIMIT_MEMORY:.0f} bytes of memory to write."
        )


if __name__ == "__main__":
    main()

"""A server as a sweep starts it, whose jobs do what their folder's name says instead of importing and training."""

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from depthbench.launch.warm import forked, group, server

# As W&B makes it when it is imported, and removes it when its process ends.
PICTURES = tempfile.TemporaryDirectory("pictures")
atexit.register(PICTURES.cleanup)


def rank(folder):
    Path(PICTURES.name, "picture.png").touch()
    Path(folder, f"rank_{os.environ['RANK']}.json").write_text(json.dumps(dict(os.environ)))
    if "failing" in folder.name and os.environ["RANK"] == "1":
        return 7
    if "waiting" in folder.name or "failing" in folder.name:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(75))
        Path(folder, f"ready_{os.environ['RANK']}").touch()
        time.sleep(100)
    return 0


def save(run):
    (run.path / "saved").touch()
    run.update_status(state="interrupted", reason="asked to stop")
    sys.exit(75)


def wait_for_others(run, count):
    while len(list(run.path.parent.glob("*/ready"))) < count:
        time.sleep(0.01)


def job_of_a_sweep(run, kind):
    """Train without training: `save` waits to be stopped, `fail` and `end` wait until two jobs run."""
    with run.lock():
        run.update_status(state="running", reason=None, pid=os.getpid())
        signal.signal(signal.SIGTERM, lambda number, frame: save(run))
        (run.path / "ready").touch()
        if kind == "save":
            time.sleep(100)
        wait_for_others(run, 2)
        if kind == "fail":
            run.update_status(state="failed", reason="No such picture.")
            return 1
        run.update_status(state="done")
        run.write_json("DONE", {"score": 0.5, "seconds": 1})
        return 0


def work(run):
    folder = run.path
    if jobs := os.environ.get("LIGHT_JOBS"):
        return job_of_a_sweep(run, json.loads(jobs)[run.config.seed])
    kind = folder.name.partition("-")[0]
    if kind == "pictures":
        Path(PICTURES.name, "picture.png").touch()
        (folder / "place").write_text(PICTURES.name)
        return 0
    if kind == "tell":
        print("to stdout")
        print("to stderr", file=sys.stderr)
        found = {
            "files": sorted(str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.exists()),
            "environment": dict(os.environ),
            "cwd": str(Path.cwd()),
            "leader": os.getsid(0) == os.getpid(),
            "handler": signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
        }
        (folder / "found.json").write_text(json.dumps(found))
        return 3
    if kind == "group":
        return group.run_group(2, lambda: rank(folder))
    if kind == "saving":
        signal.signal(signal.SIGTERM, lambda number, frame: ((folder / "saved").touch(), sys.exit(75)))
    if kind == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
        (folder / "child").write_text(str(child.pid))
    (folder / "ready").touch()
    time.sleep(100)
    return 0


def main():
    server.import_all = lambda: None
    forked._as_new = lambda: None
    forked._work = work
    group._limit_threads = lambda: None
    if "LIGHT_SERVER_THREAD" in os.environ:
        threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
    server.main()


if __name__ == "__main__":
    main()

"""CPU seconds of a sweep of tiny jobs: each job imports everything itself, against jobs forked from one process."""

import argparse
import platform
import resource
import subprocess
import sys
import tempfile
import time

TINY = [
    "model.encoder.name=test_resnet",
    "model.decoder.widths=[16,8,8,8]",
    "model.encoder.pretrained=false",
    "trainer=smoke",
    "trainer.accelerator=cpu",
    "data.split=8",
    "data.size=[64,64]",
    "data.batch_size=2",
    "data.val_frames=2",
    "data.test_frames=2",
    "data.workers=0",
    "logger=csv",
]


def cpu_seconds(*arguments: str) -> tuple[float, float]:
    """Of a command with all its processes; the second number is by the clock."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "depthbench.run", f"output={folder}", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - begin


def main() -> None:
    """One line per way to start jobs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5)
    jobs = parser.parse_args().jobs
    print(f"{platform.processor() or platform.machine()}, {jobs} jobs of four steps, built-in rooms")
    for name, warm in (("each imports everything", "false"), ("forked from one process", "true")):
        cpu, clock = cpu_seconds("-m", f"seed=range({jobs})", f"launch.warm={warm}", *TINY)
        print(f"{name:<26}{cpu:7.1f} s of CPU, {cpu / jobs:5.2f} a job; {clock:6.1f} s by the clock")


if __name__ == "__main__":
    main()

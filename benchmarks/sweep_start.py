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
    """CPU seconds of a command with all its processes, and seconds by the clock."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "depthbench.run", f"output={folder}", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - begin


WAYS = {
    "each imports everything": ["launch.warm=false"],
    "forked from one process": [],
    "forked, two at once": ["hydra/launcher=parallel", "hydra.launcher.n_jobs=2"],
}


def main() -> None:
    """One line per way to start jobs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5)
    parser.add_argument("--importing", type=int, help="jobs that import everything; as many as --jobs")
    given = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, jobs of four steps, built-in rooms")
    for name, how in WAYS.items():
        jobs = (given.importing or given.jobs) if "launch.warm=false" in how else given.jobs
        cpu, clock = cpu_seconds("-m", f"seed=range({jobs})", *how, *TINY)
        print(
            f"{name:<26}{jobs:4} jobs, of each {cpu / jobs:6.2f} s of CPU, {clock / jobs:6.2f} by the clock", flush=True
        )


if __name__ == "__main__":
    main()

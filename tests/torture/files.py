"""The file fuzzer: sound files of every format are damaged; readers must end in a sentence or in what was stored.

`python -m tests.torture.files COUNT SEED FOLDER [CASE]` prints what it found; with a CASE it reads that one alone, in
this process. A case is a function of seed and number: the same ones are made on every machine.
"""

import contextlib
import hashlib
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from depthbench.errors import UserError
from tests.torture.hdf5_bombs import write_bomb
from tests.torture.more_specimens import MORE
from tests.torture.mutations import Mutation, mutate
from tests.torture.specimens import SPECIMENS as FIRST
from tests.torture.summary import Failure, Summary

SPECIMENS = FIRST | MORE
CPU_SECONDS, ASLEEP_SECONDS = 5.0, 20.0  # of reading one file; a wait for a loaded machine is no sleep
MEMORY = 1 << 30  # bytes above what the process had
_SPARE = 6 << 30  # bytes of addresses above that: a reader that takes more must not take the machine
CHECKED = (".png", ".npz", ".zip", ".gz", ".ckpt", ".bin+", ".jpg")  # formats whose bytes have a checksum, or a grammar
_HDF5 = (".h5", ".hdf5", ".dsp5")
BAD = ("crash", "hang", "memory", "silently wrong", "unclear sentence")


@dataclass(frozen=True)
class Case:
    """One mutation of one file of a specimen, and the outcome."""

    number: int
    specimen: str
    file: str
    mutation: Mutation
    outcome: str
    detail: str = ""


class Bench:
    """Sound files of every specimen in a folder, which one process damages and mends in turn."""

    def __init__(self, root: Path, names: list[str] | None = None) -> None:
        self.root = root
        self.names = names or list(SPECIMENS)
        self.read: dict[str, Callable[[], dict[str, Any]]] = {}
        self.truth: dict[str, dict[str, bytes]] = {}
        self.files: dict[str, list[Path]] = {}
        for name in self.names:
            place = root / name.replace(" ", "-")
            place.mkdir(parents=True)
            self.read[name] = SPECIMENS[name](place)
            self.files[name] = sorted(path for path in place.rglob("*") if path.is_file())
            self.truth[name] = _digests(self.read[name]())

    def choose(self, seed: int, number: int) -> tuple[str, Path, np.random.Generator]:
        """Specimen and file of a case, and the generator that decides what happens to it."""
        rng = np.random.default_rng([seed, number])
        name = self.names[number % len(self.names)]
        return name, self.files[name][rng.integers(len(self.files[name]))], rng

    def run(self, seed: int, number: int, begin: Callable[[str], None]) -> Case:
        """Damage a file, read, mend it."""
        name, path, rng = self.choose(seed, number)
        content = path.read_bytes()
        try:
            mutation = mutate(path, rng, write_bomb)
            begin(f"{name}|{path}|{mutation.kind}")
            outcome, detail = self.judged(name, path, mutation)
            if outcome in BAD:
                _keep(path, self.root.parent / "failures" / str(number))
        finally:
            _mend(path, content)
        return Case(number, name, str(path.relative_to(self.root)), mutation, outcome, detail)

    def judged(self, name: str, path: Path, mutation: Mutation) -> tuple[str, str]:
        """The outcome of reading, and the reason."""
        before, start = _resident(), time.process_time()
        _reset_peak()
        outcome, detail = self._read(name, path, mutation)
        spent, taken = time.process_time() - start, _peak() - before
        if spent > CPU_SECONDS:
            return "hang", f"{spent:.1f} s of CPU, then {outcome} {detail}"
        if taken > MEMORY:
            return "memory", f"{taken >> 20} MiB, then {outcome} {detail}"
        return outcome, detail

    def _read(self, name: str, path: Path, mutation: Mutation) -> tuple[str, str]:
        try:
            found = _digests(self.read[name]())
        except UserError as error:
            told = str(error)
            clear = "\n" not in told and len(told) < 2000 and (str(self.root) in told or name.startswith("cache"))
            return ("sentence" if clear else "unclear sentence"), told[:300]
        except BaseException as error:
            line = traceback.extract_tb(error.__traceback__)[-1]
            return "crash", f"{type(error).__name__}: {str(error)[:200]} ({line.filename}:{line.lineno})"
        truth = self.truth[name]
        other = [key for key in truth if key in found and found[key] != truth[key]]
        if not other:
            return ("equal" if found.keys() == truth.keys() else "other frames"), ""
        if not mutation.accident:
            return "other content", ""
        reason = _undetectable(name, path, mutation)
        return (reason, "") if reason else ("silently wrong", f"{', '.join(other)[:200]} differ")


def _undetectable(name: str, path: Path, mutation: Mutation) -> str:
    """Why nobody could tell that the content is another; empty if the format shows it."""
    suffix = path.suffix.lower()
    if "ground_truth_depth" in path.parts:  # of ETH3D, numbers that are called like a picture
        return "no checksum: plain numbers" if mutation.same_length else ""
    if suffix in (".jpg", ".jpeg"):
        return "" if _complaints(path.read_bytes()) else "no checksum: a JPEG that decoders find sound"
    if suffix == ".avi":
        return "no checksum: video"
    if suffix in (".txt", ".csv", ".yaml", ".json", ".jsonl", ".xml") and not name.startswith("cache"):
        return "no checksum: text"
    if suffix in (".npy", ".pfm", *_HDF5) or (suffix == ".bin" and name == "velodyne"):
        # Their length is told by the header; a scan's is not.
        shown = name == "stack h5 checked" or not (mutation.same_length or suffix in (".bin", *_HDF5))
        return "" if shown else "no checksum: plain numbers"
    if suffix == ".mat" and name[-1] != "7" and name != "make3d":
        return "no checksum: plain numbers"
    return _undetectable_too(name, suffix, mutation)


def _undetectable_too(name: str, suffix: str, mutation: Mutation) -> str:
    """Like the outcome above, for formats whose length is told by their headers, or by nothing."""
    if suffix in (".dpt", ".cam", ".safetensors", ".tar") and mutation.same_length:
        return "no checksum: plain numbers"
    if suffix in (".tif", ".tiff", ".exr"):  # offsets in the file say where pixels are; what lies there is taken
        return "no checksum: pixels" if mutation.kind not in ("cut", "empty", "noise") else ""
    if suffix == ".onnx" or name == "weights old":
        return "no checksum: weights"
    return "no checksum: text" if name == "done" else ""


def _complaints(data: bytes) -> str:
    """The complaints of OpenCV's own decoder, another than the house's, about a JPEG's pixels."""
    if (revision := data.find(b"JFIF\0") + 5) > 4:  # of an unknown one it complains, and then of nothing else
        data = data[:revision] + b"\1" + data[revision + 1 :]
    with tempfile.TemporaryFile() as told:
        kept = os.dup(2)
        os.dup2(told.fileno(), 2)
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        told.seek(0)
        return told.read().decode(errors="replace") if image is not None else "nothing"


def _digests(found: dict[str, Any]) -> dict[str, bytes]:
    return {key: _digest(value) for key, value in found.items()}


def _digest(value: Any) -> bytes:
    if isinstance(value, np.ndarray):
        head = f"{value.shape}{value.dtype}".encode()
        return hashlib.sha1(head + np.ascontiguousarray(value).tobytes()).digest()
    if isinstance(value, dict):
        return b"".join(str(key).encode("utf-8", "backslashreplace") + _digest(part) for key, part in value.items())
    if isinstance(value, tuple | list):
        return b"".join(map(_digest, value))
    return repr(value).encode("utf-8", "backslashreplace")


def _mend(path: Path, content: bytes) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.write_bytes(content)


def _keep(path: Path, place: Path) -> None:
    """The damaged file, where it is one and small."""
    place.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        if path.is_file() and path.stat().st_size < 50_000_000:
            shutil.copy(path, place / path.name)


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) << 10
    return 0


def _resident() -> int:
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _reset_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _work(pipe: Connection, root: Path, seed: int, names: list[str] | None) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries print of damaged files
    limit = _status("VmSize") + _SPARE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    bench = Bench(root, names)
    pipe.send("ready")
    while (number := pipe.recv()) is not None:
        pipe.send(bench.run(seed, number, pipe.send))


class Worker:
    """A child process that reads one damaged file after the other; another takes its place when it dies."""

    def __init__(self, root: Path, seed: int, names: list[str] | None) -> None:
        self.root, self.seed, self.names, self.starts = root, seed, names, 0
        self._start()

    def _start(self) -> None:
        self.starts += 1
        self.number, self.what, self.since, self.spent = -1, "", time.monotonic(), 0.0
        self.last = 0.0
        self.pipe, theirs = multiprocessing.Pipe()
        place = self.root / f"{os.getpid()}-{id(self)}-{self.starts}"
        arguments = (theirs, place, self.seed, self.names)
        self.process = multiprocessing.get_context("fork").Process(target=_work, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def give(self, number: int | None) -> None:
        """The next case; None for no more."""
        self.number, self.what = number if number is not None else -1, ""
        self.pipe.send(number)

    def began(self, what: str) -> None:
        """Note that the file is damaged and reading begins."""
        self.what, self.since = what, time.monotonic()
        self.spent = self.last = self._cpu()

    def overdue(self) -> bool:
        """Whether reading takes too long: of CPU, or asleep."""
        spent, now = self._cpu(), time.monotonic()
        if self._runs() or spent > self.last:
            self.since, self.last = now, spent
        return bool(self.what) and (spent - self.spent > 2 * CPU_SECONDS or now - self.since > ASLEEP_SECONDS)

    def replace(self, outcome: str) -> Case:
        """End the process, which is stuck or dead, and start another one; what it did."""
        name, _, rest = self.what.partition("|")
        path, _, kind = rest.rpartition("|")
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        detail = f"exit status {self.process.exitcode}" if outcome == "crash" else "killed"
        if path:
            _keep(Path(path), self.root / "failures" / str(self.number))
        case = Case(self.number, name, path, Mutation(kind, False), outcome, detail)
        self._start()
        return case

    def _fields(self) -> list[str]:
        try:
            return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ["Z", *"0" * 20]

    def _runs(self) -> bool:
        """Whether it works, or would if the machine let it."""
        return self._fields()[0] == "R"

    def _cpu(self) -> float:
        fields = self._fields()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cases(numbers: range, seed: int, folder: Path, workers: int, names: list[str] | None = None) -> Iterator[Case]:
    """Make cases in child processes and tell what came of each, in any order."""
    left = iter(numbers)
    crew = [Worker(folder, seed, names) for _ in range(workers)]
    busy = {worker.pipe: worker for worker in crew}
    done = 0
    while done < len(numbers) and busy:
        for pipe in wait(list(busy), timeout=1.0):
            worker = busy[pipe]  # type: ignore[index]
            try:
                message = worker.pipe.recv()
            except EOFError:
                busy.pop(worker.pipe)
                if worker.number >= 0:
                    done += 1
                    yield worker.replace("crash")
                    busy[worker.pipe] = worker
                continue
            if isinstance(message, str) and message != "ready":
                worker.began(message)
                continue
            if isinstance(message, Case):
                done += 1
                yield message
            number = next(left, None)
            worker.give(number)
            if number is None:
                busy.pop(worker.pipe)
        for worker in [worker for worker in busy.values() if worker.overdue()]:
            busy.pop(worker.pipe)
            done += 1
            yield worker.replace("hang")
            busy[worker.pipe] = worker
    for worker in crew:
        worker.process.join(5)


def fuzz(
    count: int, seed: int, folder: Path, workers: int = 2, names: list[str] | None = None, first: int = 0
) -> Summary:
    """Damage files and read them.

    Args:
        count: of damaged files.
        seed: decides what happens to them.
        folder: where they are made; files of failures stay in ``failures/CASE`` in it.
        workers: processes.
        names: of the specimens; None for all.
        first: number of the first case.
    """
    folder.mkdir(parents=True, exist_ok=True)
    summary, found = Summary("files", count), Counter[str]()
    for case in cases(range(first, first + count), seed, folder, workers, names):
        summary.done += 1
        found[case.outcome] += 1
        if case.outcome in BAD:
            what = f"{case.outcome}: {case.specimen}, {case.file}, {case.mutation.kind}: {case.detail}"
            command = f"python -m tests.torture.files {count} {seed} FOLDER {case.number}"
            summary.failures.append(Failure(what, command))
    if summary.done < count:
        summary.missing = "The processes ended before all files were read: one of the sound files was not read."
    summary.numbers |= dict.fromkeys(BAD, 0) | dict(sorted(found.items()))
    return summary


def main() -> None:
    """See the module."""
    count, seed, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    if len(sys.argv) > 4:
        print(Bench(folder / "one").run(seed, int(sys.argv[4]), print))
        return
    summary = fuzz(count, seed, folder)
    for failure in summary.failures:
        print(failure.what, failure.reproduction, sep="\n   ")
    print(summary.numbers)


if __name__ == "__main__":
    main()

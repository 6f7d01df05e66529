"""Real small file systems: where one is full a sentence names it, and with room again the same command goes on."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from depthbench.files import PART
from tests.commands import TINY_NET, TINY_RUN
from tests.torture import commands, kinds, victims
from tests.torture.bench import Bench, tail
from tests.torture.summary import Failure, Summary

ROOMY = "64m"
SENTENCES = ("is full", "are free")  # the second of data.cache=disk, which looks before it begins
PAGE = os.sysconf("SC_PAGE_SIZE")
# Rooms of 100 KB in three files, beside a run that fits.
CACHE = [word for word in TINY_RUN if not word.startswith(("data=", "data.scale", "data.split", "protocol"))]
CACHE = ["data=rooms", *CACHE, *TINY_NET, "data.split=4", "data.val=none", "data.test_frames=2", "data.cache=disk",
         "data.workers=0", "trainer.max_epochs=1", "loss=l1"]  # fmt: skip


class Subject(NamedTuple):
    """A command on a small file system: where that is mounted below its place, and what the command leaves."""

    folder: str
    work: Callable[[Path], None]
    left: Callable[[Path], Any]


def subjects(bench: Bench) -> dict[str, Subject]:
    """The subjects by name."""
    plain, sweep = (kinds.arguments(kind, bench.frames) for kind in ("plain", "sweep"))
    found = {
        "run folder": Subject("runs", lambda place: victims.command(plain, place), kinds.left),
        "TMPDIR": Subject("scratch", lambda place: _with_tmpdir(sweep, place), kinds.left),
        "data.cache=disk": Subject("runs/.frames", lambda place: victims.command(CACHE, place), kinds.left),
    }
    for name in commands.COMMANDS:
        do = lambda place, name=name: commands.work(name, place, bench.folder / "whole plain", bench.frames)()  # noqa: E731
        found[name] = Subject("out", do, commands.left)
    return found


def run(bench: Bench, wanted: int, seed: int, names: Sequence[str], only: range | None = None,
        enough: Any = None) -> Summary:  # fmt: skip
    """Each command on file systems that grow in steps, from no free byte to nearly what it needs."""
    summary = Summary("small file systems", wanted)
    refused = _refused(bench.folder / "mounted")
    if refused:
        summary.missing = f"No file system can be mounted here ({refused})."
        return summary
    bench.whole("plain")
    found = subjects(bench)
    steps = -(-wanted // len(found))
    for index in range(wanted):
        name, step = list(found)[index % len(found)], index // len(found)
        if (only and index not in only) or (enough and enough()):
            continue
        whole, most = _undisturbed(bench, name, found[name])
        size = round(most * step / steps / PAGE) * PAGE
        problems, full = torture(bench, found[name], whole, size)
        summary.done += 1
        key = f"times that {name} met the end of its file system"
        summary.numbers[key] = int(summary.numbers.get(key, 0)) + full
        again = f"python -m tests.torture --only tmpfs --tmpfs {wanted} --seed {seed} --case {index}"
        told = f"{name} on {size} bytes of {most}"
        summary.failures += [Failure(f"{told}: {problem}", again) for problem in problems]
        print(f"tmpfs {index + 1}/{wanted}: {told}: {'full' if full else 'enough'} {problems}", flush=True)
    return summary


def torture(bench: Bench, subject: Subject, whole: Any, size: int) -> tuple[list[str], bool]:
    """Problems on a file system with so many free bytes, and whether these were too few."""
    place = kinds.fresh(bench.folder / "small")
    mounted = place / subject.folder
    _mount(mounted, str(size or PAGE))
    filler = mounted / "filler"
    if size == 0:
        filler.write_bytes(bytes(PAGE))
    try:
        code = bench.finish(victims.fork(lambda: subject.work(place), place / "log"))
        filler.unlink(missing_ok=True)
        said = (place / "log").read_text(errors="replace") + tail(place, 400)
        problems = ["a traceback: " + tail(place, 12)] if "Traceback (most recent" in said else []
        if code == 0:
            problems += [f"ended with 0, but {text}" for text in kinds.differences(whole, subject.left(place))]
        else:
            sentences = [line for line in said.splitlines() if any(words in line for words in SENTENCES)]
            problems += [] if sentences else [f"no sentence: {tail(place)}"]
            problems += [] if any(subject.folder in line for line in sentences) else ["the sentence names no place"]
            problems += [f"ended with {code}"] if code is None or code < 0 else []
        problems += _parts(place)
        subprocess.run(["mount", "-o", f"remount,size={ROOMY}", mounted], check=True)
        again = bench.finish(victims.fork(lambda: subject.work(place), place / "log"))
        if again != 0:
            return [*problems, f"with room again it ended with {again}: {tail(place)}"], code != 0
        return [*problems, *kinds.differences(whole, subject.left(place)), *_parts(place)], code != 0
    finally:
        subprocess.run(["umount", "--lazy", mounted], check=False)


_known: dict[str, tuple[Any, int]] = {}


def _undisturbed(bench: Bench, name: str, subject: Subject) -> tuple[Any, int]:
    """The result of a command on a large file system, and bytes that would have done.

    Raises:
        RuntimeError: if it fails.
    """
    if name not in _known:
        place = kinds.fresh(bench.folder / "large")
        _mount(place / subject.folder, ROOMY)
        try:
            code = bench.finish(victims.fork(lambda: subject.work(place), place / "log"))
            if code:
                raise RuntimeError(f"The undisturbed '{name}' failed with {code}: {tail(place)}")
            # What is written anew lies there twice for a moment.
            _known[name] = (
                subject.left(place),
                max(8 * PAGE, round(1.6 * shutil.disk_usage(place / subject.folder).used)),
            )
        finally:
            subprocess.run(["umount", "--lazy", place / subject.folder], check=False)
    return _known[name]


def _with_tmpdir(arguments: Sequence[str], place: Path) -> None:
    tempfile.tempdir = None
    victims.command(arguments, place, {"TMPDIR": str(place / "scratch")})


def _mount(folder: Path, size: str) -> None:
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True, capture_output=True)


def _refused(folder: Path) -> str:
    """Why file systems can't be mounted here; empty where they can."""
    try:
        _mount(folder, ROOMY)
        subprocess.run(["umount", folder], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        return error.stderr.decode(errors="replace").strip()
    except OSError as error:
        return str(error)
    return ""


def _parts(place: Path) -> list[str]:
    return [f"left half-written: {path.relative_to(place)}" for path in place.rglob(f"{PART}*")]

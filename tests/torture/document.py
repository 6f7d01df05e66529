"""The page that a campaign leaves: date, commit, seed, machine, counts, and failures with what reproduces them."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.torture.summary import Failure, Summary

HEAD = """# Torture

What `make torture` found: runs killed at random instants and at every file-system event, full disks (at every write,
and real file systems that are too small), damaged run folders, W&B servers that fail, signals, several sweeps on one
folder, foreign files, configurations that try to run programs.
`python -m tests.torture --help` says how to repeat it, whole or in parts. It writes this page.

"""
SHOWN = 12  # failures of a part


def save(folder: Path, summary: Summary, seed: int) -> None:
    """Keep what a part found, so that a campaign may run part by part."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {"seed": seed, "commit": commit(), "date": time.strftime("%Y-%m-%d"), **asdict(summary)}
    (folder / f"{summary.name.replace(' ', '-')}.json").write_text(json.dumps(told, indent=1) + "\n")


def page(folder: Path) -> str:
    """The page of all parts that were kept in a folder."""
    parts = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    text = HEAD + f"{machine()}\n\n"
    text += "| part | done | asked for | failures | seed | commit | date |\n|---|---:|---:|---:|---:|---|---|\n"
    for part in parts:
        keys = ("name", "done", "wanted")
        text += f"| {' | '.join(str(part[key]) for key in keys)} | {len(part['failures'])} | {part['seed']} "
        text += f"| {part['commit']} | {part['date']} |\n"
    return text + "".join(_section(part) for part in parts)


def _section(part: dict) -> str:
    summary = Summary(**{key: part[key] for key in ("name", "wanted", "done", "numbers", "missing")})
    failures = [Failure(**failure) for failure in part["failures"]]
    text = f"\n## {summary.name[0].upper()}{summary.name[1:]}\n"
    if summary.numbers:
        text += "\n" + "".join(f"- {name}: {value}\n" for name, value in summary.numbers.items())
    text += f"\n{summary.missing}\n" if summary.missing else ""
    for failure in failures[:SHOWN]:
        text += f"\n- {' '.join(failure.what.split())[:400]}\n\n      {failure.reproduction}\n"
    return text + (f"\n... and {len(failures) - SHOWN} more.\n" if len(failures) > SHOWN else "")


def machine() -> str:
    """The machine in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Machine: {platform.system()} on {platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, no GPU used; "
        f"Python {platform.python_version()}."
    )


def commit() -> str:
    """The commit of the working tree, with a star where it was changed."""
    told = ["git", "describe", "--always", "--dirty=*", "--exclude=*"]
    return subprocess.run(told, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def print_summaries(summaries: Sequence[Summary]) -> None:
    """A line per part."""
    for summary in summaries:
        told = f"{summary.name}: {summary.done} of {summary.wanted}, {len(summary.failures)} failures"
        print(f"{told}. {summary.missing}", flush=True)

"""One part of the raw NYUv2 made into pairs, and the lists when it was the last."""

import time
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from omegaconf import DictConfig

from depthbench.cli import duration
from depthbench.config.amounts import evenly_spaced
from depthbench.cores import cores
from depthbench.data.manifest import names_hash
from depthbench.errors import UserError
from depthbench.prepare.common import with_progress
from depthbench.prepare.nyu_lists import merge, write_part
from depthbench.prepare.nyu_pairs import PairForm, claim_sources, make_pairs
from depthbench.prepare.nyu_scenes import RawFrame, find_frames, training_places
from depthbench.runs.folder import Busy, RunFolder


def prepare(config: DictConfig) -> None:
    """One part of the work, and the lists if no other part is missing.

    Args:
        config: as ``conf/nyu_raw.yaml``.

    Raises:
        UserError: for a mistake in it or in the files that it names; OSError if the disk is full.
    """
    form = PairForm(config.crop, config.fill, config.image, config.quality, config.max_gap)
    shard, shards, workers = _numbers(config)
    output, raw = Path(config.output).expanduser(), Path(config.raw).expanduser()
    every = find_frames(raw, training_places(str(config.scenes)))
    chosen = every if config.split is None else [every[index] for index in evenly_spaced(len(every), config.split)]
    whole = names_hash(frame.name for frame in chosen)
    mine = chosen[shard * len(chosen) // shards : (shard + 1) * len(chosen) // shards]
    part = f" as part {shard} of {shards}" if shards > 1 else ""
    there = f"{len(every):,} frames in {len({frame.scene for frame in every})} scene folders"
    print(f"{there}; {len(mine):,} to do{part}, {workers} at a time.", flush=True)
    form.claim(output)
    folder = RunFolder(output / "parts" / f"{shard}-of-{shards}")
    folder.path.mkdir(parents=True, exist_ok=True)
    try:
        with folder.lock():
            scenes = {frame.scene for frame in mine}
            for scene, frames in groupby(every, key=attrgetter("scene")):
                if scene in scenes:
                    claim_sources(list(frames), output)
            names, left_out = _make(mine, form, output, workers)
            write_part(folder, names, left_out, config.split, whole)
    except Busy as error:
        raise UserError(str(error)) from None
    print(merge(output, form, shards, config.split, whole))


def _make(frames: Sequence[RawFrame], form: PairForm, output: Path, workers: int) -> tuple[list[str], dict[str, str]]:
    """Create missing pairs, with a message; returns names of existing pairs and reasons for skipped ones."""
    missing = [frame for frame in frames if not all(path.is_file() for path in form.files(frame.name, output))]
    start = time.monotonic()
    outcomes = with_progress(make_pairs(missing, form, output, workers), len(missing), "pairs")
    problems = {outcome.name: outcome.problem for outcome in outcomes if outcome.problem}
    made, spent = len(missing) - len(problems), duration(time.monotonic() - start)
    print(f"{made:,} made in {spent}, {len(frames) - len(missing):,} were there, {len(problems):,} left out.")
    for problem in list(problems.values())[:5]:
        print(f"  {problem}")
    return [frame.name for frame in frames if frame.name not in problems], problems


def _numbers(config: DictConfig) -> tuple[int, int, int]:
    """Shard, shards and workers, checked."""
    workers = cores() if config.workers == "auto" else config.workers
    for key, value, least in (("shards", config.shards, 1), ("shard", config.shard, 0), ("workers", workers, 1)):
        if not isinstance(value, int) or value < least:
            raise UserError(f"{key}={value} is not a whole number of {least} or more.")
    if config.shard >= config.shards:
        raise UserError(f"shard={config.shard} is not one of {config.shards}; they count from 0.")
    return config.shard, config.shards, workers

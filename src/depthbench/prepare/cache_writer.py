"""One part of a cache of a data set, written so that whatever stops it, it goes on."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from depthbench.config.mistakes import explain
from depthbench.config.targets import instantiate
from depthbench.data.cache.packed import CARRIED, FORMAT, UNITS, FrameRecord, encode_frame, read_index
from depthbench.data.frame import Frame
from depthbench.data.manifest import names_hash
from depthbench.errors import UserError
from depthbench.files import read_json, told_unwritable, write_atomically
from depthbench.input_files import read_text
from depthbench.prepare.common import in_order, with_progress


class Writer:
    """One part of a cache.

    Args:
        output: the folder.
        part: ``train`` or ``test``.
        settings: resolved configuration of the data set.
        quality: see :func:`encode_frame`.

    Raises:
        UserError: if the folder holds this part of something else.
    """

    def __init__(self, output: Path, part: str, settings: dict[str, Any], quality: int = 0) -> None:
        self.data, self.index, self.manifest = (output / f"{part}.{ending}" for ending in ("bin", "jsonl", "json"))
        self.part, self.settings, self.quality = part, settings, quality
        self.claim, self.frames = output / f"{part}.claim", output / f"{part}.frames"
        wanted = json.dumps({"settings": settings, "quality": quality}, sort_keys=True)
        if not self.claim.exists():
            if self.manifest.exists() or self.data.exists():
                raise UserError(f"{output} holds another {part} part; give another output folder, or empty it.")
            write_atomically(self.claim, wanted)
        if read_text(self.claim) != wanted:
            raise UserError(f"{output} was begun with other settings; give another output folder, or empty it.")

    def write(self, skip: bool = False, workers: int = 1) -> str:
        """Write the missing frames; returns a sentence about the work.

        Raises:
            UserError: for a damaged frame unless they are skipped, or if the disk is full.
        """
        if self.manifest.exists():
            if (source := self._source()) is not None:
                self._check_frames(source)
            return f"{self.part}: {read_json(self.manifest)['count']:,} frames are there already."
        dataset: Dataset[Frame] = instantiate(self.settings)
        with told_unwritable(self.data):
            self._check_frames(dataset)
            return self._go_on(dataset, skip, workers)

    def _source(self) -> Dataset[Frame] | None:
        """The data set of a finished cache; None where it is gone."""
        try:
            found: Dataset[Frame] = instantiate(self.settings)
        except UserError:
            return None
        return found

    def _check_frames(self, dataset: Dataset[Frame]) -> None:
        """Refuse to go on with a data set that has other frames than at the start: frames are found by their place."""
        names = getattr(dataset, "names", None)
        if names is None:
            return
        known = names_hash(names)
        if not self.index.exists():
            write_atomically(self.frames, known)
        elif self.frames.exists() and read_text(self.frames) != known:
            raise UserError(
                f"{self.data.parent} was begun with other frames of {self.part}; give another output folder, or "
                "empty it."
            )

    def _go_on(self, dataset: Dataset[Frame], skip: bool, workers: int) -> str:
        count = len(dataset)  # type: ignore[arg-type]
        records, damaged, end = self._resume()
        done = len(records) + len(damaged)
        units = [*UNITS, *([self.settings["scale"]] if self.settings.get("scale") else [])]

        def load(index: int) -> tuple[FrameRecord, bytes] | str:
            try:
                return encode_frame(dataset[index], 0, self.quality, units)
            except UserError as error:
                if not skip:
                    raise
                return explain(error)

        with self.data.open("ab") as file, self.index.open("a") as index:
            frames = in_order(load, range(done, count), workers)
            for made in with_progress(frames, count - done, self.part):
                if isinstance(made, str):
                    damaged.append(made)
                    index.write(json.dumps({"damaged": made}) + "\n")
                    continue
                record, content = made[0]._replace(start=end), made[1]
                if shutil.disk_usage(self.data.parent).free < len(content) + (1 << 20):
                    raise UserError(
                        f"The disk of {self.data} is full; free some space and run the same command; it continues "
                        "where it stopped."
                    )
                file.write(content.ljust(record.end - end, b"\0"))
                file.flush()  # before the line that promises it
                index.write(json.dumps(record._asdict()) + "\n")
                index.flush()
                records.append(record)
                end = record.end
        carried = {key: getattr(dataset, key, None) for key in CARRIED}
        return self._finish(records, damaged, end, carried)

    def _resume(self) -> tuple[list[FrameRecord], list[str], int]:
        """Frames that an earlier start wrote completely; the rest is cut off."""
        if not self.index.exists():
            self.data.unlink(missing_ok=True)
            return [], [], 0
        with self.index.open("r+b") as lines:
            lines.truncate(lines.read().rfind(b"\n") + 1)
        records, damaged = read_index(self.index)
        end = records[-1].end if records else 0
        self.data.touch()
        if self.data.stat().st_size < end:
            raise UserError(f"{self.data} is shorter than {self.index} says; delete both and start again.")
        with self.data.open("r+b") as file:
            file.truncate(end)
        return records, damaged, end

    def _finish(self, records: list[FrameRecord], damaged: list[str], end: int, carried: dict[str, str | None]) -> str:
        if not records:
            raise UserError(f"Not one frame of the {self.part} part can be read, first: {damaged[0]}")
        names = hashlib.sha256("\n".join(record.name for record in records).encode("utf-8", "surrogateescape"))
        content = {
            "format": FORMAT,
            "count": len(records),
            "bytes": end,
            "index_sha256": hashlib.sha256(self.index.read_bytes()).hexdigest(),
            "names_sha256": names.hexdigest(),
            "damaged": damaged,
            "quality": self.quality,
            "data": self.settings,
            **carried,
        }
        write_atomically(self.manifest, json.dumps(content, indent=1) + "\n")
        summary = f"{self.part}: {len(records):,} frames, {end / 1e6:,.0f} MB ({end / len(records) / 1e3:,.0f} kB each)"
        return summary + (f"; {len(damaged):,} damaged left out, first: {damaged[0]}" if damaged else ".")

"""``depthbench prepare cache``: any data set, resized once, in files that are read without decoding."""

from collections.abc import Sequence
from pathlib import Path

from depthbench.cli import next_step
from depthbench.config.needed_files import check_root
from depthbench.cores import cores
from depthbench.errors import UserError
from depthbench.files import told_unwritable
from depthbench.prepare.common import choose_data, positive_int
from depthbench.runs.folder import RunFolder

HELP = """A resized copy of a data set, for fast training and small disks.

  depthbench prepare cache data=nyu_sync data.root=FOLDER data.size=[240,320] output=CACHE
  depthbench run data=cached data.root=CACHE ...

  data=...           any data set, with its settings: depthbench run --help
  output=FOLDER      gets train.bin, train.jsonl, train.json and the same of the test
  quality=0          every pixel as it was; quality=95 keeps pictures as JPEG and deflates depth: smaller, slower
  on_error=stop      or skip: damaged frames are left out and listed
  workers=4          threads; one per core otherwise

Pictures have data.size; the depth of the test keeps the sensor's size. Started again, it goes on where it was."""

OWN = {"output": "", "quality": "0", "on_error": "stop", "workers": ""}


def main(arguments: Sequence[str]) -> None:
    """The command.

    Raises:
        UserError: for a mistake in the arguments, a damaged frame, or a full disk.
        Busy: if another process is writing into the folder.
    """
    options, parts, config = choose_data(arguments, OWN | {"workers": str(cores())})
    quality, workers = positive_int(options, "quality", 0), positive_int(options, "workers")
    if quality > 100:
        raise UserError(f"quality={quality} is not a JPEG quality; give 1 to 100, or 0 to store pixels without loss.")
    if options["on_error"] not in ("stop", "skip"):
        raise UserError(f"on_error={options['on_error']} is unknown; choose stop or skip.")
    if not options["output"]:
        raise UserError("The folder of the cache is missing: append output=FOLDER.")
    output = Path(options["output"]).expanduser()
    if not all((output / f"{part}.json").exists() for part in parts):
        check_root(config)
    # Here and not above: torch takes seconds to import, and help or a mistake should be reported at once.
    from depthbench.prepare.cache_writer import Writer

    with told_unwritable(output):
        output.mkdir(parents=True, exist_ok=True)
    with RunFolder(output).lock():
        for part, settings in parts.items():
            writer = Writer(output, part, settings, quality)
            print(writer.write(skip=options["on_error"] == "skip", workers=workers), flush=True)
    next_step("run", "data=cached", f"data.root={output}")

"""``depthbench prepare manifest``: which frames a choice of data holds, as a list, a number and a hash."""

import json
from collections.abc import Sequence
from pathlib import Path

from depthbench.config.needed_files import check_root
from depthbench.config.targets import instantiate
from depthbench.files import write_atomically
from depthbench.prepare.common import choose_data, run_next

HELP = """Which frames a choice of data holds, in the order in which they are numbered.

  depthbench prepare manifest data=nyu_labeled data.root=FOLDER data.split=795 output=FOLDER

  data=...           any data set, with its settings: depthbench run --help
  output=FOLDER      gets train.txt and test.txt (names, one per line) and manifest.json; otherwise it is only told

The hash is the one that a run keeps in data.json: equal hashes, equal frames. It is also `sha256sum` of the list."""

OWN = {"output": ""}


def main(arguments: Sequence[str]) -> None:
    """The command.

    Raises:
        UserError: for a mistake in the arguments or the data set.
    """
    options, parts, config = choose_data(arguments, OWN)
    check_root(config)
    # Here and not above: torch takes seconds to import, and help or a mistake should be reported at once.
    from depthbench.data.manifest import describe

    frames = {part: instantiate(settings) for part, settings in parts.items()}
    records = {part: describe(held) for part, held in frames.items()}
    for part, record in records.items():
        print(f"{part}: {record['count']:,} frames of {record['data']}, {record.get('names_sha256', 'without names')}")
    if options["output"]:
        output = Path(options["output"]).expanduser()
        output.mkdir(parents=True, exist_ok=True)
        for part, held in frames.items():
            write_atomically(output / f"{part}.txt", "\n".join(getattr(held, "names", [])))
        write_atomically(output / "manifest.json", json.dumps(records, indent=1) + "\n")
    run_next(arguments, OWN)

"""The network of a run as a file for other programs. See ``--help``."""

import sys
from collections.abc import Sequence
from pathlib import Path

from depthbench.cli import BEGINS_ANEW, asks_for_help, command_line, exit_status, read_options
from depthbench.errors import UserError
from depthbench.inference.command_line import network_size
from depthbench.runs.lookup import trained_run

HELP = """The network of a run as ONNX, for programs without this package.

  depthbench export run=runs/FOLDER output=net.onnx

  run=FOLDER     or latest, or the hash at the end of a folder's name
  output=FILE    ends in .onnx
  size=240,320   height and width of the images; by default the run's data.size

The file's input is `image`: (B, 3, H, W) RGB in [0, 1], of any number of images and exactly this size. Its output is
`depth`: (B, 1, H, W) in metres. Where onnxruntime is installed, it is run and compared with the network."""

OPTIONS = {"run": "", "output": "", "size": ""}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: 0, or one sentence and 2 for a user's mistake."""
    arguments = command_line(arguments)
    if not arguments or asks_for_help(arguments):
        print(HELP)
        return 0
    return exit_status(lambda: export(arguments), BEGINS_ANEW)


def export(arguments: Sequence[str]) -> None:
    """Read what is asked for, and answer it.

    Raises:
        UserError: for a mistake in it.
    """
    options = read_options(arguments, OPTIONS, needed=("run", "output"))
    folder, path = trained_run(options["run"]), Path(options["output"]).expanduser()
    height, width = network_size(options["size"], folder.config)
    if path.suffix != ".onnx" or path.is_dir():
        raise UserError(f"output={path} is not the name of an ONNX file; end it in .onnx.")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Here and not above: torch takes seconds to import, and help or a mistake should be told at once.
    from depthbench.inference.export import export_onnx

    told = export_onnx(folder, path, (height, width))
    print(f"{path}: image (B, 3, {height}, {width}) to depth (B, 1, {height}, {width}) in metres; {told}.")


if __name__ == "__main__":
    sys.exit(main())

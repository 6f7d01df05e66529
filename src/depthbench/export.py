"""The network of a run as a file for other programs. See ``--help``."""

import sys
from collections.abc import Sequence
from pathlib import Path

from depthbench.cli import BEGINS_ANEW, asks_for_help, command_line, exit_status, read_options
from depthbench.errors import UserError
from depthbench.inference.command_line import network_size
from depthbench.runs.folder import RunFolder
from depthbench.runs.lookup import trained_run

HELP = """The network of a run as a file for programs without this package.

  depthbench export run=latest output=net.onnx

  run=FOLDER     or latest, or the hash at the end of a folder's name
  output=FILE    net.onnx, net.pt2, or a folder for format=safetensors
  format=onnx    or pt2 (torch.export), or safetensors (weights, configuration and a card, for depthbench.load and
                 the hub); by default the one that the name of the output says
  size=240,320   height and width of the images; by default the run's data.size
  precision=fp32 or fp16, or int8 (of ONNX): their cost in AbsRel is measured on test frames of the run and printed;
                 of safetensors fp16 halves the file, and the loaded network computes in float32
  push=USER/NAME uploads format=safetensors to the hub, too

Input of ONNX and pt2 is `image`: (B, 3, H, W) RGB in [0, 1], output `depth`: (B, 1, H, W) in metres, for any number of
images, and for images of any size where the network can be written so; else of exactly the given size. The file is
compared with the network before it gets its name."""

OPTIONS = {"run": "", "output": "", "format": "", "size": "", "precision": "fp32", "push": ""}
SUFFIXES = {".onnx": "onnx", ".pt2": "pt2", "": "safetensors"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: 0, or one sentence and 2 for a user's mistake."""
    arguments = command_line(arguments)
    if not arguments or asks_for_help(arguments):
        print(HELP)
        return 0
    return exit_status(lambda: export(arguments), BEGINS_ANEW)


def export(arguments: Sequence[str]) -> None:
    """Read the request and answer it.

    Raises:
        UserError: for a mistake in it.
    """
    options = read_options(arguments, OPTIONS, needed=("run", "output"))
    folder, path = trained_run(options["run"]), Path(options["output"]).expanduser()
    kind, precision = _format(path, options["format"]), options["precision"]
    if precision not in ("fp32", "fp16", "int8"):
        raise UserError(f"precision={precision} is unknown; choose fp32, fp16 or int8.")
    if (precision != "fp32" and kind == "pt2") or (precision, kind) == ("int8", "safetensors"):
        raise UserError(f"precision={precision} is of ONNX files; end output in .onnx.")
    if options["push"] and kind != "safetensors":
        raise UserError("push uploads format=safetensors; give output=FOLDER.")
    if kind == "safetensors":
        _save(folder, path, precision, options["push"])
        return
    size = network_size(options["size"], folder.config)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Here and not above: torch takes seconds to import, and help or a mistake should be reported at once.
    from depthbench.inference.exported.write import write_file

    print(f"{path}: {write_file(folder, path, kind, size, precision)}.")


def _format(path: Path, asked: str) -> str:
    by_name = SUFFIXES.get(path.suffix.lower())
    kind = asked or by_name
    if kind is None or (asked and asked not in SUFFIXES.values()):
        raise UserError(f"output={path} is not a file of a known format; end it in .onnx or .pt2, or give a folder.")
    wrong = by_name != kind if kind != "safetensors" else path.is_file() or by_name in ("onnx", "pt2")
    if wrong or (kind != "safetensors" and path.is_dir()):
        raise UserError(f"output={path} does not suit format={kind}; end it in .onnx or .pt2, or give a folder.")
    return kind


def _save(run: RunFolder, path: Path, precision: str, push: str) -> None:
    from depthbench.inference.exported.write import write_folder

    network, words = write_folder(run, path, precision)
    print(f"{path}: {words}; depthbench.load reads it.")
    if push:
        print(f'Uploaded: depthbench.load("{network.push_to_hub(push, half=precision == "fp16")}").')


if __name__ == "__main__":
    sys.exit(main())

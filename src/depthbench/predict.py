"""Depth for your own photos and videos, by the network of a run or anybody's. See ``--help``."""

import sys
from collections.abc import Sequence

from depthbench.cli import GOES_ON, asks_for_help, command_line, exit_status
from depthbench.inference import read_predict_request

HELP = """Depth for your own photos and videos, by the network of a run or anybody's.

  depthbench predict run=runs/FOLDER input=PHOTO|VIDEO|FOLDER output=FOLDER

  run=FOLDER          or latest, or the hash at the end of a folder's name
  model=SOURCE        in place of run=: python:MODULE:FUNCTION, hf:NAME_OR_FOLDER, onnx:FILE, a checkpoint or exported
                      folder; kind=, range=, size=, key= as for evaluate (docs/foreign_models.md). Output other
                      than metric depth is written as npy and color

  save=png,color      files to write, each kind into its own folder in output:
                        png     16 bits in millimetres: up to 65.535 m, 0 for no depth
                        npy     float32 in metres
                        ply     colored points in metres (x right, y down, z ahead); needs intrinsics
                        color   red is near, blue far, gray no depth; a bar below has the metres. Of a video it is a
                                video, while png, npy, ply are folders of frames
                        beside  the photo and its color side by side
  flip_average=true   the mean with the mirrored prediction of the mirrored photo
  max_depth=10        colors from 0 to so many metres in all pictures; by default each photo has a range of its own,
                      and a video the limit of the run's protocol, or 10
  bar=false           no bar: color has the size of the photo
  intrinsics=FX,FY,CX,CY
                      of the camera, in pixels of the upright photos, pixel centers at integers; or a file, txt or
                      json, with these numbers or the matrix
  size=240,320        height and width that the network sees; by default the run's data.size, or what an ONNX file says
  device=cpu          by default a GPU where there is one

Photos (JPEG, PNG) are turned upright by their EXIF orientation. The network sees them resized to its size, stretched
where their shape is another, not cropped; depth has the size of the upright photo. Started again, the command goes on
with what is missing. It ends with 1 if a file could not be read, which is named and passed over."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: 0, 1 where a file could not be read, or one sentence and 2 for a user's mistake."""
    arguments = command_line(arguments)
    if not arguments or asks_for_help(arguments):
        print(HELP)
        return 0
    return exit_status(lambda: predict(arguments), GOES_ON)


def predict(arguments: Sequence[str]) -> int:
    """Read the request and answer it; returns 1 where a file could not be read."""
    request = read_predict_request(arguments)
    # Here and not above: torch takes seconds to import, and help or a mistake should be reported at once.
    from depthbench.inference.predict import predict_files

    return 0 if predict_files(request) else 1


if __name__ == "__main__":
    sys.exit(main())

"""A page in the browser: photo, depth, error, and points that turn. See ``--help``."""

import os
import sys
import webbrowser
from collections.abc import Sequence

from depthbench.cli import asks_for_help, command_line, exit_status
from depthbench.viewing.command_line import read_view_request

HELP = """Look at a run, at two runs side by side, or at photos, in your browser.

  depthbench view RUN                the run's test frames: photo, depth, truth, error, points
  depthbench view RUN RUN            two runs on the same frames
  depthbench view PHOTO NETWORK      a photo, or all in a folder, as a network sees them

  RUN                  a run folder, or latest, or the hash at the end of a folder's name
  NETWORK              a run, or a model as `depthbench predict` takes it; or run=, model= with kind=, size=, range=,
                       key=, flip_average=, device= as of predict
  intrinsics=FX,FY,CX,CY
                       of the photos' camera, for points; without it a field of view of 60 degrees is assumed
  --port N             of the page; by default any that is free
  --no-browser         print the address, open no browser

The page is served from this machine to this machine alone, and holds nothing from elsewhere. Ctrl-C ends it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: 0, or one sentence and 2 for a user's mistake."""
    arguments = command_line(arguments)
    if not arguments or asks_for_help(arguments):
        print(HELP)
        return 0
    return exit_status(lambda: view(arguments), "Stopped before the page was there.")


def view(arguments: Sequence[str]) -> None:
    """Make the requested page, and serve it until Ctrl-C.

    Raises:
        UserError: for a mistake in it.
    """
    request = read_view_request(arguments)
    # Here and not above: drawing takes a second to import, and help or a mistake should be reported at once.
    from depthbench.viewing.page import page_files
    from depthbench.viewing.scene import scene_of_photos, scene_of_runs
    from depthbench.viewing.server import PageServer

    with PageServer({}, request.port) as server:  # takes the port before a network is loaded in vain
        scene = scene_of_photos(request.photos) if request.photos else scene_of_runs(request.runs)
        server.show(page_files(scene))
        print(f"Look at {server.url} (Ctrl-C ends it)", flush=True)
        if request.browser and _has_screen():
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("The page is closed.")


def _has_screen() -> bool:
    """Whether a browser would get a window; one in the terminal would take this command's place."""
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


if __name__ == "__main__":
    sys.exit(main())

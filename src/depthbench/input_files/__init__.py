"""Files that somebody else made: regular files only, and never more of them than memory is meant to hold."""

from depthbench.input_files.arrays import NumpyFile
from depthbench.input_files.documents import parse_json, read_table, read_text
from depthbench.input_files.limits import MAX_ARRAY, MAX_PICTURE, MAX_PIXELS, can_inflate_to, check_pixels
from depthbench.input_files.regular import check_regular, open_regular, read_bytes
from depthbench.input_files.tars import TarFiles
from depthbench.input_files.torch_archive import verify_archive
from depthbench.input_files.zips import check_members, open_zip, read_member

__all__ = [
    "MAX_ARRAY",
    "MAX_PICTURE",
    "MAX_PIXELS",
    "NumpyFile",
    "TarFiles",
    "can_inflate_to",
    "check_members",
    "check_pixels",
    "check_regular",
    "open_regular",
    "open_zip",
    "parse_json",
    "read_bytes",
    "read_member",
    "read_table",
    "read_text",
    "verify_archive",
]

"""Limits of the memory that a file of each kind may need, each with its reason."""

from depthbench.errors import UserError

MAX_PIXELS = 1 << 26  # 67 megapixels: more than data sets and nearly all cameras have; 8-bit RGB takes 200 MB
MAX_PICTURE = 1 << 28  # bytes of one picture or depth file: 67 megapixels of RGB that don't compress have 200 MB
MAX_ARRAY = 900_000_000  # bytes of one array in memory: the 654 maps of NYUv2 as float32 have 803,635,200
MAX_MEMBERS = 1_000_000  # of a zip: Python makes 700 bytes of each; NYUv2's raw data have 400,000
MAX_UNPACKED = 1 << 36  # bytes of all files of a gzipped tar: ETH3D's 454 maps of 24 megapixels have 44 GB as float32
MAX_TEXT = 1 << 26  # bytes of a list or a table: 230,000 pairs of NYUv2 have 20 MB
MAX_LINES = 1_000_000  # of a list: the longest published one has 230,000
MAX_CELLS = (
    8_000_000  # of a table: Python makes 60 bytes of each; 78 terms of a loss logged 30,000 times have 2,400,000
)
MAX_JSON = 50_000_000  # bytes: the longest file, a list of all frames of NYUv2's raw data, has 10,000,000
MAX_OBJECTS = 1_000_000  # lists and objects of a JSON file: Python makes 200 bytes of each

_DEFLATE = 1032  # bytes that deflate makes of one at most (zlib, "Maximum Compression Factor")


def can_inflate_to(stored: int) -> int:
    """Bytes that ``stored`` deflated bytes can stand for at most; a header that claims more lies."""
    return _DEFLATE * stored + 64


def check_pixels(height: int, width: int, where: object) -> None:
    """Raise :class:`UserError` unless a header claims a picture or map that has pixels, and not too many.

    Args:
        height: in pixels, as claimed.
        width: in pixels, as claimed.
        where: names the file in the error.
    """
    if height <= 0 or width <= 0:
        raise UserError(f"{where} claims {width}x{height} pixels: nothing is in it; make it again.")
    if height * width > MAX_PIXELS:
        raise UserError(
            f"{where} claims {width}x{height} pixels, more than the {MAX_PIXELS:,} that are read: its header is "
            "damaged, download it again; or it is larger than any here, make it smaller."
        )

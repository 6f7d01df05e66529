"""Usual names of the folders and files of one's own data, and the names that the user gave."""

from dataclasses import dataclass

from depthbench.data.formats.depth_files import DEPTH_SUFFIXES

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png")
MASK_SUFFIXES = (".png", ".npy", ".npz", ".tif", ".tiff")
FOLDERS = {
    "picture": ("rgb", "rgbs", "image", "images", "color", "colors", "colour"),
    "depth": ("depth", "depths", "gt", "ground_truth", "groundtruth"),
    "mask": ("mask", "masks"),
}
SUFFIXES = {"picture": PICTURE_SUFFIXES, "depth": DEPTH_SUFFIXES, "mask": MASK_SUFFIXES, "camera": (".txt", ".json")}
KEYS = {"picture": "data.pictures", "depth": "data.depths", "mask": "data.masks", "camera": "data.intrinsics"}


@dataclass(frozen=True)
class Wanted:
    """Names from the user, each a folder (``left``), a pattern of files (``*.npy``) or both.

    Attributes:
        pictures: None for the usual folders.
        depths: None for the usual folders.
        masks: None where nobody has said; ``none`` for no masks.
        cameras: the folder of files with intrinsics, one for each frame; None for none.
    """

    pictures: str | None = None
    depths: str | None = None
    masks: str | None = None
    cameras: str | None = None

    def __getitem__(self, role: str) -> str | None:
        said = {"picture": self.pictures, "depth": self.depths, "mask": self.masks, "camera": self.cameras}[role]
        return None if role == "mask" and said == "none" else said


AS_USUAL = Wanted()


def _is_folder(said: str) -> bool:
    """Whether the last part of the user's name is a folder: ``left``, ``cam0/left``; not ``*.png``."""
    return "*." not in said.rpartition("/")[2]


def folder_pattern(said: str | None) -> str | None:
    """``left`` of ``left`` and of ``left/*.png``; None of ``*.png``."""
    return said if said is None or _is_folder(said) else said.rpartition("/")[0] or None


def file_pattern(said: str | None) -> str | None:
    """``*.png`` of ``*.png`` and of ``left/*.png``; None of ``left``."""
    return None if said is None or _is_folder(said) else said.rpartition("/")[2]

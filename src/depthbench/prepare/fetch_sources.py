"""Sources of data sets: their pages, their terms, and the files that a program may download."""

from typing import NamedTuple


class File(NamedTuple):
    """One file to download.

    Attributes:
        url: where it lies.
        digest: ``sha256:...`` or ``md5:...`` of its content; None where nobody has published one.
        size: in bytes, None where unknown.
    """

    url: str
    digest: str | None = None
    size: int | None = None

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]


class Source(NamedTuple):
    """A data set: its page, its terms, the files to fetch, and the steps left to the user."""

    page: str
    terms: str
    files: tuple[File, ...] = ()
    todo: str = ""


_RESEARCH = "research data; read the page, and cite the paper"
_NYU = "http://horatio.cs.nyu.edu/mit/silberman"
_NYU_PAGE = "https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html"
_STANFORD, _CORNELL = (
    "http://cs.stanford.edu/group/reconstruction3d",
    "http://www.cs.cornell.edu/~asaxena/learningdepth",
)
_ROBODEPTH, _UNIDEPTH = "https://github.com/ldkong1205/RoboDepth", "https://github.com/lpiccinelli-eth/UniDepth"
_CLEAN = "docs/DATA_PREPARE.md there links the archive; the clean set is needed, too:"
_ARCHIVES = "Make the HDF5 archives that its data sets read: its README says how."

SOURCES = {
    "nyu_labeled": Source(
        _NYU_PAGE,
        _RESEARCH,
        (File(f"{_NYU}/nyu_depth_v2/nyu_depth_v2_labeled.mat"), File(f"{_NYU}/indoor_seg_sup/splits.mat")),
        "Ready as it is.",
    ),
    "nyu_raw": Source(
        _NYU_PAGE,
        _RESEARCH,
        todo='Download the parts of the "raw dataset" (428 GB in all) that you want; then `prepare nyu-raw`.',
    ),
    "nyu": Source(
        _NYU_PAGE,
        _RESEARCH,
        todo="Put the labeled part (data=nyu_labeled) into FOLDER/labeled, and the output of `prepare nyu-raw` into "
        "FOLDER/raw.",
    ),
    "nyu_sync": Source(
        "https://github.com/cleinc/bts",
        f"NYUv2's: {_RESEARCH}",
        todo="The README links an archive on Google Drive, which a browser must confirm; lists are in the repository.",
    ),
    "nyu_densedepth": Source(
        "https://github.com/ialhashim/DenseDepth",
        f"NYUv2's: {_RESEARCH}",
        (File("https://s3-eu-west-1.amazonaws.com/densedepth/nyu_data.zip"),),
        "Ready as it is: it is read without being unpacked.",
    ),
    "kitti": Source(
        "https://www.cvlibs.net/datasets/kitti/",
        "CC BY-NC-SA 3.0",
        (
            File(
                "https://s3.eu-central-1.amazonaws.com/avg-kitti/data_depth_annotated.zip",
                "md5:7d1ce32633dc2f43d9d1656a1f875e47",
            ),
        ),
        "This is the official depth: unpack it. Pictures and laser scans: the page's script for the raw data.",
    ),
    "make3d": Source(
        "http://make3d.cs.cornell.edu/data.html",
        _RESEARCH,
        (
            File(f"{_STANFORD}/Train400Img.tar.gz"),
            File(f"{_STANFORD}/Train400Depth.tgz"),
            File(f"{_CORNELL}/Test134.tar.gz"),
            File(f"{_CORNELL}/Test134Depth.tar.gz"),
        ),
        "Unpack all four in this folder.",
    ),
    "sunrgbd": Source(
        "https://rgbd.cs.princeton.edu",
        _RESEARCH,
        (File("https://rgbd.cs.princeton.edu/data/SUNRGBD.zip"),),
        "Unpack it.",
    ),
    "matterport3d": Source(
        "https://niessner.github.io/Matterport/",
        "an agreement to be signed and sent",
        todo="After the agreement you get a download script.",
    ),
    "moge": Source(
        "https://huggingface.co/datasets/Ruicheng/monocular-geometry-evaluation",
        "those of each of the ten sets; read the page",
        todo="Download the zips of the sets that you want, and unpack them in one folder: data.root.",
    ),
    "da2k": Source(
        "https://huggingface.co/datasets/depth-anything/DA-2K",
        _RESEARCH,
        todo="Unpack it: data.root is the folder of annotations.json.",
    ),
    "diode": Source("https://diode-dataset.org", _RESEARCH, todo="Unpack val.tar.gz (and train.tar.gz) in one folder."),
    "ibims": Source(
        "https://www.asg.ed.tum.de/lmf/ibims1/",
        _RESEARCH,
        todo="Unpack ibims1_core_mat.zip (or ibims1_core_raw.zip, which has no planes).",
    ),
    "eth3d": Source(
        "https://www.eth3d.net/datasets",
        _RESEARCH,
        todo="High-resolution multi-view, training: unpack the dslr_jpg and dslr_depth archives in one folder, for "
        "data.view=undistorted the dslr_undistorted archives, too.",
    ),
    "sintel": Source(
        "http://sintel.is.tue.mpg.de",
        _RESEARCH,
        todo="Unpack the training pictures and the archive of depth and camera motion in one folder.",
    ),
    "nyu_c": Source(_ROBODEPTH, f"NYUv2's: {_RESEARCH}", todo=f"{_CLEAN} data=nyu_sync."),
    "kitti_c": Source(_ROBODEPTH, "CC BY-NC-SA 3.0", todo=f"{_CLEAN} data=kitti."),
    "hypersim": Source(
        "https://github.com/apple/ml-hypersim",
        _RESEARCH,
        todo="Its script downloads scenes; final_preview and geometry_hdf5 are read, the list of its parts, and "
        "metadata_camera_parameters.csv.",
    ),
    "vkitti2": Source(
        "https://europe.naverlabs.com/proxy-virtual-worlds-vkitti-2/",
        "CC BY-NC-SA 3.0",
        todo="Unpack the rgb and depth archives, in one folder or in rgb and depth.",
    ),
    "spring": Source(
        "https://spring-benchmark.org", "CC BY 4.0", todo="Unpack train_frame_left, train_disp1_left, train_cam_data."
    ),
    "scannet": Source(
        "http://www.scan-net.org",
        "an agreement to be signed and sent",
        todo="After the agreement you get a download script; SensReader exports color, depth and intrinsic.",
    ),
    "bonn": Source(
        "https://www.ipb.uni-bonn.de/data/rgbd-dynamic-dataset/index.html", _RESEARCH, todo="Unpack the sequences."
    ),
    "syns": Source(
        "https://github.com/jspenmar/monodepth_benchmark", _RESEARCH, todo="The README says where the patches lie."
    ),
    "ddad": Source(_UNIDEPTH, _RESEARCH, todo=_ARCHIVES),
    "void": Source(_UNIDEPTH, _RESEARCH, todo=_ARCHIVES),
    "hammer": Source("https://github.com/Junggy/HAMMER-dataset", _RESEARCH, todo="Unpack _dataset_processed.zip."),
    "booster": Source("https://amsacta.unibo.it/id/eprint/6876", _RESEARCH, todo="Unpack booster_gt.zip."),
}

"""TAE by the command: clips of ScanNet's form with poses, against a loop over pixels."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from depthbench import read_results
from depthbench.evaluate import main
from depthbench.evaluation import clip_scores
from depthbench.report.__main__ import main as report
from tests.metrics.test_without_maps import carried_by_a_loop

pytestmark = pytest.mark.usefixtures("compositions_kept")

SIZE = (18, 24)
CAMERA = np.array([[26.0, 0, 11.2], [0, 27.0, 8.6], [0, 0, 1]])
CLIPS = {"scene0000_00": 4, "scene0001_00": 3, "scene0002_00": 3}


def walls(clip: int, frame: int) -> np.ndarray:
    """Millimetres of a wall before the camera, which comes nearer by a quarter of a metre from frame to frame."""
    return np.full(SIZE, 4000 + 500 * clip - 250 * frame, np.uint16)


def rooms(clip: int, frame: int) -> np.ndarray:
    """Millimetres of a floor and a box, with a hole."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    depth = 4000 - 60 * rows + 25 * columns + 300 * clip
    depth[6:12, 5 + 2 * frame : 12 + 2 * frame] = 2000 + 70 * frame
    depth[:2, :3] = 0
    return depth.astype(np.uint16)


def pose(clip: int, frame: int, turned: bool) -> np.ndarray:
    found, angle = np.eye(4), 0.03 * frame * turned
    found[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    found[:3, 3] = [0.05 * frame * turned, 0, 0.25 * frame]
    return found


def write_scannet(root: Path, depth_of, turned: bool) -> Path:
    for clip, (scene, frames) in enumerate(CLIPS.items()):
        place = root / scene
        for kind in ("color", "depth", "pose", "intrinsic"):
            (place / kind).mkdir(parents=True)
        matrix = np.eye(4)
        matrix[:3, :3] = CAMERA
        np.savetxt(place / "intrinsic/intrinsic_depth.txt", matrix)
        for frame in range(frames):
            cv2.imwrite(f"{place}/color/{9 + frame}.jpg", np.full((*SIZE, 3), 40 * clip + 9 * frame, np.uint8))
            cv2.imwrite(f"{place}/depth/{9 + frame}.png", depth_of(clip, frame))
            np.savetxt(place / f"pose/{9 + frame}.txt", pose(clip, frame, turned))
    return root


def predict(root: Path, folder: Path, change) -> Path:
    rng = np.random.default_rng(3)
    for file in sorted(root.glob("*/depth/*.png")):
        depth = cv2.imread(str(file), cv2.IMREAD_UNCHANGED) / 1000.0
        path = folder / file.parts[-3] / f"{file.stem}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, change(np.where(depth > 0, depth, 3.0), rng).astype(np.float32))
    return folder


def evaluate(root: Path, *words) -> int:
    return main(["data=scannet", f"data.root={root}", "data.files=none", "structure=tae", *map(str, words)])


def tae_by_a_loop(root: Path, scene: str, depths: list[np.ndarray], camera: np.ndarray) -> float:
    poses = [np.loadtxt(root / scene / f"pose/{9 + frame}.txt") for frame in range(len(depths))]
    pairs = []
    for first in range(len(depths) - 1):
        ways = []
        for here, there in ((first, first + 1), (first + 1, first)):
            carried = carried_by_a_loop(depths[here], camera, poses[here], poses[there])
            both = (carried > 0) & (depths[there] > 0)
            ways.append(np.mean(np.abs(carried - depths[there])[both] / depths[there][both]))
        pairs.append(np.mean(ways))
    return 100 * float(np.mean(pairs))


def maps_of(folder: Path, scene: str) -> list[np.ndarray]:
    return [np.load(folder / scene / f"{9 + frame}.npy").astype(np.float64) for frame in range(CLIPS[scene])]


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> Path:
    return write_scannet(tmp_path_factory.mktemp("scans"), rooms, turned=True)


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("metric_depth", lambda depth, rng: depth, ["protocol.alignment=none"]),
        ("affine_disparity", lambda depth, rng: 3 / depth + 0.4, ["protocol.alignment=disparity_sequence"]),
    ],
)
def test_a_perfect_clip_has_no_error(kind, change, words, tmp_path):
    root = write_scannet(tmp_path / "scans", walls, turned=False)
    maps = predict(root, tmp_path / "maps", change)
    words = [f"predictions={maps}", f"kind={kind}", "protocol=full", *words]
    assert evaluate(root, *words, f"output={tmp_path / 'x.json'}") == 0
    (result,) = read_results(tmp_path / "x.json")
    assert result.scores["TAE"] == pytest.approx(0, abs=1e-4)
    assert np.isfinite(result.per_image["TAE"]).sum() == len(CLIPS)


def test_numbers_are_those_of_a_loop_and_are_read_back(scans, tmp_path, capsys):
    noisy = [
        predict(scans, tmp_path / name, lambda depth, rng, by=by: depth * np.exp(by * rng.normal(size=depth.shape)))
        for name, by in (("little", 0.02), ("much", 0.1))
    ]
    output = tmp_path / "x.json"
    words = [f"predictions={noisy[0]},{noisy[1]}", "protocol=full", f"per_image={tmp_path / 'images.csv'}"]
    assert evaluate(scans, *words, f"output={output}") == 0
    results = read_results(output)
    for result, folder in zip(results, noisy, strict=True):
        clips = [tae_by_a_loop(scans, scene, maps_of(folder, scene), CAMERA) for scene in CLIPS]
        assert result.scores["TAE"] == pytest.approx(np.mean(clips), rel=1e-6)
        first = dict(zip(result.names, result.per_image["TAE"], strict=True))
        assert [first[f"{scene}/9"] for scene in CLIPS] == pytest.approx(clips, rel=1e-6)
        assert np.isnan(first["scene0000_00/10"])
        again = result.sums("TAE")
        assert (again.images, again.scores["TAE"]) == (3, pytest.approx(np.mean(clips), rel=1e-6))
        assert result.limits["TAE"][0] <= result.scores["TAE"] <= result.limits["TAE"][1]
    rows = [row for row in json.loads(output.read_text())["differences"] if row["score"] == "TAE"]
    assert [row["value"] for row in rows] == pytest.approx([results[0].scores["TAE"] - results[1].scores["TAE"]])
    told = " ".join(capsys.readouterr().out.split())
    assert "TAE is the mean over 3 clips" in told
    found = [row["TAE"] for row in csv.DictReader((tmp_path / "images.csv").open()) if row["TAE"] != "nan"]
    assert len(found) == 6
    assert report([str(output), "--output", str(tmp_path / "page.html")]) in (0, None)
    assert "TAE" in (tmp_path / "page.html").read_text()


def test_a_clip_is_aligned_as_a_whole_cropped_and_a_lost_pose_left_out(scans, tmp_path):
    root = write_scannet(tmp_path / "scans", rooms, turned=True)
    lost = root / "scene0000_00/pose/12.txt"
    np.savetxt(lost, np.full((4, 4), -np.inf))
    change = lambda depth, rng: 3 / depth + 0.02 * rng.normal(size=depth.shape)  # noqa: E731
    maps = predict(root, tmp_path / "maps", change)
    words = ["protocol=full", "protocol.alignment=disparity_sequence", "protocol.region=[0,18,2,22]"]
    given = [f"predictions={maps}", "kind=affine_disparity", f"output={tmp_path / 'x.json'}"]
    assert evaluate(root, *given, *words) == 0
    (result,) = read_results(tmp_path / "x.json")
    clips, camera = [], CAMERA.copy()
    camera[0, 2] -= 2
    for clip, scene in enumerate(CLIPS):
        truth = np.stack([rooms(clip, frame)[:, 2:22] / 1000 for frame in range(CLIPS[scene])])
        q = np.stack([one[:, 2:22] for one in maps_of(maps, scene)])
        valid = truth > 0
        columns = np.stack([q[valid], np.ones(valid.sum())], 1)
        scale, shift = np.linalg.lstsq(columns, 1 / truth[valid], rcond=None)[0]
        depths = list(1 / np.maximum(scale * q + shift, 1e-3))
        clips.append(tae_by_a_loop(root, scene, depths[:3] if clip == 0 else depths, camera))
    assert result.scores["TAE"] == pytest.approx(np.mean(clips), rel=1e-4)  # the line is fitted in float32


def test_processes_share_the_clips(scans, tmp_path, monkeypatch):
    maps = predict(scans, tmp_path / "maps", lambda depth, rng: depth + 0.05 * rng.normal(size=depth.shape))
    words = [f"predictions={maps}", "protocol=full", f"output={tmp_path / 'x.json'}"]
    assert evaluate(scans, *words) == 0
    (alone,) = read_results(tmp_path / "x.json")
    shares: list[dict] = []
    gathered = clip_scores.gathered

    def together(found, count):
        """Join the clips of another process to this one's, like ``all_gather_object``."""
        shares.append(found)
        return gathered({name: {k: v for part in shares for k, v in part[name].items()} for name in found}, count)

    monkeypatch.setattr(clip_scores, "gathered", together)
    for rank in (1, 0):
        monkeypatch.setattr(clip_scores, "rank_and_world", lambda rank=rank: (rank, 2))
        assert evaluate(scans, *words) == 0
    assert [len(share["full"]) for share in shares] == [1, 2]
    (joined,) = read_results(tmp_path / "x.json")
    assert joined.scores["TAE"] == alone.scores["TAE"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["protocol.alignment=median"], "structure=tae needs depth that is aligned once for a clip, and full fits"),
        (["data=rooms", "data.test_frames=2"], "structure=tae needs poses of the camera, which Rooms lacks"),
        (["data.test_frames=1"], "every folder of ScanNet holds one frame"),
    ],
)
def test_what_has_no_clips_says_so(words, sentence, scans, tmp_path, capsys):
    maps = predict(scans, tmp_path / "maps", lambda depth, rng: depth)
    given = ["data=scannet", f"data.root={scans}", "data.files=none"] if "data=rooms" not in words else []
    assert main([*given, f"predictions={maps}", "protocol=full", "structure=tae", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_a_clip_without_common_pixels_has_no_score():
    clip = clip_scores._Clip()
    assert np.isnan(clip.score())
    clip.add(3, False, (torch.ones(1, 4, 4), torch.eye(3), torch.eye(4)))
    clip.add(4, True, None)
    assert (clip.place, clip.errors) == (4, [])

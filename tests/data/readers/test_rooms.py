"""The rooms against an independent float64 ray caster, and what a data set of them promises."""

import itertools

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from depthbench.data import Rooms
from depthbench.data.frame import collate
from depthbench.data.readers.rooms import OOD_SHA256
from depthbench.errors import UserError
from depthbench.rooms import render
from depthbench.rooms.camera import FRAMES
from depthbench.rooms.layout import layout
from depthbench.rooms.solids import BOX, CYLINDER, ELLIPSOID

SMALL = (48, 64)
SCENES, FRAME_NUMBERS = torch.arange(0, 464, 6), torch.arange(78) * 11 % FRAMES


@pytest.fixture(scope="module")
def sample():
    return render(SCENES, FRAME_NUMBERS, SMALL)


def meetings(half: np.ndarray, shape: float, o: np.ndarray, d: np.ndarray):
    """Distance and outward normal wherever a ray meets the surface of what fills a box, in the box's own axes."""
    for axis, sign in itertools.product({BOX: range(3), CYLINDER: (2,), ELLIPSOID: ()}[shape], (-1, 1)):
        t = (sign * half[axis] - o[axis]) / d[axis]
        across = np.delete((o + t * d) / half, axis)
        if np.abs(across).max() <= 1 if shape == BOX else across @ across <= 1:
            yield t, sign * np.eye(3)[axis]
    if shape != BOX:
        weight = np.array([1, 1, shape == ELLIPSOID]) / half**2
        for t in np.roots([weight @ d**2, 2 * weight @ (o * d), weight @ o**2 - 1]):
            normal = weight * (o + t.real * d)
            if np.isreal(t) and abs(o[2] + t.real * d[2]) <= half[2]:
                yield t.real, normal / np.linalg.norm(normal)


def reference(scene: int, frame: int, ray: np.ndarray) -> tuple[float, int, np.ndarray]:
    """Depth, box and world normal seen along a ray in camera axes: every surface of every box, in float64."""
    room = layout(0, scene)
    eye, direction = room.eyes[frame].double().numpy(), room.turns[frame].double().numpy() @ ray
    best = (np.inf, -1, np.zeros(3))
    for number, (*center, hx, hy, hz, c, s, shape) in enumerate(room.boxes.double().numpy()):
        axes = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
        for t, normal in meetings(np.array([hx, hy, hz]), shape, axes @ (eye - center), axes @ direction):
            if 0 < t < best[0] and normal @ axes @ direction < 0:
                best = (t, number, normal @ axes)
    return best


def rays(size, intrinsics):
    rows, columns = np.mgrid[: size[0], : size[1]]
    pixels = np.stack([columns, rows, np.ones(size)], -1)
    return pixels @ np.linalg.inv(intrinsics.double().numpy()).T


@pytest.mark.parametrize("scene", [0, 7, 302])
def test_depth_and_normals_equal_an_independent_caster(scene):
    size, frame = (37, 53), 500
    out = render(torch.tensor([scene]), torch.tensor([frame]), size)
    along = rays(size, out.intrinsics[0])
    turn = layout(0, scene).turns[frame].double().numpy()
    edges, shapes = 0, set()
    for row, column in itertools.product(range(1, 37, 5), range(2, 53, 6)):
        depth, box, normal = reference(scene, frame, along[row, column])
        shapes.add(layout(0, scene).boxes[box, 8].item())
        seen = out.depth[0, 0, row, column].item()
        if abs(seen - depth) > 1e-4 * depth:
            # Only a ray within rounding of a silhouette may see the other side.
            nudges = [np.array([a, b, 0]) for a in (-1e-5, 1e-5) for b in (-1e-5, 1e-5)]
            assert min(abs(seen - reference(scene, frame, along[row, column] + n)[0]) for n in nudges) < 1e-4 * depth
            edges += 1
            continue
        np.testing.assert_allclose(out.normals[0, :, row, column].numpy(), turn.T @ normal, atol=1e-4)
    assert edges <= 2
    assert len(shapes) > 1  # something round was in view


def test_normals_agree_with_the_gradient_of_depth(sample):
    """On a plane 1 / depth is linear in the pixel: where it is, three points span the plane that the normal tells."""
    depth, normals = sample.depth[:, 0].double(), sample.normals.double()
    inverse = 1 / depth
    bend_x = (inverse[:, 1:-1, :-2] + inverse[:, 1:-1, 2:] - 2 * inverse[:, 1:-1, 1:-1]).abs()
    bend_y = (inverse[:, :-2, 1:-1] + inverse[:, 2:, 1:-1] - 2 * inverse[:, 1:-1, 1:-1]).abs()
    flat = (bend_x < 1e-6) & (bend_y < 1e-6)
    points = depth[..., None] * torch.tensor(rays(SMALL, sample.intrinsics[0]))
    right, down = points[:, 1:-1, 2:] - points[:, 1:-1, :-2], points[:, 2:, 1:-1] - points[:, :-2, 1:-1]
    measured = torch.nn.functional.normalize(torch.linalg.cross(down, right), dim=-1)
    cosine = (measured * normals.permute(0, 2, 3, 1)[:, 1:-1, 1:-1]).sum(-1)
    assert flat.float().mean() > 0.5
    assert (cosine[flat] > 0.999).float().mean() > 0.999  # three points on three boxes may chance to be in line


def test_a_frame_depends_on_nothing_but_its_own_numbers():
    scenes, frames = torch.tensor([3, 400, 3, 120, 250]), torch.tensor([10, 900, 11, 5, 77])
    size = (50, 70)
    together = render(scenes, frames, size)
    order = torch.tensor([4, 2, 0, 3, 1])
    shuffled = render(scenes[order], frames[order], size)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 2)
    try:
        alone = [render(scenes[k : k + 1], frames[k : k + 1], size) for k in range(5)]
    finally:
        torch.set_num_threads(threads)
    for name in together._fields:
        values = getattr(together, name)
        assert torch.equal(values[order], getattr(shuffled, name)), name
        assert torch.equal(values, torch.cat([getattr(one, name) for one in alone])), name


def test_another_world_has_other_rooms(sample):
    other = render(SCENES[:4], FRAME_NUMBERS[:4], SMALL, seed=1)
    assert not torch.equal(other.depth, sample.depth[:4])


def test_values_are_finite_and_in_range(sample):
    assert all(torch.isfinite(values).all() for values in sample)
    assert sample.image.min() >= 0
    assert sample.image.max() <= 1
    assert (sample.image * 255 - (sample.image * 255).round()).abs().max() < 1e-4
    assert sample.depth.min() > 0.2
    torch.testing.assert_close(sample.normals.norm(dim=1), torch.ones(len(SCENES), *SMALL), atol=1e-5, rtol=0)


def test_statistics_are_those_of_nyuv2(sample):
    """100 real training frames: median 2.45 m, 99 % below 7.7 m; the image has mean 0.41 and deviation 0.25."""
    depth = sample.depth.flatten()
    assert 2.1 < depth.median() < 2.8
    assert 5.0 < depth.quantile(0.99) < 7.8
    holes = (sample.sensed == 0).float().mean()
    assert 0.05 < holes < 0.35
    assert 0.33 < sample.image.mean() < 0.48
    assert 0.18 < sample.image.std() < 0.3


def test_images_hold_cues_of_depth(sample):
    rows = torch.arange(SMALL[0]).float()[:, None].expand(SMALL).flatten()
    correlations = [torch.corrcoef(torch.stack([rows, d.flatten()]))[0, 1] for d in sample.depth]
    assert torch.stack(correlations).mean() < -0.2  # the floor: lower in the image is nearer
    assert (sample.image.flatten(1).std(1) > 0.05).all()
    gray = sample.image.mean(1)
    edge_of_image = (gray[:, :, 1:] - gray[:, :, :-1]).abs()
    edge_of_depth = (sample.depth[:, 0, :, 1:] - sample.depth[:, 0, :, :-1]).abs() > 0.2
    assert edge_of_image[edge_of_depth].mean() > 2 * edge_of_image[~edge_of_depth].mean()


def test_another_size_shows_the_same_view():
    scenes, frames = torch.tensor([5, 260]), torch.tensor([100, 800])
    large, small = render(scenes, frames, (96, 128)), render(scenes, frames, SMALL)
    # Each small pixel lies between four large ones.
    blocks = large.depth.unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2)
    between = (small.depth > blocks.amin(-1) - 0.01) & (small.depth < blocks.amax(-1) + 0.01)
    assert between.float().mean() > 0.97
    averaged = torch.nn.functional.avg_pool2d(large.image, 2)
    assert (averaged - small.image).abs().mean() < 0.05
    torch.testing.assert_close(large.intrinsics[:, :2, :2], 2 * small.intrinsics[:, :2, :2])


@pytest.mark.parametrize(("part", "split", "count"), [
    ("train", 795, 795), ("train", "12k", 12_000), ("train", "230k", 230_000), ("train", 5000, 5000),
    ("train", None, 795), ("test", None, 654), ("test", 10, 10), ("ood", None, 1000),
    ("val", 32, 32), ("val", None, 12_000),
])  # fmt: skip
def test_counts_and_scenes(part, split, count):
    rooms = Rooms(part, split)
    assert len(rooms) == count
    places = {rooms.place(index) for index in range(0, count, max(1, count // 5000))}
    assert len(places) == len(range(0, count, max(1, count // 5000)))
    scenes = {scene for scene, _ in places}
    every = {"train": range(249), "test": range(249, 464), "ood": range(464, 714), "val": range(714, 726)}[part]
    assert scenes <= set(every)
    assert all(0 <= frame < FRAMES for _, frame in places)
    if count >= 654:
        assert len(scenes) == len(every)


def test_the_frozen_part_is_what_it_was():
    """Where this fails after a change of the rooms: count VERSION up and state the new hash."""
    assert Rooms("ood", size=(60, 80), sensor=False).fingerprint() == OOD_SHA256


def test_the_whole_pool_has_no_frame_twice():
    rooms = Rooms(split="230k")
    assert len({rooms.place(index) for index in range(len(rooms))}) == 230_000


def test_frames_are_what_the_bench_expects():
    rooms = Rooms("test", size=SMALL)
    frame = rooms[3]
    assert frame.image.shape == (3, *SMALL)
    assert frame.image.dtype == torch.float32
    assert frame.depth.shape == (1, *SMALL)
    assert (frame.depth == 0).any()
    assert frame.intrinsics.shape == (3, 3)
    assert rooms.place(3) == (249, 808)  # the last of the four of the first test scene
    assert frame.name == "rooms/249/808"
    exact = Rooms("test", size=SMALL, sensor=False)[3]
    assert (exact.depth > 0).all()
    seen = frame.depth > 0
    assert (frame.depth - exact.depth)[seen].abs().median() < 0.03
    assert torch.equal(frame.image, exact.image)


def test_a_data_loader_with_workers_gives_the_same_frames():
    rooms = Rooms(split=6, size=SMALL)
    loader = DataLoader(rooms, batch_size=3, num_workers=2, collate_fn=collate)
    batches = list(loader)
    assert [len(batch.image) for batch in batches] == [3, 3]
    alone = rooms[4]
    assert torch.equal(batches[1].image[1], alone.image)
    assert torch.equal(batches[1].depth[1], alone.depth)
    assert batches[1].name[1] == alone.name


@pytest.mark.parametrize("arguments", [
    {"part": "all"}, {"split": "many"}, {"split": 0}, {"split": 230_001}, {"part": "test", "split": 655},
    {"part": "ood", "split": 1001}, {"size": (128,)}, {"size": (8, 160)}, {"version": 1},
])  # fmt: skip
def test_mistakes_are_told(arguments):
    with pytest.raises(UserError, match=r"\."):
        Rooms(**arguments)


def test_the_camera_stays_in_free_space():
    for scene in range(0, 464, 40):
        room = layout(0, scene)
        eyes = room.eyes[::9].double()
        c, s = room.boxes[:, 6].double(), room.boxes[:, 7].double()
        offset = eyes[:, None] - room.boxes[:, :3].double()
        x, y = c * offset[..., 0] + s * offset[..., 1], c * offset[..., 1] - s * offset[..., 0]
        beyond = (torch.stack([x, y, offset[..., 2]], -1).abs() - room.boxes[:, 3:6]).clamp(min=0).norm(dim=-1)
        assert beyond.min() > 0.15
        assert (room.turns.double().transpose(1, 2) @ room.turns.double() - torch.eye(3)).abs().max() < 1e-6


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_renders_the_same_frames():
    there, here = (render(SCENES[:8], FRAME_NUMBERS[:8], SMALL, device) for device in ("cuda", "cpu"))
    for values, expected in zip(there, here, strict=True):
        assert (values.cpu() - expected).abs().gt(1e-5).float().mean() < 1e-3

from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from depthbench.data import Frame
from depthbench.data.augment import (
    Albumentations,
    Color,
    Crop,
    Flip,
    Gamma,
    OneOf,
    PermuteChannels,
    Policy,
    Rotate,
    Zoom,
    warp,
)
from depthbench.errors import UserError
from depthbench.geometry import map_intrinsics

CONF = Path(__file__).resolve().parents[2] / "conf" / "augment"
NAMES = sorted(path.stem for path in CONF.glob("*.yaml"))


def policy(name):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return instantiate(compose(name))


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def frame():
    """A tilted wall whose picture is its own depth, so that the two can be compared after any move."""
    y, x = np.mgrid[:120, :160]
    depth = torch.from_numpy(2 + x / 80 + y / 120).float()
    image = torch.stack([depth / 8, depth / 10, depth / 12])
    depth[40:50, 60:80] = 0
    k = torch.tensor([[130.0, 0, 81.4], [0, 129.0, 63.4], [0, 0, 1]])
    return Frame(image, depth[None], k, "a")


@pytest.mark.parametrize("name", NAMES)
def test_every_policy(name, frame):
    augment = policy(name)
    before = [part.clone() for part in frame[:3]]
    for seed in range(8):
        result, again = augment(frame, rng(seed)), augment(frame, rng(seed))
        for part, same, type_ in zip(result[:3], again[:3], frame[:3], strict=True):
            assert torch.equal(part, same)
            assert part.dtype == type_.dtype
            assert part.is_contiguous() or part.data_ptr() == type_.data_ptr()
        assert result.image.shape[1:] == result.depth.shape[1:]
        assert result.image.shape[0] == 3
        assert 0 <= result.image.min() <= result.image.max() <= 1
        assert (result.depth == 0).any() or (name == "bts" and result.depth.min() > 0)
    for part, original in zip(frame[:3], before, strict=True):
        assert torch.equal(part, original)
    if name != "none":
        assert any(not torch.equal(augment(frame, rng(seed)).image, frame.image) for seed in range(20))


@pytest.mark.parametrize("name", NAMES)
def test_depth_is_never_mixed(name, frame):
    """Every depth that comes out went in (divided by the zoom), whatever moved."""
    stripes = frame.depth.clone()
    stripes[..., ::2], stripes[..., 1::2] = 1.0, 9.0
    stripes[..., ::5] = 0.0
    for seed in range(5):
        result = policy(name)(frame._replace(depth=stripes), rng(seed)).depth
        found = result.unique()
        assert len(found) <= 3
        if len(found) == 3:
            assert found[2] / found[1] == pytest.approx(9)


def project(k, points):
    uvw = points @ np.asarray(k, float).T
    return uvw[:, :2] / uvw[:, 2:]


def test_flip_mirrors_all_three(frame):
    result = Flip(p=1)(frame, rng())
    assert torch.equal(result.image, frame.image.flip(-1))
    assert torch.equal(result.depth, frame.depth.flip(-1))
    points = rng(1).uniform([-1, -1, 2], [1, 1, 4], (9, 3))
    u, v = project(frame.intrinsics, points).T
    mirrored = project(result.intrinsics, points * [-1, 1, 1])
    np.testing.assert_allclose(mirrored, np.stack([159 - u, v], 1), atol=1e-4)
    assert sum(torch.equal(Flip()(frame, rng(s)).image, frame.image) for s in range(400)) == pytest.approx(200, abs=40)


@pytest.mark.parametrize("angle", [-30.0, 3.0, 90.0])
def test_a_roll_keeps_the_distance_from_the_axis(angle):
    """Pixels move by the map; the camera that sees them so is the old one, rolled."""
    k = torch.tensor([[130.0, 0, 81.4], [0, 129.0, 63.4], [0, 0, 1]])
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    pixels = np.array([[c, s, 5.0], [-s, c, -3.0], [0, 0, 1]])
    new = map_intrinsics(k, pixels).double().numpy()
    assert new[1, 0] == 0
    assert new[0, 0] > 0
    assert new[1, 1] > 0
    points = rng(1).uniform([-1, -1, 2], [1, 1, 4], (9, 3))
    uv = project(k, points)
    moved = np.column_stack([uv, np.ones(9)]) @ pixels.T
    back = moved @ np.linalg.inv(new).T * points[:, 2:]
    np.testing.assert_allclose(back[:, 2], points[:, 2])
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), np.linalg.norm(points, axis=1), rtol=1e-5)


def test_rotation_leaves_holes_and_keeps_picture_and_depth_together(frame):
    result = Rotate(20, fill=1.0)(frame._replace(depth=frame.image[:1] * 8), rng(3))
    hole = result.depth[0] == 0
    assert hole[0, 0] or hole[0, -1]
    assert 0.02 < hole.float().mean() < 0.3
    assert (result.image[:, hole] == 1).float().mean() > 0.9
    error = (result.depth[0] - result.image[0] * 8)[~hole].abs()
    assert error.quantile(0.99) < 0.03  # of a slope of 0.02 per pixel
    assert Rotate(20, p=0)(frame, rng()) is frame


def test_warp_against_a_loop(frame):
    pixels = np.array([[1.2, 0.1, -4.3], [-0.1, 1.1, 2.2], [0, 0, 1]])
    result = warp(frame, pixels, (50, 60))
    inverse = np.linalg.inv(pixels)
    wrong = 0
    for y in range(50):
        for x in range(60):
            u, v, _ = np.rint(inverse @ [x, y, 1]).astype(int)
            inside = 0 <= u < 160 and 0 <= v < 120
            wrong += float(result.depth[0, y, x]) != (float(frame.depth[0, v, u]) if inside else 0)
    assert wrong < 0.02 * 50 * 60  # only where a source lies on the border of two pixels


def test_zoom_moves_nearer(frame):
    whole = frame._replace(depth=frame.image[:1] * 8)
    for seed in range(5):
        result = Zoom(1.5, 1.5)(whole, rng(seed))
        assert result.depth.shape == whole.depth.shape
        assert (result.depth > 0).all()
        torch.testing.assert_close(result.depth, result.image[:1] * 8 / 1.5, atol=0.02, rtol=0)
        # A point of the scene, 1.5 times nearer, is seen where its pixel moved.
        assert torch.equal(result.intrinsics[:2, :2], whole.intrinsics[:2, :2])
        u, v = 80.0, 60.0
        ray = np.linalg.inv(result.intrinsics.double().numpy()) @ [u, v, 1] * float(result.depth[0, 60, 80])
        old = project(whole.intrinsics, (ray * [1, 1, 1.5])[None])[0]
        assert float(result.depth[0, 60, 80]) * 1.5 == pytest.approx(2 + old[0] / 80 + old[1] / 120, abs=0.02)


@pytest.mark.parametrize("at", ["center", "random", (45, 43)])
def test_crop(frame, at):
    crop = Crop((427, 565), (480, 640), at)
    result = crop(frame, rng(2))
    assert result.depth.shape == (1, 107, 141)
    left, top = (frame.intrinsics - result.intrinsics)[:2, 2].round().int().tolist()
    assert torch.equal(result.image, frame.image[:, top : top + 107, left : left + 141])
    assert torch.equal(result.depth, frame.depth[:, top : top + 107, left : left + 141])
    if at != "random":
        assert (top, left) == {"center": (6, 9)}.get(at, (11, 11))


def loop_color(image, lighting, factors, order, gains):
    """Each step on its own, in float64, as the released code does it."""
    gray = np.array([0.299, 0.587, 0.114])
    image = image + lighting[:, None, None]
    for step in order:
        plain = (gray[:, None, None] * image).sum(0)
        other = {0: 0.0, 1: plain.mean(), 2: plain}[step]
        image = factors[step] * image + (1 - factors[step]) * other
    return (image * gains[:, None, None]).clip(0, 1)


@pytest.mark.parametrize("seed", range(12))
def test_color_is_its_steps(seed):
    image = torch.from_numpy(rng(seed).uniform(0.2, 0.8, (3, 13, 17))).float()
    color = Color(0.4, 0.4, 0.4, (0.8, 1.2), 0.1)
    result = color(Frame(image, torch.ones(1, 13, 17), None, "a"), rng(seed)).image
    generator = rng(seed)
    vectors = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
    lighting = vectors @ (generator.normal(0, 0.1, 3) * [0.2175, 0.0188, 0.0045])
    factors = 1 + 0.4 * generator.uniform(-1, 1, 3)
    expected = loop_color(
        image.double().numpy(), lighting, factors, generator.permutation(3), generator.uniform(0.8, 1.2, 3)
    )
    np.testing.assert_allclose(result, expected, atol=2e-6)


def test_without_strength_color_changes_nothing(frame):
    torch.testing.assert_close(Color()(frame, rng()).image, frame.image, atol=1e-6, rtol=0)


def test_permutations_and_choices(frame):
    results = [PermuteChannels(0.25)(frame, rng(seed)).image for seed in range(400)]
    orders = {tuple(torch.argsort(-image[:, 0, 0]).tolist()) for image in results}
    assert len(orders) == 6
    assert sum(not torch.equal(image, frame.image) for image in results) == pytest.approx(100, abs=35)
    torch.testing.assert_close(Gamma(2, 2)(frame, rng()).image, frame.image**2)
    either = OneOf([Policy(), Flip(p=1)])
    assert sum(either(frame, rng(seed)).image is frame.image for seed in range(400)) == pytest.approx(200, abs=40)
    half = Policy([Flip(p=1)], p=0.5)
    assert sum(half(frame, rng(seed)) is frame for seed in range(400)) == pytest.approx(200, abs=40)


def test_unknown_intrinsics_stay_unknown(frame):
    for name in NAMES:
        assert policy(name)(frame._replace(intrinsics=None), rng()).intrinsics is None


def test_mistakes(frame):
    with pytest.raises(UserError, match="depth_size=image"):
        Rotate(5)(frame._replace(depth=torch.ones(1, 480, 640)), rng())
    with pytest.raises(UserError, match="does not fit"):
        Crop((5, 5), (4, 8))
    with pytest.raises(UserError, match="law=gauss"):
        Rotate(5, law="gauss")
    with pytest.raises(UserError, match="1 <= low"):
        Zoom(0.5, 1)
    with pytest.raises(UserError, match=r"did you mean .*GaussNoise"):
        Albumentations("GausNoise")
    with pytest.raises(UserError, match="refuses"):
        Albumentations("Rotate", limit="far")
    with pytest.raises(UserError, match="cannot be interpolated"):
        Albumentations("Rotate", mask_interpolation=1)


@pytest.mark.parametrize(
    ("name", "options"),
    [("GaussNoise", {}), ("HorizontalFlip", {}), ("Rotate", {"limit": 20}), ("D4", {}), ("ElasticTransform", {})],
)
def test_albumentations_obeys_the_generator(name, options, frame):
    transform = Albumentations(name, p=1.0, **options)
    result, again, *others = (transform(frame, rng(seed)) for seed in (1, 1, 2, 3, 4))
    assert torch.equal(result.image, again.image)
    assert name == "HorizontalFlip" or not all(torch.equal(result.image, other.image) for other in others)
    assert result.depth.dtype == torch.float32
    assert set(result.depth.unique().tolist()) <= set(frame.depth.unique().tolist())
    if name == "ElasticTransform":
        assert result.intrinsics is None
    if name == "HorizontalFlip":
        torch.testing.assert_close(result.intrinsics, Flip(p=1)(frame, rng()).intrinsics)


@pytest.mark.parametrize(
    "transform",
    [
        Flip(p=1),
        Rotate(20),
        Zoom(1.2, 1.4),
        Crop((400, 600), (480, 640), "random"),
        Policy([Rotate(5), Flip(p=1), Zoom(), Rotate(5)]),
        Albumentations("D4", p=1.0),
        Albumentations("Affine", p=1.0, rotate=(-15, 15), scale=(0.9, 1.2), translate_percent=0.1, keep_ratio=True),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_the_principal_point_stays_on_its_pixel(transform, frame):
    """Pictures whose colors are pixel coordinates: wherever cx, cy went, the picture shows the old cx, cy."""
    y, x = np.mgrid[:120, :160].astype(np.float32)
    coordinates = frame._replace(image=torch.from_numpy(np.stack([x / 160, y / 120, x * 0])))
    for seed in range(6):
        result = transform(coordinates, rng(seed))
        cx, cy = result.intrinsics[:2, 2].tolist()
        u, v = int(np.floor(cx)), int(np.floor(cy))
        if not (0 <= u < result.image.shape[2] - 1 and 0 <= v < result.image.shape[1] - 1):
            continue
        corners = result.image[:2, v : v + 2, u : u + 2].double().numpy()
        wx, wy = np.array([u + 1 - cx, cx - u]), np.array([v + 1 - cy, cy - v])
        shown = np.einsum("cyx,y,x->c", corners, wy, wx) * [160, 120]
        np.testing.assert_allclose(shown, [81.4, 63.4], atol=0.05)

"""Each fit against an independent one in numpy, on masks, odd sizes, empty masks and half precision."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from depthbench.errors import UserError
from depthbench.output_kinds import OutputKind
from depthbench.protocols import Alignment, EvalProtocol
from depthbench.protocols.alignment import NAMED, alignment_from, fits
from depthbench.protocols.alignment.applying import aligned_pixels
from depthbench.protocols.alignment.pixels import FitPixels
from depthbench.protocols.alignment.ransac import ransac_line
from depthbench.protocols.alignment.samples import limited_to, one_per_cell
from depthbench.protocols.alignment.spaces import SPACES
from tests.protocols.alignment.record_ransac import RECORD, points

OWN = sorted(name for name, one in NAMED.items() if one.fit != "none")


@pytest.fixture
def rows():
    """Prediction, truth and weights ``(3, 61)``; a third has weight 0 and holds anything."""
    rng = np.random.default_rng(5)
    y = rng.uniform(1, 9, (3, 61))
    x = 0.4 * y + 0.7 + rng.normal(0, 0.3, y.shape)
    y[:, ::9] = rng.uniform(1, 30, y[:, ::9].shape)
    weight = rng.uniform(0.1, 2, y.shape) * (rng.random(y.shape) > 0.3)
    return x, y, weight


def tensors(*arrays):
    return (torch.from_numpy(one) for one in arrays)


def exact_l1(x, y, weight):
    """Least sum of weighted residuals: through one pixel at least the best line runs; exact, O(n² log n)."""
    best = np.inf
    for anchor in np.flatnonzero(weight):
        dx, dy = np.delete(x, anchor) - x[anchor], np.delete(y, anchor) - y[anchor]
        used = np.delete(weight, anchor) * np.abs(dx)
        ratio, order = dy / dx, np.argsort(dy / dx)
        scale = ratio[order][np.searchsorted(used[order].cumsum(), used.sum() / 2)]
        best = min(best, np.sum(weight * np.abs(scale * (x - x[anchor]) + y[anchor] - y)))
    return best


def test_reweighting_reaches_the_exact_weighted_l1(rows):
    x, y, weight = rows
    line = fits.weighted_l1_line(*tensors(x, y, weight))
    found = (weight * np.abs(line.of(torch.from_numpy(x)).numpy() - y)).sum(1)
    for row in range(3):
        expected = exact_l1(x[row], y[row], weight[row])
        assert expected * (1 - 1e-12) <= found[row] <= expected * (1 + 1e-5)


def test_scale_of_the_weighted_l1_is_exact(rows):
    x, y, weight = rows
    scale = fits.weighted_l1_scale(*tensors(x, y, weight)).scale.numpy()
    for row in range(3):
        sums = [np.sum(weight[row] * np.abs(s * x[row] - y[row])) for s in (y[row] / x[row])[weight[row] > 0]]
        assert np.sum(weight[row] * np.abs(scale[row] * x[row] - y[row])) == pytest.approx(min(sums), rel=1e-12)


def test_least_squares_is_numpys(rows):
    x, y, weight = rows
    line, scale = (fit(*tensors(x, y, weight)) for fit in (fits.least_squares_line, fits.least_squares_scale))
    ridge = fits.least_squares_line(*tensors(x, y, weight), ridge=0.5)
    for row in range(3):
        root = np.sqrt(weight[row])
        matrix = np.stack([x[row], np.ones(61)], 1) * root[:, None]
        expected = np.linalg.lstsq(matrix, y[row] * root, rcond=None)[0]
        np.testing.assert_allclose([line.scale[row], line.shift[row]], expected, rtol=1e-10)
        expected = np.linalg.solve(matrix.T @ matrix + 0.5 * np.eye(2), matrix.T @ (y[row] * root))
        np.testing.assert_allclose([ridge.scale[row], ridge.shift[row]], expected, rtol=1e-10)
        expected = np.sum(weight[row] * x[row] * y[row]) / np.sum(weight[row] * x[row] ** 2)
        np.testing.assert_allclose(scale.scale[row], expected, rtol=1e-12)


@pytest.mark.parametrize("power", [1, 2])
def test_huber_is_a_loop_of_numpys(rows, power):
    x, y, weight = rows
    used = weight > 0
    line = fits.huber_line(*tensors(x, y, used.astype(float)), power=power)
    for row in range(3):
        p, t = x[row][used[row]], y[row][used[row]]
        s, b = np.polyfit(p, t, 1)
        for _ in range(20):
            residual = t - s * p - b
            edge = 1.345 * 1.4826 * np.median(np.abs(residual - np.median(residual)))
            huber = np.minimum(1, edge / np.abs(residual)) ** power
            new = np.polyfit(p, t, 1, w=np.sqrt(huber))
            change = max(abs(new[0] - s) / abs(s), abs(new[1] - b) / abs(b))
            s, b = new
            if change < 1e-4:
                break
        np.testing.assert_allclose([line.scale[row], line.shift[row]], [s, b], rtol=1e-8)


def test_medians_and_weiszfeld(rows):
    x, y, weight = rows
    used = weight > 0
    given = list(tensors(x, y, used.astype(float)))
    found = fits.ratio_of_medians(*given).scale, fits.median_of_ratios(*given).scale
    lower, weiszfeld = fits.ratio_of_medians(*given, "lower").scale, fits.weiszfeld_scale(*given).scale
    for row in range(3):
        p, t = x[row][used[row]], y[row][used[row]]
        assert found[0][row] == pytest.approx(np.median(t) / np.median(p), rel=1e-14)
        assert found[1][row] == pytest.approx(np.median(t / p), rel=1e-14)
        assert lower[row] == pytest.approx(float(torch.median(torch.tensor(t)) / torch.median(torch.tensor(p))))
        s = t.mean() / p.mean()
        for _ in range(10):
            again = 1 / (np.abs(s * p - t) + 1e-8)
            s = np.sum(again * p * t) / np.sum(again * p * p)
        assert weiszfeld[row] == pytest.approx(s, rel=1e-12)


@pytest.mark.parametrize("known", json.loads(RECORD.read_text()), ids=lambda known: f"{known['count']}-{known['seed']}")
@pytest.mark.parametrize("weighted", [True, False])
def test_ransac_is_scikit_learns(known, weighted):
    x, y = points(known["count"], known["seed"])
    assert y.mean() == pytest.approx(known["mean_y"], rel=1e-12), "these are not the points of the record"
    given = torch.from_numpy(x)[None], torch.from_numpy(y)[None]
    line = ransac_line(*given, torch.ones_like(given[0]) if weighted else None, known["seed"])
    if known["scale"] > 0:
        assert line.scale.item() == pytest.approx(known["scale"], rel=1e-10)
        assert line.shift.item() == pytest.approx(known["shift"], rel=1e-10)
    else:
        assert line.scale.item() == pytest.approx(y.mean() / x.mean())


def test_ransac_finds_the_line_of_the_inliers_and_repeats_itself():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (2, 500))
    y = 1 + 2 * x
    y[:, ::4] += rng.uniform(1, 5, (2, 125))
    weight = np.ones((2, 500))
    weight[1, 300:] = 0
    first, again = (ransac_line(*tensors(x, y, weight), seed=7) for _ in range(2))
    np.testing.assert_allclose(first.scale, 2, rtol=1e-9)
    np.testing.assert_allclose(first.shift, 1, rtol=1e-9)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    falling = ransac_line(*tensors(x[:1], 5 - x[:1], weight[:1]))
    assert falling.scale.item() == pytest.approx((5 - x[0]).mean() / x[0].mean())
    assert ransac_line(*tensors(x[:, :2], y[:, :2], weight[:, :2])).scale.tolist() == [1, 1]


@pytest.mark.parametrize("size", [(48, 64), (37, 53), (128, 200), (130, 65)])
def test_one_pixel_per_cell(size):
    """A loop by hand picks the valid pixel of each cell's window that is nearest to the cell's center."""
    grid, rng = (16, 8), np.random.default_rng(0)
    values, valid = rng.random(size), rng.random(size) > 0.7
    found, _, present = one_per_cell(grid, *(torch.from_numpy(one)[None, None] for one in (values, values, valid)))
    for (i, j), value, there in zip(product(range(16), range(8)), found[0].tolist(), present[0].tolist(), strict=True):
        extent = [max(1, size[0] / 16), max(1, size[1] / 8)]
        center = (i + 0.5) * size[0] / 16, (j + 0.5) * size[1] / 8
        first = [int(np.round(c - e / 2)) for c, e in zip(center, extent, strict=True)]
        window = product(*(range(f, f + int(np.ceil(e))) for f, e in zip(first, extent, strict=True)))
        inside = [(r, c) for r, c in window if 0 <= r < size[0] and 0 <= c < size[1] and valid[r, c]]
        assert there == bool(inside)
        if inside:
            distances = [np.hypot(r + 0.5 - center[0], c + 0.5 - center[1]) for r, c in inside]
            nearest = [
                values[place] for place, far in zip(inside, distances, strict=True) if far < min(distances) + 1e-6
            ]
            assert value in nearest


def test_a_fit_at_limited_resolution_sees_the_nearest_pixels():
    maps = torch.arange(12.0 * 20).reshape(1, 1, 12, 20)
    found, _, valid = limited_to(10, maps, maps, maps > 5)
    assert found.reshape(6, 10)[1, :3].tolist() == [40.0, 42.0, 44.0]
    assert valid.reshape(6, 10)[0, :4].tolist() == [False, False, False, True]
    assert limited_to(20, maps, maps, maps > 5)[0].shape == (1, 240)


def perfect(kind, truth):
    """The output of a perfect network of a kind."""
    if kind.unknown == "order":
        return truth.double() + truth.double() ** 2
    known = {"": (1, 0), "scale": (0.37, 0)}.get(kind.unknown, (0.37, 0.61))
    return known[0] * SPACES[kind.quantity].of_depth(truth.double()) + known[1]


@pytest.mark.parametrize("name", [*OWN, "none"])
@pytest.mark.parametrize("kind", OutputKind)
def test_a_perfect_prediction_of_every_kind_is_perfect_after_every_alignment_that_serves_it(name, kind, maps):
    alignment = NAMED[name]
    _, truth, valid = maps(height=70, width=66)
    prediction = perfect(kind, truth.where(valid, 1.0))
    found = alignment.aligned(prediction, truth, valid, kind.quantity)
    error = ((found - truth).abs() / truth)[valid].max().item()
    if alignment.serves(kind):
        assert error < 2e-6
    else:
        assert error > 1e-3


@pytest.mark.parametrize("name", OWN)
def test_images_do_not_see_each_other_nor_what_is_masked(name, maps):
    """Nor do empty masks, halves or odd sizes hurt."""
    prediction, truth, valid = maps(height=31, width=45)
    prediction = prediction.where(valid, 77.0)
    alignment = NAMED[name]
    whole = alignment.aligned(prediction, truth, valid)
    for row in range(3):
        alone = alignment.aligned(*(one[row : row + 1] for one in (prediction.where(valid, -5.0), truth, valid)))
        torch.testing.assert_close(
            alone[valid[row : row + 1]], whole[row : row + 1][valid[row : row + 1]], rtol=2e-6, atol=0
        )
    valid[1] = False
    assert torch.equal(alignment.aligned(prediction, truth, valid)[0], whole[0])
    halves = alignment.aligned(prediction.half(), truth, valid)
    assert halves.dtype == torch.float32
    assert halves[0][valid[0]].isfinite().all()


def test_trimming_is_strict_and_by_the_prediction(maps):
    prediction, truth, valid = maps()
    x, y, kept = FitPixels(prediction, truth, valid).rows(NAMED["scale_shift_trimmed"])
    for row in range(3):
        p = prediction[row][valid[row]].double().numpy()
        low, high = np.percentile(p, [5, 95])
        assert kept[row].sum() == np.sum((p > low) & (p < high))
        assert x.shape == y.shape == kept.shape


def test_limits_in_disparity_make_what_lies_behind_infinity_far():
    truth = torch.tensor([1.0, 2.0, 4.0, 8.0]).reshape(1, 1, 1, 4)
    disparity = torch.tensor([1.0, 0.5, 0.25, -0.3]).reshape(1, 1, 1, 4)
    given = disparity, truth, truth < 8, "disparity"
    far = Alignment(fit="least_squares", space="disparity", parts="scale_shift", clamp=(None, "truth"))
    assert far.aligned(*given).flatten().tolist() == pytest.approx([1, 2, 4, 4])
    assert replace(far, clamp=(1.5, 100)).aligned(*given).flatten().tolist() == pytest.approx([1.5, 2, 4, 100])
    assert replace(far, clamp=None).aligned(*given)[..., 3] < 0


def test_names_and_fields():
    assert alignment_from("median") is NAMED["median"]
    own = alignment_from({"fit": "least_squares", "parts": "scale_shift", "clamp": [None, 9]})
    assert (own.clamp, str(own)) == ((None, 9), "fit=least_squares, parts=scale_shift, clamp=(None, 9)")
    assert own == replace(NAMED["scale_shift"], clamp=(None, 9))
    assert hash(EvalProtocol(name="x", alignment=own)) == hash(EvalProtocol(name="x", alignment=replace(own, name="y")))


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("mean", "alignment is 'mean'; choose one of none, median"),
        ({"fitt": "median"}, "no field fitt; it has name, fit"),
        ({"fit": "mean"}, "fit is 'mean'; choose one of none, median"),
        ({"fit": "median", "parts": "scale_shift"}, "fit=median finds alignment.parts=scale only"),
        ({"fit": "ransac"}, "fit=ransac finds alignment.parts=scale_shift only"),
        ({"fit": "least_squares", "space": "log"}, "give alignment.parts=scale_shift"),
        ({"fit": "median", "clamp": [1]}, "give two values"),
        ({"fit": "median", "clamp": ["near", 3]}, "give metres, truth or null"),
        ({"fit": "median", "over": "video"}, "choose one of image, sequence, set"),
        ({"fit": "median", "over": "set", "trim": [5, 95]}, "leave out sample, max_side and trim"),
    ],
)
def test_mistakes(value, sentence):
    with pytest.raises(UserError, match=sentence):
        EvalProtocol(name="x", alignment=value)


ONE_IMAGE = [name for name in OWN if NAMED[name].over == "image"]


@pytest.mark.parametrize("everywhere", [True, False])
def test_alignments_that_share_pixels_find_what_each_finds_alone(maps, everywhere):
    prediction, truth, valid = maps()
    if everywhere:
        prediction, truth, valid = prediction[:2], truth[:2].clamp(min=0.5), torch.ones_like(valid[:2])
    prediction, truth = prediction.double(), truth.double()  # in which nothing is copied on the way
    kept = prediction.clone(), truth.clone()
    shared = FitPixels(prediction, truth, valid)
    for name in [*ONE_IMAGE, *reversed(ONE_IMAGE)]:  # in either order, so that none spoils what the next one takes
        alone = NAMED[name].aligned(prediction, truth, valid)
        assert torch.equal(aligned_pixels(NAMED[name], shared).nan_to_num(), alone.nan_to_num()), name
    assert torch.equal(prediction, kept[0])
    assert torch.equal(truth, kept[1])


@pytest.mark.parametrize("name", ONE_IMAGE)
def test_fits_to_valid_pixels_alone_are_those_with_weights_of_zero(maps, name):
    """Weights of zero stand for the GPU, which would have to be waited for to take pixels out."""
    prediction, truth, valid = maps()
    pixels = FitPixels(prediction, truth, valid)
    line, weighted = pixels.line(NAMED[name]), NAMED[name].line(*pixels.rows(NAMED[name]))
    for row in range(len(truth)):
        if valid[row].any():
            for one, other in ((line.scale, weighted.scale), (line.shift, weighted.shift)):
                assert one[row].item() == pytest.approx(other[row].item(), rel=1e-6, abs=1e-8)


def test_a_map_larger_than_a_block_is_aligned_whole():
    truth = torch.rand(1, 1, 300, 401, generator=torch.Generator().manual_seed(0)) * 8 + 1
    found = NAMED["disparity"].aligned(7 / truth + 0.9, truth, truth > 3, "disparity")
    assert torch.allclose(found, truth.clamp(max=float(truth.amax())), rtol=1e-5)

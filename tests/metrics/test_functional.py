import numpy as np
import pytest
import torch

from depthbench.errors import UserError
from depthbench.metrics import functional
from depthbench.metrics.pixel_sums import COLUMNS, PRESENT, cell_sums, least_present, masked_sums
from tests.score_references import extended_scores_of


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("shape", [(3, 37, 53), (1, 1, 1), (2, 120, 160)])
def test_every_score_equals_float64_numpy(maps, reference, shape, strict):
    prediction, truth, _ = maps(*shape, holes=0.3 if shape[1] > 1 else 0.0)
    found = functional.per_image(prediction, truth, strict=strict)
    for i in range(shape[0]):
        expected = reference(prediction[i].numpy(), truth[i].numpy(), truth[i].numpy() > 0, strict)
        assert found.keys() - {"pixels", "nonfinite"} == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][i].item(), value, rtol=3e-6, atol=3e-7, err_msg=name)
        assert found["pixels"][i] == (truth[i] > 0).sum()


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("shape", [(3, 37, 53), (1, 1, 1)])
def test_every_extended_score_equals_float64_numpy(maps, reference, shape, strict):
    prediction, truth, _ = maps(*shape, holes=0.3 if shape[1] > 1 else 0.0)
    found = functional.per_image(prediction, truth, strict=strict, extended=True)
    standard = functional.per_image(prediction, truth, strict=strict)
    assert all(torch.equal(found[name], values) for name, values in standard.items())
    for i in range(shape[0]):
        expected = extended_scores_of(prediction[i].numpy(), truth[i].numpy(), truth[i].numpy() > 0, strict)
        assert found.keys() - standard.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][i].item(), value, rtol=3e-6, atol=3e-7, err_msg=name)


@pytest.mark.parametrize("junk", [0.0, -1.0])
def test_extended_scores_of_a_prediction_at_or_behind_the_camera(maps, junk):
    """Such a prediction counts as a miss of every delta, and with its whole error."""
    prediction, truth, _ = maps(1, holes=0.0)
    clean = functional.per_image(prediction, truth, extended=True)
    hit = (prediction[0, 0] / truth[0, 0]).log().abs().argmin()
    prediction.flatten()[hit] = junk
    found = functional.per_image(prediction, truth, extended=True)
    for name in ("delta0.5", "delta0.125", "tau", "d_auc"):
        share = (clean[name] - found[name]).item() * truth.numel()
        assert share == pytest.approx(99 * (4.99 / 99) / 5 if name == "d_auc" else 1, rel=1e-3)
    assert found["iRMSE"].isinf() == (junk == 0)


@pytest.mark.parametrize("way", [1, -1])
def test_a_ratio_exactly_at_a_fine_threshold(way):
    truth = torch.tensor([1.0, 2.0, 4.0, 0.5]).reshape(1, 1, 2, 2)
    for name, factor in (("delta0.5", 1.25**0.5), ("delta0.125", 1.25**0.125), ("tau", 1.03)):
        pair = (truth * factor, truth)[::way]
        assert functional.per_image(*pair, strict=True, extended=True)[name] == 0
        assert functional.per_image(*pair, strict=False, extended=True)[name] == 1


def test_released_bts_code(golden):
    data = golden("bts_metrics_a")
    truth = torch.from_numpy(data["target"])
    prediction = torch.from_numpy(data["prediction"]).clamp(1e-3, 10)
    found = functional.per_image(prediction, truth, (truth > 1e-3) & (truth < 10))
    names = {"silog": "SILog", "abs_rel": "AbsRel", "log10": "log10", "rms": "RMSE", "sq_rel": "SqRel"}
    names |= {"log_rms": "RMSElog", "d1": "delta1", "d2": "delta2", "d3": "delta3"}
    for column, name in enumerate(data["names"]):
        np.testing.assert_allclose(found[names[name]], data["per_image"][:, column], rtol=2e-6)


def test_released_code_of_lee2020(golden):
    data = golden("lee2020_a")
    found = functional.per_image(torch.from_numpy(data["prediction"]), torch.from_numpy(data["target"]), strict=False)
    names = ("RMSE", "RMSElog", "AbsRel", "SqRel", "log10", "delta1", "delta2", "delta3")
    for column, name in enumerate(names):
        np.testing.assert_allclose(found[name], data["metrics"][:, column], rtol=2e-6)


def test_perfect_prediction_is_exactly_perfect(maps):
    _, truth, _ = maps()
    found = functional.per_image(truth, truth)
    for name in functional.SCORES:
        assert (found[name] == (1.0 if name in functional.HIGHER_IS_BETTER else 0.0)).all()


def test_constant_factor(maps):
    _, truth, _ = maps()
    found = functional.per_image(truth * 1.5, truth)
    one = torch.ones(3, dtype=torch.float64)
    torch.testing.assert_close(found["AbsRel"], 0.5 * one, rtol=1e-6, atol=0)
    torch.testing.assert_close(found["RMSElog"], np.log(1.5) * one, rtol=1e-6, atol=0)
    torch.testing.assert_close(found["SILog"], 0 * one, rtol=0, atol=1e-5)
    assert (found["delta1"] == 0).all()
    assert (found["delta2"] == 1).all()


@pytest.mark.parametrize("power", [1, 2, 3])
@pytest.mark.parametrize("way", [1, -1])
def test_a_ratio_exactly_at_the_threshold(power, way):
    truth = torch.tensor([1.0, 2.0, 4.0, 0.5]).reshape(1, 1, 2, 2)
    larger = truth * 1.25**power
    prediction, truth = (larger, truth) if way == 1 else (truth, larger)
    assert functional.per_image(prediction, truth, strict=True)[f"delta{power}"] == 0
    assert functional.per_image(prediction, truth, strict=False)[f"delta{power}"] == 1


@pytest.mark.parametrize("junk", [float("nan"), float("inf"), -float("inf"), -1.0, 0.0])
def test_what_is_outside_the_mask_has_no_influence(maps, junk):
    prediction, truth, valid = maps()
    clean = masked_sums(prediction, truth)
    spoiled = masked_sums(prediction.where(valid, junk), truth.where(valid, junk), valid)
    assert torch.equal(clean, spoiled)


@pytest.mark.parametrize(("junk", "counted"), [(float("nan"), 1), (float("inf"), 1), (-float("inf"), 1), (-1.0, 0)])
def test_a_bad_prediction_is_not_hidden(maps, junk, counted):
    prediction, truth, _ = maps(holes=0.0)
    clean = functional.per_image(prediction, truth)
    prediction[1, 0, 5, 5] = junk
    truth[1, 0, 5, 5] = 1.1
    found = functional.per_image(prediction, truth)
    assert found["nonfinite"].tolist() == [0, counted, 0]
    assert not found["RMSElog"][1].isfinite()
    assert (found["delta3"][1] * found["pixels"][1]).round() <= found["pixels"][1] - 1
    for name in functional.SCORES:
        assert found[name][0] == clean[name][0]


def test_a_prediction_of_zero_is_infinitely_wrong_in_log():
    found = functional.per_image(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    assert found["AbsRel"] == 1
    assert found["log10"] == float("inf")
    assert found["delta3"] == 0


def test_without_a_valid_pixel_scores_are_nan_and_sums_zero(maps):
    prediction, truth, _ = maps()
    truth[1] = 0
    sums = masked_sums(prediction, truth)
    assert (sums[1] == 0).all()
    found = functional.per_image_from(sums)
    assert all(found[name][1].isnan() and found[name][[0, 2]].isfinite().all() for name in functional.SCORES)


def test_a_single_valid_pixel(maps):
    prediction, truth, _ = maps()
    valid = torch.zeros_like(truth, dtype=torch.bool)
    valid[:, :, 3, 4] = True
    truth[:, :, 3, 4] = 2.0
    found = functional.per_image(prediction, truth, valid)
    torch.testing.assert_close(found["RMSE"], (prediction[:, 0, 3, 4].double() - 2).abs(), rtol=1e-6, atol=0)
    assert (found["SILog_unidepth"] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_dtype_gives_what_its_values_give_in_float32(maps, dtype):
    prediction, truth, valid = maps()
    prediction, truth = prediction.to(dtype), truth.to(dtype)
    assert torch.equal(
        masked_sums(prediction, truth, valid),
        masked_sums(prediction.float(), truth.float(), valid),
    )


def test_sums_do_not_depend_on_the_batch(maps):
    prediction, truth, _ = maps(7)
    whole = masked_sums(prediction, truth)
    parts = [masked_sums(prediction[i : i + 2], truth[i : i + 2]) for i in range(0, 7, 2)]
    torch.testing.assert_close(whole, torch.cat(parts), rtol=1e-12, atol=0)


def test_an_empty_batch_has_no_rows():
    assert masked_sums(torch.ones(0, 1, 4, 4), torch.ones(0, 1, 4, 4)).shape == (0, 12)


@pytest.mark.parametrize("extended", [False, True])
def test_cells_and_rules_equal_crops_one_by_one(maps, extended):
    prediction, truth, valid = maps()
    rules = [(True, False), (False, False), (True, True)]
    rows, columns = (0, 5, 20, 37), (0, 11, 40, 53)
    cells = cell_sums(prediction, truth, valid, rules, rows, columns, extended)
    for j, (strict, swapped) in enumerate(rules):
        p, t = (truth, prediction) if swapped else (prediction, truth)
        inner = [maps[..., 5:37, 11:40] for maps in (p, t, valid)]
        expected = masked_sums(*inner, strict=strict, extended=extended)
        torch.testing.assert_close(cells[:, j, 1:, 1:2].sum((1, 2)), expected, rtol=1e-6, atol=1e-9)


def test_gradients_of_the_input_do_not_matter(maps):
    prediction, truth, _ = maps()
    sums = masked_sums(prediction.requires_grad_(), truth)
    assert not sums.requires_grad


def test_shapes_that_differ_are_refused(maps):
    prediction, truth, _ = maps()
    with pytest.raises(UserError, match="resize"):
        masked_sums(prediction[..., 1:], truth)
    with pytest.raises(UserError, match="depth maps"):
        masked_sums(torch.ones(1, 3, 4, 4), torch.ones(1, 3, 4, 4))


def test_an_unknown_definition_names_those_that_exist(maps):
    prediction, truth, _ = maps()
    with pytest.raises(UserError, match="bts, depth_anything_v2"):
        functional.silog(masked_sums(prediction, truth), "zoedepth")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_no_host_synchronization(maps):
    prediction, truth, valid = (x.cuda() for x in maps())
    masked_sums(prediction, truth, valid)
    torch.cuda.set_sync_debug_mode("error")
    try:
        sums = masked_sums(prediction, truth, valid)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(sums.cpu(), masked_sums(*maps()), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("extended", [False, True])
def test_sums_do_not_depend_on_the_blocks_that_the_cache_holds(maps, monkeypatch, extended):
    prediction, truth, valid = maps()
    prediction[1, 0, 5, 5] = float("nan")
    grid = [[(True, False), (False, True)], (0, 5, 20, 37), (0, 11, 40, 53)]
    whole = [cell_sums(prediction, truth, mask, *grid, extended) for mask in (valid, PRESENT, (1.0, 6.0))]
    for block in (1, 53 * 4, 53 * 7 + 1):
        monkeypatch.setattr("depthbench.metrics.pixel_pass.BLOCK", block)
        for mask, expected in zip((valid, PRESENT, (1.0, 6.0)), whole, strict=True):
            found = cell_sums(prediction, truth, mask, *grid, extended)
            torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9, equal_nan=True)


@pytest.mark.parametrize("size", [1e-7, 1e-4, 0.03, 0.7])
def test_logarithms_keep_their_digits_where_ratios_are_near_one(size):
    generator = torch.Generator().manual_seed(0)
    truth = 1 + 8 * torch.rand(1, 1, 200, 300, generator=generator)
    prediction = truth * (1 + size * torch.rand(truth.shape, generator=generator))
    exact = (prediction.double() / truth.double()).log()
    sums = masked_sums(prediction, truth)[0]
    for name, expected in (("log", exact), ("log_square", exact.square()), ("log_abs", exact.abs())):
        assert sums[COLUMNS.index(name)].item() == pytest.approx(expected.sum().item(), rel=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_the_least_present_depth_passes_over_what_is_missing(dtype, monkeypatch):
    monkeypatch.setattr("depthbench.metrics.pixel_sums.BLOCK", 7)
    truth = torch.tensor([0.0, -0.0, 3.0, -2.0, 0.5, float("inf"), float("nan"), 4, 0, 8], dtype=dtype)
    assert least_present(truth.view(1, 1, 2, 5)) == 0.5
    assert least_present(torch.zeros(2, 1, 3, 4, dtype=dtype)) == float("inf")

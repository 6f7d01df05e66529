"""The compiled sums and those of torch: the same numbers, and nothing lost where they can't be compiled."""

import math
import subprocess

import pytest
import torch

from depthbench import native
from depthbench.metrics import pixel_kernel
from depthbench.metrics.pixel_sums import COLUMNS, PRESENT, cell_sums, key_of

RULES = [(True, False), (False, False), (True, True)]


@pytest.fixture(scope="module", autouse=True)
def _compiler():
    if native.compiled(pixel_kernel.SOURCE) is None:
        pytest.skip("no C compiler here")


def without(monkeypatch):
    monkeypatch.setattr(pixel_kernel, "_library", lambda: None)


@pytest.fixture
def maps():
    """A width that is no multiple of a vector, missing truth, ratios at the thresholds, and far errors."""
    generator = torch.Generator().manual_seed(0)
    t = 10 ** (torch.rand(2, 1, 171, 77, generator=generator) * 3 - 1)
    p = t * torch.randn(t.shape, generator=generator).mul(0.4).exp()
    p[:, :, :30] = t[:, :, :30] * (1 + torch.randn(2, 1, 30, 77, generator=generator) * 1e-6)
    p[:, :, 30:40] = t[:, :, 30:40] * 1.25
    t[torch.rand(t.shape, generator=generator) < 0.2] = 0
    return p, t


@pytest.mark.parametrize("valid", ["present", "range", "mask", "nothing"])
@pytest.mark.parametrize("crossed", [False, True])
def test_they_agree_with_torch_and_float64(maps, valid, crossed, monkeypatch):
    p, t = maps
    if crossed:  # neighbors of a row apart in memory
        p, t = (x.transpose(2, 3).contiguous().transpose(2, 3) for x in (p, t))
    mask = (t > 0) & (torch.rand(t.shape) > 0.5)
    given = {"present": PRESENT, "range": (0.5, 20.0), "mask": mask, "nothing": torch.zeros_like(mask)}[valid]
    cells = ([0, 50, 171], [3, 20, 77])
    found = cell_sums(p, t, given, RULES, *cells)
    without(monkeypatch)
    torch.testing.assert_close(found, cell_sums(p, t, given, RULES, *cells), rtol=2e-6, atol=1e-5)
    keep = given if isinstance(given, torch.Tensor) else (t >= given[0]) & (t <= given[1])
    inside = keep[:, 0, 50:, 3:20]
    ratio = (p.double() / t.double())[:, 0, 50:, 3:20]
    expected = [torch.where(inside, value, 0).sum((1, 2)) for value in (ratio.log(), ratio.log().abs())]
    places = [COLUMNS.index("log"), COLUMNS.index("log_abs")]
    torch.testing.assert_close(found[:, 0, 1, 0, places], torch.stack(expected, -1), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("valid", ["range", "mask"])
def test_sums_over_all_columns_are_those_of_cells(maps, valid):
    p, t = maps
    given = (0.5, 20.0) if valid == "range" else (t > 0) & (p < 15)
    whole = cell_sums(p, t, given, RULES, [0, 50, 171])
    cells = cell_sums(p, t, given, RULES, [0, 50, 171], [0, 3, 77])
    torch.testing.assert_close(whole[:, :, :, 0], cells.sum(3), rtol=1e-6, atol=1e-6)
    counts = [COLUMNS.index(name) for name in ("pixels", "nonfinite", "delta1", "delta2", "delta3")]
    assert torch.equal(whole[:, :, :, 0, counts], cells.sum(3)[..., counts])


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 0.0])
def test_predictions_that_are_none_are_never_inliers(maps, value, monkeypatch):
    p, t = maps
    p[0, 0, 7, 70] = value
    t[0, 0, 7, 70] = 2.0
    found = cell_sums(p, t, PRESENT, RULES)
    without(monkeypatch)
    torch.testing.assert_close(found, cell_sums(p, t, PRESENT, RULES), rtol=2e-6, atol=1e-5, equal_nan=True)


def test_logarithms_are_right_to_an_ulp():
    ratio = torch.cat([torch.logspace(-7, 6, 4001), -torch.logspace(-7, -0.001, 3999)]).view(1, 1, 1, -1)
    t = torch.ones_like(ratio)
    keys = [("log", False), ("pixels", None)]
    sums = pixel_kernel.kernel_cells((t + ratio)[:, 0], t[:, 0], PRESENT, keys, ([0, 1], range(8001)), [0.0] * 6)
    wanted = torch.log1p(((t + ratio) - t).double())[0, 0, 0].numpy()
    assert (abs(sums[0, 0, :, 0] - wanted) <= 1.5e-7 * abs(wanted)).all()


def test_only_the_standard_sums_on_a_cpu_are_compiled(maps):
    t = maps[1][:, 0]
    keys = [key_of(name, rule) for name in COLUMNS for rule in RULES]
    assert pixel_kernel.places_in_kernel(t, keys) == list(range(len(keys)))
    assert pixel_kernel.places_in_kernel(t, [("tau", True), ("pixels", None)]) == [1]
    assert pixel_kernel.places_in_kernel(t.to("meta"), [("pixels", None)]) == []


def test_without_a_compiler_or_a_safe_place_there_is_no_library(tmp_path, monkeypatch):
    source = tmp_path / "one.c"
    source.write_text("int one(void) { return 1; }\n")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    load = native.compiled.__wrapped__
    assert load(source).one() == 1
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: pytest.fail("compiled again"))
    assert load(source).one() == 1
    (tmp_path / "cache" / "depthbench").chmod(0o777)
    assert load(source) is None
    (tmp_path / "cache" / "depthbench").chmod(0o700)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(source))  # not a folder
    assert load(source) is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source.write_text("this is no C")
    assert load(source) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert load(source) is None

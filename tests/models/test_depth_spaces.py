import math

import pytest
import torch

from depthbench.models import InverseDepth, LogDepth, MetricDepth, TanhDepth

SPACES = [MetricDepth(), LogDepth(), InverseDepth(min_depth=0.1), TanhDepth()]


@pytest.mark.parametrize("space", SPACES, ids=lambda s: type(s).__name__)
class TestSpace:
    def test_there_and_back(self, space):
        depth = torch.tensor([0.1, 0.5, 2.7, 9.99])
        torch.testing.assert_close(space.to_depth(space.from_depth(depth)), depth)

    def test_missing_is_finite_also_in_the_gradient(self, space):
        depth = torch.tensor([0.0, 3.0], requires_grad=True)
        values = space.from_depth(depth)
        assert values.isfinite().all()
        values.sum().backward()
        assert depth.grad.isfinite().all()

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision(self, space, dtype):
        output = torch.tensor([-100.0, -1.0, 0.0, 1.0, 100.0], dtype=dtype)
        depth = space.to_depth(output)
        assert depth.dtype == torch.float32
        assert depth.isfinite().all()
        assert space.from_depth(torch.tensor([0.0, 1e-4, 3.0, 80.0], dtype=dtype)).isfinite().all()

    def test_bias_is_the_output_of_that_depth(self, space):
        output = space.activate(torch.tensor(space.bias(2.5), dtype=torch.float64))
        assert space.to_depth(output).item() == pytest.approx(2.5)


def test_closed_forms():
    depth = torch.tensor([2.0])
    assert LogDepth().from_depth(depth).item() == pytest.approx(math.log(2))
    assert InverseDepth().from_depth(depth).item() == 5
    assert TanhDepth().from_depth(depth).item() == pytest.approx(-0.6)
    assert TanhDepth().activate(depth).item() == pytest.approx(math.tanh(2))
    extremes = torch.tensor([-3.0, 0.0, 1000.0])
    assert InverseDepth().to_depth(extremes).tolist() == pytest.approx([10, 10, 0.4])
    assert InverseDepth(min_depth=0.1).to_depth(extremes).tolist() == pytest.approx([10, 10, 0.1])

"""Weights: the arithmetic of lee2020, its proven properties, periods, restarts and several processes."""

import io
import math

import numpy as np
import pytest
import torch

from depthbench import losses as L
from depthbench.errors import UserError

K = 7


def positive(*shape):
    return 0.05 + 5 * torch.rand(*shape, dtype=torch.float64)


def terms(batch, seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * (0.05 + torch.rand(batch, 78, generator=generator))


def simulated(periods, epochs, released):
    """The rebalancing of the authors' code (or the paper's eq. 9 and 11) as plain arithmetic: weights per period."""
    count = len(periods[0])
    weights, previous, history = [1 / count] * count, None, []
    for losses, epoch in zip(periods, epochs, strict=True):
        history.append(weights)
        total = sum(w * x for w, x in zip(weights, losses, strict=True))
        if previous is None:
            weights = [total / x * (1 / count if released else 1) for x in losses]
        else:
            lam = max(3 - 1.5 * epoch, -3)
            total_before = sum(w * x for w, x in zip(weights, previous, strict=True))
            share = [x / total for x in losses]
            change = [p - x / total_before for p, x in zip(share, previous, strict=True)]
            factor = [1 - lam * d / p for d, p in zip(change, share, strict=True)]
            weights = [w * (min(max(f, 0.5), 2) if released else f) for w, f in zip(weights, factor, strict=True)]
        previous = losses
    return [*history, weights]


def test_initial_weights_balance_the_contributions():
    losses = positive(K)
    paper, released = L.initial_weights(losses), L.initial_weights(losses, "released")
    torch.testing.assert_close(paper * losses, losses.mean().expand(K))
    torch.testing.assert_close((released * losses).sum(), losses.mean())
    torch.testing.assert_close(paper, K * released)


@pytest.mark.parametrize("lam", [-3.0, -1.5, 0.0, 1.0, 3.0])
def test_rebalancing_conserves_the_total(lam):
    weights, before, now = positive(K), positive(K), positive(K)
    new = L.rebalanced_weights(weights, before, now, lam)
    torch.testing.assert_close((new * now).sum(), (weights * now).sum())
    if lam == 0:
        assert torch.equal(new, weights)


def test_lambda_one_keeps_each_contribution():
    weights, before, now = positive(K), positive(K), positive(K)
    new = L.rebalanced_weights(weights, before, now, 1.0)
    share_before, share_now = before / (weights * before).sum(), now / (weights * now).sum()
    torch.testing.assert_close(new * share_now, weights * share_before)


def test_a_positive_lambda_favors_the_loss_that_falls_faster():
    weights, before = torch.ones(2).double(), torch.ones(2).double()
    now = torch.tensor([0.5, 0.9]).double()
    for lam, easier in ((0.5, True), (-0.5, False)):
        new = L.rebalanced_weights(weights, before, now, lam)
        assert (new[0] > 1) == easier
        assert (new[1] < 1) == easier


def test_clamp():
    weights, before, now = positive(K), positive(K), positive(K)
    factor = L.rebalanced_weights(weights, before, now, 50.0, (0.5, 2.0)) / weights
    assert factor.min().item() == pytest.approx(0.5)
    assert factor.max().item() == pytest.approx(2.0)


def test_a_loss_that_is_zero_or_absent_keeps_its_weight():
    weights, before, now = positive(K), positive(K), positive(K)
    now[0], before[1], now[2] = 0, 0, math.nan
    new = L.rebalanced_weights(weights, before, now, 2.0)
    assert torch.equal(new[:3], weights[:3])
    torch.testing.assert_close(new[3:], L.rebalanced_weights(weights[3:], before[3:], now[3:], 2.0))
    initial = L.initial_weights(now)
    assert initial[0] == initial[2] == 1 / K
    assert initial.isfinite().all()


def test_schedules():
    assert [L.LinearLambda()(e) for e in range(7)] == [3, 1.5, 0, -1.5, -3, -3, -3]
    assert [L.SteppedLambda()(e) for e in range(7)] == [3, 1.5, 0, -1.5, -3, -3, -3]
    assert [L.SteppedLambda(-1, 1, 1)(e) for e in range(4)] == [-1, 0, 1, 1]
    assert [L.ConstantLambda(2)(e) for e in range(3)] == [2, 2, 2]
    assert L.LinearLambda(5, -5, 3)(1) == 0


class Given(L.LossSpace):
    """A space whose terms are given as the prediction: ``(B, 78, 1, 1)``."""

    def with_counts(self, prediction, target, valid=None):
        values = prediction.flatten(1)
        return values, torch.ones_like(values) if valid is None else valid.flatten(1).float()


def rebalanced(released=False):
    clamp = (0.5, 2.0) if released else None
    variant = "released" if released else "paper"
    return L.WeightedTerms(Given(), L.Rebalance(L.SteppedLambda(), variant=variant, clamp=clamp))


def step(loss, values):
    return loss(values[..., None, None], None)


@pytest.mark.parametrize("released", [False, True])
def test_a_course_of_periods(released):
    """Uneven batches: the statistics are means over images."""
    loss, batches = rebalanced(released), [[3, 5, 2], [4, 4], [1, 6], [5], [2, 2]]
    epochs = [0, 0, 1, 3, 4]
    data = [[terms(b, 100 * i + j, 1 / (i + 1)) for j, b in enumerate(sizes)] for i, sizes in enumerate(batches)]
    means = [torch.cat(period).double().mean(dim=0).tolist() for period in data]
    history = simulated(means, epochs, released)
    for i, period in enumerate(data):
        for values in period:
            wanted = (torch.tensor(history[i]) * values.double().mean(dim=0)).sum().item()
            assert step(loss, values).item() == pytest.approx(wanted, rel=1e-5)
        trace = loss.end_period(epochs[i])
        assert (trace.period, trace.names) == (i, loss.names)
        np.testing.assert_allclose(trace.losses, means[i], rtol=1e-12)
        np.testing.assert_allclose(trace.weights, history[i], rtol=1e-9)
    np.testing.assert_allclose(loss.weighting.weights, history[-1], rtol=1e-9)


def test_without_initialization_the_weights_start_equal():
    loss = L.WeightedTerms(Given(), L.Rebalance(initialize=False))
    step(loss, terms(3, 0))
    loss.end_period(0)
    assert torch.equal(loss.weighting.weights, torch.full((78,), 1 / 78, dtype=torch.float64))
    step(loss, terms(3, 1))
    loss.end_period(0)
    assert (loss.weighting.weights != 1 / 78).any()


def test_evaluation_is_not_counted():
    loss = rebalanced()
    step(loss, terms(3, 0))
    loss.eval()
    step(loss, terms(3, 1))
    np.testing.assert_allclose(loss.end_period(0).losses, terms(3, 0).double().mean(dim=0), rtol=1e-12)


def test_a_restart_in_the_middle_of_a_period_changes_nothing():
    straight, first = rebalanced(), rebalanced()
    for loss in (straight, first):
        for period in range(2):
            step(loss, terms(4, period))
            loss.end_period(0)
        step(loss, terms(4, 10))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = rebalanced()
    second.load_state_dict(torch.load(file, weights_only=True))
    for loss in (straight, second):
        step(loss, terms(3, 11))
    one, two = straight.end_period(1), second.end_period(1)
    assert one.period == two.period == 2
    assert torch.equal(one.losses, two.losses)
    assert torch.equal(straight.weighting.weights, second.weighting.weights)


def test_processes_share_their_sums():
    """Two processes with unequal shares of the images hold what one with all of them holds."""
    alone, ranks = rebalanced(), (rebalanced(), rebalanced())
    for period in range(3):
        values = terms(7, period)
        step(alone, values)
        step(ranks[0], values[:2])
        step(ranks[1], values[2:])
        total = ranks[0].meter.sums + ranks[1].meter.sums
        alone.end_period(period)
        for loss in ranks:
            loss.end_period(period, lambda _, total=total: total)
    for loss in ranks:
        torch.testing.assert_close(loss.weighting.weights, alone.weighting.weights, rtol=1e-12, atol=0)


def test_absent_terms_are_left_out_of_means():
    loss, values = rebalanced(), terms(4, 0)
    present = torch.rand(4, 78) < 0.5
    present[:, 3], present[0, 4:] = False, True
    value = loss(values[..., None, None], None, present[..., None, None])
    means = [values[present[:, k], k].mean().item() if present[:, k].any() else 0.0 for k in range(78)]
    assert value.item() == pytest.approx(sum(means) / 78, rel=1e-5)
    losses = loss.end_period(0).losses
    assert losses[3].isnan()
    assert losses[4:].isfinite().all()
    assert loss.weighting.weights.isfinite().all()


def test_uncertainty_is_exp_minus_s_with_a_penalty():
    loss = L.WeightedTerms(Given(), L.Uncertainty())
    s = torch.linspace(-1, 1, 78)
    loss.weighting.log_variance.data.copy_(s)
    values = terms(3, 0)
    value = step(loss, values)
    assert value.item() == pytest.approx(((-s).exp() * values.mean(dim=0) + s).sum().item(), rel=1e-5)
    value.backward()
    torch.testing.assert_close(loss.weighting.log_variance.grad, 1 - (-s).exp() * values.mean(dim=0))
    assert [name for name, _ in loss.named_parameters()] == ["weighting.log_variance"]
    torch.testing.assert_close(loss.end_period(0).weights, (-s).exp())


def test_fixed_weights_by_name_and_kind():
    loss = L.WeightedTerms(L.LossSpace(kinds=["D", "M"], scales=[0, 1]), L.Fixed({"D": 2, "D/1": 3}, default=0.5))
    assert dict(zip(loss.names, loss.weighting.weights.tolist(), strict=True)) == {
        "D/0": 2, "M/0": 0.5, "D/1": 3, "M/1": 0.5,
    }  # fmt: skip


def test_a_weighted_sum_names_and_traces_its_parts():
    loss = L.WeightedSum({"a": {"weight": 2, "loss": L.L1()}, "b": {"weight": 0.5, "loss": L.L2()}})
    batches = [(torch.rand(b, 1, 4, 5), torch.rand(b, 1, 4, 5)) for b in (2, 3)]
    for maps in batches:
        a, b = L.L1()(*maps), L.L2()(*maps)
        torch.testing.assert_close(loss(*maps), 2 * a + 0.5 * b)
        assert loss.parts == {"a": a, "b": b}
    trace = loss.end_period(0)
    wanted = [
        torch.cat([d - g for d, g in batches]).abs().mean(),
        torch.cat([d - g for d, g in batches]).square().mean(),
    ]
    torch.testing.assert_close(trace.losses.float(), torch.stack(wanted))
    assert trace.weights.tolist() == [2, 0.5]


def test_terms_need_a_weight_and_a_loss():
    with pytest.raises(UserError, match="weight and loss"):
        L.WeightedSum({"a": {"weight": 1, "loss": L.L1(), "scale": 2}})

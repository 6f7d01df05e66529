"""What every loss must do, for every configuration in conf/loss and every variant: one harness, no names."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from depthbench import losses as L
from depthbench.errors import UserError
from depthbench.losses.map_loss import set_reduction
from depthbench.losses.reduction import REDUCERS
from depthbench.testing import LossChecks
from tests.losses.references import REFERENCES, reference

CONF = Path(__file__).parents[2] / "conf"
NAMES = sorted({path.stem for path in (CONF / "loss").glob("*.yaml") if not path.stem.endswith("_base")})

VARIANTS = {  # arguments that no configuration takes
    "huber_image": lambda: L.Huber(threshold="image"),
    "huber_fixed": lambda: L.Huber(0.7, threshold="fixed"),
    "berhu_image": lambda: L.BerHu(threshold="image"),
    "berhu_fixed": lambda: L.BerHu(0.7, threshold="fixed"),
    "cauchy_released": lambda: L.Cauchy(variant="released"),
    "eigen_released": lambda: L.Eigen(variant="released"),
    "eigen_grad_released": lambda: L.EigenGrad(variant="released"),
    "silog_variance": lambda: L.SILog(lambda_=0.5, scale=1.0, root=False),
    "gradient_released": lambda: L.Gradient(variant="released"),
    "gradient_sobel": lambda: L.Gradient(operator="sobel"),
    "gradient_central": lambda: L.Gradient(operator="central"),
    "log_gradient_paper": L.LogGradient,
    "gradient_distance": L.GradientDistance,
    "gradient_set": lambda: L.SetLoss(L.GradientDistance("none"), [L.Mirror(), L.ColorChange()]),
    "ssim_uniform": lambda: L.SSIM(window=7, sigma=None),
    "ssim_gaussian_reflect": lambda: L.SSIM(window=5, padding="reflect"),
    "heteroscedastic_gaussian": lambda: L.Heteroscedastic("gaussian"),
}


def node_of(name):
    """The content of conf/loss/NAME.yaml and its bases, read in a fraction of the time that Hydra's composing takes."""
    file = OmegaConf.load(CONF / "loss" / f"{name}.yaml")
    bases = [node_of(base) for base in file.pop("defaults", []) if base != "_self_"]
    return OmegaConf.merge(*bases, file.get("loss", file))


NODES = {name: node_of(name) for name in NAMES}


def with_reduction(make, reduction):
    """The same loss, all of whose parts are reduced so."""

    def remade():
        loss = make()
        set_reduction(loss, reduction)
        return loss

    return remade


def other_reductions(makers):
    """Every reduction that isn't the default, as ``name-reduction``, of losses with a part that has not come before."""
    found, seen = {}, set()
    for name, make in sorted(makers.items(), key=lambda item: len(list(item[1]().modules()))):
        parts = [part for part in make().modules() if hasattr(part, "reductions")]
        kinds = {
            tuple(getattr(part, key, "") for key in ("__class__", "variant", "operator", "padding")) for part in parts
        }
        if kinds <= seen:
            continue
        seen |= kinds
        for reduction in REDUCERS:
            allowed = all(reduction in part.reductions for part in parts)
            if allowed and any(part.reduction != reduction for part in parts):
                found[f"{name}-{reduction}"] = with_reduction(make, reduction)
    return found


def one_per_space(makers):
    """Leave out losses that, before their weights change, are the same loss as another."""
    found = {}
    for name, make in makers.items():
        loss = make()
        same = isinstance(loss, L.WeightedTerms) and (loss.space.variant, *loss.names, type(loss.weighting).__name__)
        found.setdefault(same or name, (name, make))
    return dict(found.values())


DEFAULTS = {name: (lambda node=node: instantiate(node)) for name, node in NODES.items()} | VARIANTS
OTHERS = other_reductions(DEFAULTS)
MAKERS = DEFAULTS | OTHERS
SHAPE = (2, 13, 17)


@pytest.fixture(params=one_per_space(DEFAULTS) | OTHERS)
def loss(request):
    return MAKERS[request.param]()


def channels(loss):
    """The channels of the prediction and of the target."""
    if isinstance(loss, L.Heteroscedastic):
        return 2, 1
    inner = getattr(loss, "distance", loss)
    return (2, 2) if getattr(inner, "operator", None) == "none" else (1, 1)


def maps(loss, shape=SHAPE, share=1.0, dtype=torch.float32):
    """Smooth-ish positive maps and a mask with ``share`` of valid pixels; holes hold 0 in the truth."""
    generator = torch.Generator().manual_seed(7)
    batch, height, width = shape
    c_prediction, c_target = channels(loss)
    target = 0.5 + 8 * torch.rand(batch, c_target, height, width, generator=generator, dtype=torch.float64)
    noise = torch.randn(batch, c_prediction, height, width, generator=generator, dtype=torch.float64)
    prediction = (target.expand_as(noise) * (0.3 * noise).exp()).to(dtype)
    if isinstance(loss, L.Heteroscedastic):
        prediction[:, 1] = noise[:, 1].to(dtype)
    valid = torch.rand(target.shape, generator=generator) < share
    return prediction, target.to(dtype) * valid, valid


def expected(loss, prediction, target, valid):
    return reference(loss, *(x.double().numpy() for x in (prediction, target)), valid.numpy())


def value_and_gradient(loss, prediction, target, valid):
    prediction = prediction.clone().requires_grad_()
    value = loss(prediction, target, valid)
    assert value.shape == ()
    value.backward()
    return value.detach(), prediction.grad


def close(value, wanted):
    assert value.item() == pytest.approx(wanted, rel=2e-5, abs=2e-6)


@pytest.mark.parametrize("check", LossChecks(L.L1()).names())
def test_it_does_what_every_loss_must(loss, check):
    LossChecks(loss, channels(loss)).run(check)


def _terms(kinds, weighting=None, variant="paper"):
    return L.WeightedTerms(L.LossSpace(variant, kinds=kinds, scales=[0, 1]), weighting or L.Uniform())


def _sum(**terms):
    return L.WeightedSum({name: {"weight": weight, "loss": loss} for name, (weight, loss) in terms.items()})


LEFT_OPEN = {  # of losses and settings that no configuration has
    "silog of the variance alone": (lambda: L.SILog(1.0), {"scale"}),
    "Eigen of the variance alone": (lambda: L.Eigen(1.0), {"scale"}),
    "Eigen whose holes count": (lambda: L.Eigen(1.0, reduction="holes_as_zero_error"), set()),
    "Eigen's gradients see the border": (lambda: L.EigenGrad(1.0), set()),
    "gradients": (L.MultiScaleGradient, {"shift"}),
    "normals see the border": (L.SobelNormals, set()),
    "logarithms of gradients": (lambda: L.LogGradient(operator="forward"), {"shift"}),
    "logarithms of gradients, released": (lambda: L.LogGradient(operator="central", variant="released"), {"shift"}),
    "order": (L.Ranking, {"scale", "shift", "order"}),
    "relative terms": (lambda: _terms(["mean_removed", "gradient", "normal"]), {"shift"}),
    "released terms": (lambda: _terms(["mean_removed", "gradient", "normal"], variant="released"), {"shift"}),
    "terms of weight 0": (lambda: _terms(["D", "r"], L.Fixed({"r": 1.0})), {"shift"}),
    "a sum": (lambda: _sum(a=(1, L.ScaleShiftInvariant()), b=(1, L.Gradient()), c=(0, L.L1())), {"shift"}),
    "a sum that knows all": (lambda: _sum(a=(1, L.SILog(1.0)), b=(1, L.Gradient())), set()),
    "a set": (lambda: L.SetLoss(L.ScaleShiftInvariant(), [L.Mirror()]), {"scale", "shift"}),
}


@pytest.mark.parametrize("name", LEFT_OPEN)
def test_what_a_loss_leaves_open_is_declared(name):
    make, wanted = LEFT_OPEN[name]
    loss = make()
    assert loss.leaves_open == wanted
    LossChecks(loss).check_what_it_leaves_open()


def test_every_configuration_declares_what_its_loss_leaves_open():
    said = {name: instantiate(node).leaves_open for name, node in NODES.items()}
    assert {name: found for name, found in said.items() if found} == {"ssi": {"scale", "shift"}}


@pytest.mark.parametrize("wrong", [{"scale"}, {"shift"}, {"scale", "shift", "order"}, set()])
def test_a_wrong_declaration_fails(wrong):
    class Claims(L.ScaleShiftInvariant):
        leaves_open = frozenset(wrong)

    with pytest.raises(AssertionError, match="leaves_open is"):
        LossChecks(Claims()).check_what_it_leaves_open()


@pytest.mark.parametrize("name", NODES)
def test_the_reduction_is_a_key_of_every_configuration(name):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node = compose(f"loss/{name}").loss
    assert node == NODES[name]
    assert "reduction" in node or "reduction" in node.distance


def test_every_class_has_a_reference():
    assert {type(make()) for make in MAKERS.values()} <= set(REFERENCES)


@pytest.mark.parametrize("share", [1.0, 0.7, 0.05], ids=["full", "holes", "sparse"])
@pytest.mark.parametrize("name", MAKERS)
def test_equals_the_reference(name, share):
    loss = MAKERS[name]()
    prediction, target, valid = maps(loss, share=share)
    value, gradient = value_and_gradient(loss, prediction, target, valid)
    assert value.dtype == torch.float32
    close(value, expected(loss, prediction, target, valid))
    assert gradient.isfinite().all()


def test_an_image_without_a_valid_pixel_contributes_nothing(loss):
    prediction, target, valid = maps(loss, share=0.7)
    valid[1], target[1] = False, 0
    value, gradient = value_and_gradient(loss, prediction, target, valid)
    close(value, expected(loss, prediction, target, valid))
    assert gradient[0].abs().sum() > 0
    assert (gradient[1] == 0).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 3), (17, 5)])
def test_tiny_maps(loss, size):
    prediction, target, valid = maps(loss, shape=(2, *size))
    windows = [term for term in loss.modules() if isinstance(term, L.SSIM)]
    if any(min(size) < (len(w.weights) if w.padding == "valid" else len(w.weights) // 2 + 1) for w in windows):
        with pytest.raises(UserError, match="does not fit"):
            loss(prediction, target, valid)
        return
    value, gradient = value_and_gradient(loss, prediction, target, valid)
    close(value, expected(loss, prediction, target, valid))
    assert gradient.isfinite().all()


def one_per_class():
    """Names whose classes (with those inside) have not been seen yet; thresholds fixed, as they are detached."""
    seen, names = set(), []
    for name, make in MAKERS.items():
        loss = make()
        kinds = frozenset(
            (type(m), getattr(m, "variant", ""), getattr(m, "operator", ""), getattr(m, "reduction", ""))
            for m in loss.modules()
        )
        moving = getattr(loss, "threshold", "fixed") != "fixed"
        if kinds not in seen and not moving:
            seen.add(kinds)
            names.append(name)
    return names


@pytest.mark.parametrize("name", one_per_class())
@pytest.mark.parametrize("share", [1.0, 0.7], ids=["full", "holes"])
def test_gradient_is_that_of_the_value(name, share):
    loss = MAKERS[name]()
    size = (12, 13) if any(isinstance(m, L.SSIM) for m in loss.modules()) else (6, 7)
    prediction, target, valid = maps(loss, shape=(2, *size), share=share, dtype=torch.float64)
    prediction.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: loss(p, target, valid), prediction, eps=1e-6, atol=1e-6, fast_mode=True)


@pytest.mark.parametrize("kind", [L.Huber, L.BerHu])
def test_a_moving_threshold_gets_no_gradient(kind):
    prediction, target, valid = maps(L.L1(), share=0.7)
    _, moving = value_and_gradient(kind(), prediction, target, valid)
    largest = (prediction - target)[valid].abs().max().item()
    _, fixed = value_and_gradient(kind(0.2 * largest, threshold="fixed"), prediction, target, valid)
    torch.testing.assert_close(moving, fixed)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: L.Huber(0), "above 0"),
        (lambda: L.Huber(1.5), "at most 1"),
        (lambda: L.BerHu(threshold="pixel"), "batch, image, fixed"),
        (lambda: L.L1(reduction="sum"), "pixel, image, holes_as_zero_error"),
        (lambda: L.ScaleShiftInvariant(reduction="holes_as_zero_error"), "pixel, image"),
        (lambda: L.WeightedSum({"a": {"weight": 1, "loss": L.Ranking()}}, "holes_as_zero_error"), "pixel, image"),
        (lambda: L.Cauchy("real"), "paper, released"),
        (lambda: L.Eigen(lambda_=2), "between 0 and 1"),
        (lambda: L.SILog(lambda_=-1), "between 0 and 1"),
        (lambda: L.SSIML1(alpha=1.2), "between 0 and 1"),
        (lambda: L.SSIM(window=4), "odd"),
        (lambda: L.LogError(alpha=0), "above 0"),
        (lambda: L.ScaleShiftInvariant(trim=1), "below 1"),
        (lambda: L.Gradient(operator="prewitt"), "forward"),
        (lambda: L.Gradient(operator="sobel", variant="released"), "paper"),
        (lambda: L.AdversarialLoss("hinge"), "bce, lsgan"),
        (lambda: L.Heteroscedastic("student"), "gaussian, laplace"),
        (lambda: L.LossSpace(kinds=["M9"]), "M17"),
        (lambda: L.LossSpace(kinds=[]), "kinds"),
        (lambda: L.LossSpace(scales=[6]), "0, 1, 2"),
        (lambda: L.Rebalance(clamp=[2, 3]), "around 1"),
        (lambda: L.LinearLambda(epochs=1), "at least 2"),
        (lambda: L.WeightedSum({}), "at least one"),
        (lambda: L.WeightedSum({"a": {"loss": L.L1()}}), "weight and loss"),
        (lambda: L.SetLoss(L.L2(), []), "at least one"),
        (lambda: L.WeightedTerms(L.LossSpace(), L.Fixed({"M9": 1})), "M9"),
        (lambda: L.ColorChange(0, 1), "rise"),
        (lambda: L.Rotation(200), "180"),
        (lambda: L.Translation(1), "below 1"),
    ],
)
def test_impossible_arguments_are_refused(make, words):
    with pytest.raises(UserError, match=words):
        make()


@pytest.mark.parametrize("kind", [L.Eigen, L.EigenGrad, L.LogL1, L.SILog])
def test_log_losses_refuse_depths_that_are_not_positive(kind):
    depth = torch.ones(1, 1, 4, 4)
    for bad in (0.0, -1.0):
        spoiled = depth.clone()
        spoiled[0, 0, 1, 1] = bad
        with pytest.raises(UserError, match="predicted depth"):
            kind()(spoiled, depth)
        with pytest.raises(UserError, match="true depth"):
            kind(min_prediction=1e-3)(depth, spoiled)
        assert kind(min_prediction=1e-3)(spoiled, depth).isfinite()
    with pytest.raises(UserError, match="predicted depth"):
        kind(min_prediction=1e-3)(-depth, depth)


def test_square_root_refuses_a_negative_truth():
    with pytest.raises(UserError, match="true depth"):
        L.SquareRoot()(torch.ones(1, 1, 2, 2), -torch.ones(1, 1, 2, 2))


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_abs_rel_refuses_a_truth_that_is_not_positive(bad):
    depth = torch.ones(1, 1, 2, 2)
    spoiled = depth.clone()
    spoiled[0, 0, 1, 1] = bad
    with pytest.raises(UserError, match="true depth"):
        L.RelativeL1()(depth, spoiled)
    assert L.RelativeL1()(2 * depth, spoiled, spoiled > 0) == 1


def test_adversarial_criterion():
    logits = torch.randn(2, 1, 5, 6)
    probability = 1 / (1 + np.exp(-logits.double().numpy()))
    close(L.AdversarialLoss("bce")(logits, True), -np.log(probability).mean())
    close(L.AdversarialLoss("bce")(logits, False), -np.log(1 - probability).mean())
    close(L.AdversarialLoss("lsgan")(logits, True), ((logits.double().numpy() - 1) ** 2).mean())
    close(L.AdversarialLoss("lsgan")(logits.half(), False), (logits.half().double().numpy() ** 2).mean())

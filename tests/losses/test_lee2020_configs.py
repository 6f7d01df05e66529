"""The configurations of lee2020 say in full what the rows of its table 5 are."""

import pytest

from tests.losses.test_every_loss import NODES

ALL = [0, 1, 2, 3, 4, 5]
PARTS = {  # kinds and scales of each part of a name
    "all": ("all", ALL),
    "d0": (["D"], [0]),
    "d0_m0_r0_c0": (["D", "M", "r", "c"], [0]),
    "d0_r0_c0_n0": (["D", "r", "c", "N"], [0]),
    "dg": (["depth", "gradient"], ALL),
    "dm": (["depth", "mean_removed"], ALL),
    "dn": (["depth", "normal"], ALL),
    "l0": ("all", [0]),
    "l012": ("all", [0, 1, 2]),
    "l345": ("all", [3, 4, 5]),
}
FALLING = {"_target_": "depthbench.losses.LinearLambda", "start": 3, "end": -3, "epochs": 5}


def rebalance(schedule, initialize=True, variant="paper"):
    return {
        "_target_": "depthbench.losses.Rebalance",
        "initialize": initialize,
        "variant": variant,
        "clamp": [0.5, 2],
        "schedule": schedule,
    }


def constant(value):
    return rebalance({"_target_": "depthbench.losses.ConstantLambda", "value": value})


UNIFORM = {"_target_": "depthbench.losses.Uniform"}
WEIGHTINGS = {
    "lee2020": rebalance(FALLING),
    "lee2020_released": rebalance(
        {"_target_": "depthbench.losses.SteppedLambda", "start": 3, "step": -1.5, "end": -3}, variant="released"
    ),
    "lee2020_all_uncertainty": {"_target_": "depthbench.losses.Uncertainty"},
    "lee2020_all_uninitialized": rebalance(FALLING, initialize=False),
    "lee2020_all_lambda_0": constant(0),
    "lee2020_all_lambda_1": constant(1),
    "lee2020_all_lambda_3": constant(3),
    "lee2020_all_lambda_m3": constant(-3),
    "lee2020_all_lambda_2_m2": rebalance(FALLING | {"start": 2, "end": -2}),
    "lee2020_all_lambda_5_m5": rebalance(FALLING | {"start": 5, "end": -5}),
}


@pytest.mark.parametrize("name", [name for name in NODES if name.startswith("lee2020")])
def test_composes_to_the_row_of_the_table(name):
    part = name.removeprefix("lee2020").removeprefix("_").removesuffix("_rebalanced")
    kinds, scales = PARTS.get(part, PARTS["all"])
    weighting = WEIGHTINGS.get(name, rebalance(FALLING) if name.endswith("_rebalanced") else UNIFORM)
    assert NODES[name] == {
        "_target_": "depthbench.losses.WeightedTerms",
        "reduction": "image",
        "space": {
            "_target_": "depthbench.losses.space.LossSpace",
            "variant": "released" if name == "lee2020_released" else "paper",
            "kinds": kinds,
            "scales": scales,
        },
        "weighting": weighting,
    }

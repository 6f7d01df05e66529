"""One test under several protocols."""

import pytest
from hydra import compose, initialize_config_dir

from depthbench.config.compose import config_dir
from depthbench.errors import UserError
from depthbench.training.parts import build_protocols


def composed(*overrides):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("config", list(overrides))


def test_the_chosen_protocol_comes_first_and_the_others_after_it():
    config = composed("protocol=eigen", "+protocol@more_protocols.a=eigen_scaled", "+protocol@more_protocols.b=hu")
    assert list(build_protocols(config)) == ["eigen", "eigen_scaled", "hu"]
    assert list(build_protocols(composed("protocol=eigen", "+more_protocols.a=null"))) == ["eigen"]


def test_protocols_of_two_kinds_of_truth_are_refused():
    config = composed("protocol=eigen", "+protocol@more_protocols.a=eigen_scaled", "more_protocols.a.truth=raw")
    with pytest.raises(UserError, match=r"eigen \(filled truth\), eigen_scaled \(raw truth\); choose protocols of one"):
        build_protocols(config)

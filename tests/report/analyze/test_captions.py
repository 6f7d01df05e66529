"""What captions say of runs."""

from pathlib import Path

import pytest

from depthbench.report.analyze.captions import networks
from depthbench.report.read.runs import Run


def run(model: str | None, encoder: str | None) -> Run:
    config = {"model": {"encoder": {"name": encoder}}} if encoder else {}
    choices = {"model": model} if model else {}
    return Run(Path("run"), {"choices": choices}, config, {}, {}, {}, ())


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([("unet", "vgg16")], "unet on vgg16"),
        ([("unet", "vgg16"), ("hu", "vgg16"), ("unet", "vgg16")], "unet, hu on vgg16"),
        ([("d3net", "densenet121"), ("lee", "densenet161")], "d3net on densenet121, lee on densenet161"),
        ([("unet", "vgg16"), ("unet", "resnet50")], "unet on vgg16, unet on resnet50"),
        ([("own", None)], "own"),
        ([("own", None), ("unet", "vgg16")], "own, unet on vgg16"),
        ([(None, "vgg16")], "vgg16"),
        ([(None, None)], "not recorded"),
        ([(None, None), ("unet", "vgg16")], "unet on vgg16"),
    ],
)
def test_networks(runs, said):
    assert networks(run(*choices) for choices in runs) == said

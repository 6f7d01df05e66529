"""The examples in docstrings run, and every public function of the API has one."""

import doctest
import importlib
from pathlib import Path

import pytest

import depthbench

SOURCE = Path(depthbench.__file__).parent
MODULES = sorted(
    ".".join(("depthbench", *path.relative_to(SOURCE).with_suffix("").parts))
    for path in SOURCE.rglob("*.py")
    if ">>> " in path.read_text()
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name):
    module = importlib.import_module(name.removesuffix(".__init__"))
    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("name", ["load", "DepthEstimator", "evaluate", "compare", "protocol", "LossSpace"])
def test_the_api_has_examples(name):
    found = getattr(depthbench, name)
    if name == "evaluate":
        found = importlib.import_module("depthbench.evaluation.arrays").score_arrays
    assert ">>> " in found.__doc__


@pytest.mark.parametrize("package", ["losses", "metrics", "data"])
def test_public_classes_have_examples(package):
    """Counted, so that no example is lost; the number goes up with each that is added."""
    module = getattr(depthbench, package)
    classes = [getattr(module, name) for name in module.__all__ if isinstance(getattr(module, name), type)]
    lacking = [one.__name__ for one in classes if ">>> " not in (one.__doc__ or "")]
    most = {"losses": 14, "metrics": 6, "data": 22}[package]
    assert len(lacking) <= most, lacking

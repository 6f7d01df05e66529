"""Every public loss and weighting has an example in its docstring, and the examples run."""

import doctest
import importlib
import inspect
import pkgutil

import pytest
from torch import nn

from depthbench import losses as L

BASES = (L.Weighting,)
PUBLIC = [getattr(L, name) for name in L.__all__ if inspect.isclass(getattr(L, name))]
LOSSES = [c for c in PUBLIC if issubclass(c, nn.Module) and c not in BASES and c is not L.PeriodMeans]
MODULES = [m.name for m in pkgutil.walk_packages(L.__path__, "depthbench.losses.")]


@pytest.mark.parametrize("kind", LOSSES, ids=lambda kind: kind.__name__)
def test_has_an_example(kind):
    assert "Example:\n    >>> " in inspect.getdoc(kind)


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0

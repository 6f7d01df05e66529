"""depthbench: a bench for monocular depth estimation, where one thing is swapped at a time.

The public API, all of it. Names are imported when they are first used, so that ``import depthbench`` is light:

=====================  ================================================================================
``load``               a trained network from a run, a checkpoint or an exported folder
``DepthEstimator``     this network: ``predict(image, intrinsics=None)``, ``save(folder)``
``evaluate``           scores of predictions in memory under protocols, with intervals
``protocol``           a protocol by name: ``protocol("eigen")``
``EvalProtocol``       the rules under which predictions are scored
``fit``                the whole recipe with Python objects: ``fit(net, data, loss)``
``read_results``       results that ``evaluate`` wrote, for tables and ``compare``, without the predictions
``compare``            paired comparisons of methods, corrected for their number
``LossSpace``          the 78 losses of lee2020 as named terms
``losses``             every loss, a plain ``nn.Module``
``metrics``            every metric, torchmetrics classes
``models``             encoders, decoders, depth spaces, networks
``data``               data sets, a data module, augmentation
``open_plugins``       packages of your own, whose components a configuration may name
``filling``            missing depth filled under the guidance of the picture
``UserError``          a user's mistake in one sentence
=====================  ================================================================================
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from depthbench import data, filling, losses, metrics, models
    from depthbench.config.plugins import open_plugins
    from depthbench.errors import UserError
    from depthbench.evaluation.arrays import score_arrays as evaluate
    from depthbench.fitting import fit
    from depthbench.inference.network import DepthEstimator, load
    from depthbench.losses import LossSpace
    from depthbench.protocols import EvalProtocol
    from depthbench.protocols import load_protocol as protocol
    from depthbench.results import read_results
    from depthbench.stats import compare

# Public name -> module and name there; None for the module itself.
_PLACES: dict[str, tuple[str, str | None]] = {
    "DepthEstimator": ("depthbench.inference.network", "DepthEstimator"),
    "EvalProtocol": ("depthbench.protocols", "EvalProtocol"),
    "LossSpace": ("depthbench.losses", "LossSpace"),
    "UserError": ("depthbench.errors", "UserError"),
    "compare": ("depthbench.stats", "compare"),
    "data": ("depthbench.data", None),
    "filling": ("depthbench.filling", None),
    "evaluate": ("depthbench.evaluation.arrays", "score_arrays"),
    "fit": ("depthbench.fitting", "fit"),
    "load": ("depthbench.inference.network", "load"),
    "losses": ("depthbench.losses", None),
    "metrics": ("depthbench.metrics", None),
    "models": ("depthbench.models", None),
    "open_plugins": ("depthbench.config.plugins", "open_plugins"),
    "protocol": ("depthbench.protocols", "load_protocol"),
    "read_results": ("depthbench.results", "read_results"),
}

__all__ = [
    "DepthEstimator",
    "EvalProtocol",
    "LossSpace",
    "UserError",
    "__version__",
    "compare",
    "data",
    "evaluate",
    "filling",
    "fit",
    "load",
    "losses",
    "metrics",
    "models",
    "open_plugins",
    "protocol",
    "read_results",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"depthbench has no {name}; it offers {', '.join(sorted(_PLACES))}.")
    module, inner = _PLACES[name]
    found = import_module(module)
    return found if inner is None else getattr(found, inner)


def __dir__() -> list[str]:
    return __all__

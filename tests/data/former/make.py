"""Made the files here; to be run in a checkout of the commit before the rooms got their names.

``targets.txt``: every class that a ``_target_`` could name then. ``*.yaml``: the config.yaml of run folders.
"""

import importlib
import inspect
import pkgutil
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from depthbench.config import config_dir

HERE = Path(__file__).parent
CONFIGS = {
    "default": ["data.split=8"],
    "adversarial": ["loss=gan", "model=d3net_2018", "model.encoder.pretrained=false"],
    "loss_space": ["loss=lee2020_all_uncertainty", "optim=mehrzadeh2020", "augment=carvalho2018_all"],
    "balanced": ["loss=mehrzadeh2020_dbe_ssim", "augment=zoom", "protocol=eigen"],
    "two_stream": ["model=two_stream", "model.encoder.pretrained=false"],
    "set": ["loss=li2017_set", "model=fpn", "model.encoder.pretrained=false"],
    "densedepth": ["data=nyu_densedepth", "data.root=/nyu", "model=densedepth", "model.encoder.pretrained=false"],
}


def classes(package):
    parts = [
        package,
        *(importlib.import_module(one.name) for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")),
    ]
    for module in parts:
        for name, found in vars(module).items():
            own = inspect.isclass(found) and found.__module__.startswith("depthbench") and not issubclass(found, tuple)
            if (
                own
                and not name.startswith("_")
                and (found.__module__ == module.__name__ or hasattr(module, "__path__"))
            ):
                yield f"{module.__name__}.{name}"


if __name__ == "__main__":
    rooms = ("callbacks", "data", "losses", "metrics", "models", "tasks")
    names = {name for room in rooms for name in classes(importlib.import_module(f"depthbench.{room}"))}
    (HERE / "targets.txt").write_text("".join(f"{name}\n" for name in sorted(names)))
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        for name, overrides in CONFIGS.items():
            OmegaConf.save(compose("config", overrides), HERE / f"{name}.yaml", resolve=True)

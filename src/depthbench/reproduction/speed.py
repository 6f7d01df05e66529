"""Time of a study on the machine at hand, estimated from a few passes of its own network."""

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from depthbench.config.compose import composing, readable

PASSES = 3


class StudyWork(NamedTuple):
    """The amount of work of a study.

    Attributes:
        jobs: number of trainings.
        epochs: of each.
        passes: of an epoch, where the configuration says how many frames it has (``data.epoch_size``).
        pass_seconds: of one pass forward and backward on this machine.
    """

    jobs: int
    epochs: int
    passes: int | None
    pass_seconds: float = 1.0

    def against(self, other: "StudyWork") -> float:
        """The work of this study divided by that of another.

        Example:
            >>> from depthbench.reproduction.speed import StudyWork
            >>> StudyWork(2, 8, 100, 0.25).against(StudyWork(16, 8, 100, 0.5))
            0.0625
        """
        known = self.passes and other.passes
        one, two = (work.passes if known else 1 for work in (self, other))
        ratio = self.jobs * self.epochs * float(one or 1) / (other.jobs * other.epochs * float(two or 1))
        return ratio * self.pass_seconds / other.pass_seconds


def work_of(words: Sequence[str]) -> StudyWork:
    """The jobs, epochs and passes of a study, without its time.

    Args:
        words: of ``depthbench run -m``; of swept values other than seeds the first says how long a job is.

    Raises:
        UserError: for a mistake in the words.

    Example:
        >>> from depthbench.reproduction.speed import work_of
        >>> work_of(["loss=l1,eigen", "seed=0,1,2", "trainer.max_epochs=4", "data.epoch_size=100", "data.batch_size=8"])
        StudyWork(jobs=6, epochs=4, passes=13, pass_seconds=1.0)
    """
    config, sweeps = _composed(words)
    size = config.data.get("epoch_size")
    passes = math.ceil(size / config.data.batch_size) if size else None
    return StudyWork(math.prod(sweeps.values()), max(config.trainer.max_epochs or 1, 1), passes)


def seconds_per_pass(words: Sequence[str]) -> float:
    """Seconds of one pass forward and backward of the network of a study's first job, without data and loss.

    Args:
        words: of ``depthbench run -m``; of swept values the first counts.

    Raises:
        UserError: for a mistake in the words.
    """
    # Here and not above: torch takes seconds to import, and a mistake should be reported at once.
    import torch
    from torch.utils._pytree import tree_leaves

    from depthbench.config import instantiate

    config, _ = _composed(words)
    config.model.encoder.pretrained = False  # speed is the same, and nothing is downloaded
    device = torch.device("cuda" if torch.cuda.is_available() and config.trainer.accelerator != "cpu" else "cpu")
    network = instantiate(config.model).to(device)
    image = torch.rand(config.data.batch_size, 3, *config.data.size, device=device)
    times = []
    for _ in range(PASSES):
        begin = time.perf_counter()
        leaves = [leaf for leaf in tree_leaves(network(image)) if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
        torch.stack([leaf.float().sum() for leaf in leaves]).sum().backward()  # type: ignore[no-untyped-call]
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return min(times)


def _composed(words: Sequence[str]) -> tuple[DictConfig, dict[str, int]]:
    """The configuration of a study's first job, and the number of values of each swept key."""
    with composing():
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        parsed = parser.parse_overrides(readable(list(words)))
        firsts = [
            f"{one.get_key_element()}={next(iter(one.sweep_string_iterator()))}"
            if one.is_discrete_sweep()
            else str(one.input_line)
            for one in parsed
        ]
        config = compose("config", [one for one in firsts if not one.startswith("hydra")], return_hydra_config=True)
        params = [f"{key}={value}" for key, value in (config.hydra.sweeper.get("params") or {}).items()]
        every = [*parser.parse_overrides(params), *parsed]  # a word replaces the experiment's own values
        return config, {one.key_or_group: _values(one) for one in every}


def _values(override: Override) -> int:
    return len(list(override.sweep_string_iterator())) if override.is_discrete_sweep() else 1

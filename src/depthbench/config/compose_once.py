"""Hydra composes the same configuration several times: for its mode, for a check, for a plan, for the job itself."""

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.types import RunMode
from omegaconf import DictConfig


@contextmanager
def composing_once() -> Iterator[None]:
    """Within it, no configuration is composed twice, and a planned sweep is not composed as a trial.

    Hydra makes its loaders itself, here and in the processes of its launchers, so a method of their class is replaced
    while the command runs. Each call gets a copy.
    """
    load, validate = ConfigLoaderImpl.load_configuration, BasicSweeper.validate_batch_is_legal
    composed: dict[Any, bytes] = {}  # copied so at a seventh of the time that deepcopy takes

    def load_once(
        self: ConfigLoaderImpl,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """Compose as Hydra's loader does; words that were composed before are unpacked."""
        places = tuple((place.provider, place.path) for place in self.config_search_path.get_path())
        key = (places, config_name, tuple(overrides), run_mode, validate_sweep_overrides)
        if key not in composed:
            config = load(self, config_name, overrides, run_mode, from_shell, validate_sweep_overrides)
            composed[key] = pickle.dumps(config)
        copied: DictConfig = pickle.loads(composed[key])
        return copied

    def trust(self: BasicSweeper, batch: Sequence[Sequence[str]]) -> None:
        """The ledger has composed every job of the basic sweeper."""

    ConfigLoaderImpl.load_configuration = load_once  # type: ignore[method-assign]
    BasicSweeper.validate_batch_is_legal = trust  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        ConfigLoaderImpl.load_configuration = load  # type: ignore[method-assign]
        BasicSweeper.validate_batch_is_legal = validate  # type: ignore[method-assign]

"""Predictions of a run's network that are made once, also for commands that ask for other protocols later."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from depthbench.config.identity import digest, plain
from depthbench.evaluation.map_cache import MapCache, Values, cache_key
from depthbench.evaluation.run_network import Network
from depthbench.evaluation.test_set import Items
from depthbench.results.records import files_hash
from depthbench.runs.folder import RunFolder
from depthbench.runs.machine import code_hash


class KeptNetwork:
    """A network that looks its predictions up before it makes them.

    A prediction belongs to the weights, the configuration of the run, precision, kind of device and code, and to the
    pixels of the whole batch: the network would give it again, to the last bit.

    Args:
        network: of the run.
        folder: of the run.
        cache: of maps made before.
    """

    def __init__(self, network: Network, folder: RunFolder, cache: MapCache) -> None:
        self.network, self.cache = network, cache
        self.kind, self.declared, self.covers = network.kind, network.declared, network.covers
        self.batch_size = network.batch_size
        computed = str(network.autocast_dtype), network.device.type, torch.__version__, code_hash()
        self.identity = files_hash([folder.weights], "run", digest(plain(folder.config)), *computed)

    def __call__(self, items: Items, mirror: bool) -> tuple[Tensor, Tensor | None]:
        """Like :meth:`Network.predict`, which is called at most once, and not at all where every map is kept."""
        made: list[tuple[Tensor, Tensor | None]] = []

        def predicted() -> tuple[Tensor, Tensor | None]:
            if not made:
                made.append(self.network(items, mirror))
            return made[0]

        batch = cache_key(self.identity, items.image.cpu().numpy(), None)
        count = len(items.image)
        plain_maps = self._maps(f"{batch} plain", count, lambda: predicted()[0])
        if not mirror:
            return plain_maps.to(items.image.device), None
        mirrored = self._maps(f"{batch} mirrored", count, lambda: _there(predicted()[1]))
        return plain_maps.to(items.image.device), mirrored.to(items.image.device)

    def _maps(self, batch: str, count: int, make: Callable[[], Tensor]) -> Tensor:
        """The maps ``(B, 1, h, w)`` of a batch, each from the cache or made."""

        def one(place: int) -> Values:
            found: Values = make()[place, 0].float().cpu().numpy()
            return found

        maps = [self.cache.get(files_hash((), batch, place), partial(one, place)) for place in range(count)]
        return torch.from_numpy(np.stack(maps))[:, None]


def _there(maps: Tensor | None) -> Tensor:
    assert maps is not None  # they were asked for
    return maps

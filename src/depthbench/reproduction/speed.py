"""Time of a study on the machine at hand, estimated from a few passes of its own network."""

import time
from collections.abc import Sequence

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from depthbench.config.compose import composing, readable

PASSES = 3


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

    with composing():
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        parsed = parser.parse_overrides(readable(list(words)))
        firsts = [
            f"{one.get_key_element()}={next(iter(one.sweep_string_iterator()))}"
            if one.is_discrete_sweep()
            else str(one.input_line)
            for one in parsed
        ]
        config = compose("config", [one for one in firsts if not one.startswith("hydra")])
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

"""Speed and memory of each network against segmentation_models.pytorch's U-Net on the same encoder.

Run ``python benchmarks/models.py`` (``--help`` for sizes, devices, layouts, compilation). Everything is measured in
one run, alternating, and the fastest repetition counts, so that ratios hold on a busy machine too. On a CPU the time
is that of the process on one thread, on a GPU that of the wall, in bf16. ``excess`` is our time over theirs, divided
by our multiply-adds over theirs: 1.0 is what the arithmetic predicts. Memory is the GPU's peak in a training step, on
a CPU what autograd keeps for the backward pass.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

CONF = Path(__file__).resolve().parents[1] / "conf"
Job = Callable[[], object]

# Network: height, width, and batch of its paper (on a GPU).
PAPERS = {
    "d3net": (256, 320, 16),
    "d3net_resnet50": (256, 320, 16),
    "densedepth": (480, 640, 8),
    "hu": (228, 304, 8),
    "hu_densenet161": (228, 304, 8),
    "lee": (288, 384, 12),
    "unet": (480, 640, 8),
    "fpn": (480, 640, 8),
    "two_stream": (232, 310, 8),
}


def networks(config: str) -> tuple[nn.Module, nn.Module, str]:
    """Give ours, the peer's and the name of the encoder."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose(f"model/{config}", ["model.encoder.pretrained=false"]).model
    name = cfg.encoder.name
    try:
        import segmentation_models_pytorch as smp
    except ModuleNotFoundError:
        raise SystemExit("The peer is not installed: make install-all") from None
    return instantiate(cfg), smp.Unet(f"tu-{name}", encoder_weights=None, classes=1), name


def multiply_adds(net: nn.Module, image: Tensor) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(image)
    return counter.get_total_flops() / 2e9


def clock(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def fastest(jobs: Sequence[Job], repeats: int, device: str) -> list[float]:
    """Seconds of each job, the least of several alternating repetitions."""
    seconds = [float("inf")] * len(jobs)
    for repeat in range(repeats + 1):
        for i, job in enumerate(jobs):
            start = clock(device)
            job()
            if repeat:  # the first warms up
                seconds[i] = min(seconds[i], clock(device) - start)
    return seconds


def forward(net: nn.Module, image: Tensor) -> None:
    net.eval()
    with torch.no_grad(), torch.autocast(image.device.type, torch.bfloat16, enabled=image.is_cuda):
        net(image)


def train(net: nn.Module, image: Tensor) -> None:
    net.train()
    with torch.autocast(image.device.type, torch.bfloat16, enabled=image.is_cuda):
        loss = net(image).float().abs().mean()
    net.zero_grad()
    loss.backward()


def memory(net: nn.Module, image: Tensor) -> float:
    """GiB of a training step."""
    if image.is_cuda:
        torch.cuda.reset_peak_memory_stats()
        train(net, image)
        return torch.cuda.max_memory_allocated() / 2**30
    kept: dict[int, int] = {}
    parameters = {p.untyped_storage().data_ptr() for p in net.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        net.train()(image).mean().backward()
    return sum(kept.values()) / 2**30


@dataclass(frozen=True)
class Row:
    """One network beside the U-Net: (ours, theirs) of each quantity."""

    config: str
    encoder: str
    shape: tuple[int, int, int]  # batch, height, width
    gmac: tuple[float, float]
    forward: tuple[float, float]  # seconds
    train: tuple[float, float]
    memory: tuple[float, float]  # GiB

    def excess(self, seconds: tuple[float, float]) -> float:
        """Give our time over theirs, divided by our multiply-adds over theirs."""
        return ratio(seconds) / ratio(self.gmac)

    def __str__(self) -> str:
        columns = [f"{self.config:<16}{self.encoder:<18}{'x'.join(map(str, self.shape)):<14}"]
        columns += [f"{self.gmac[0]:8.1f}{ratio(self.gmac):8.2f}"]
        for seconds in (self.forward, self.train):
            columns.append(f"{seconds[0]:9.3f}{ratio(seconds):8.2f}{self.excess(seconds):8.2f}")
        return "".join([*columns, f"{self.memory[0]:9.2f}{ratio(self.memory):8.2f}"])


def ratio(pair: tuple[float, float]) -> float:
    return pair[0] / pair[1]


def compare(
    config: str,
    device: str,
    scale: float,
    batch: int | None = None,
    repeats: int = 5,
    compiled: bool = False,
    layout: torch.memory_format = torch.contiguous_format,
) -> Row:
    height, width, papers = PAPERS[config]
    height, width = (max(-(-int(side * scale) // 32) * 32, 64) for side in (height, width))
    batch = batch or (papers if device == "cuda" else 1)
    *pair, name = networks(config)
    image = torch.rand(batch, 3, height, width, device=device).contiguous(memory_format=layout)
    nets = [net.to(device, memory_format=layout) for net in pair]
    work = [multiply_adds(net, image) for net in nets]
    kept = [memory(net, image) for net in nets]
    if compiled:
        for net in nets:
            net.compile()
    times = [fastest([partial(job, net, image) for net in nets], repeats, device) for job in (forward, train)]
    pairs = [(ours, theirs) for ours, theirs in (work, *times, kept)]
    return Row(config, name, (batch, height, width), *pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(PAPERS)}; all by default")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, help="the paper's on a GPU, 1 on a CPU by default")
    parser.add_argument("--scale", type=float, default=None, help="of the paper's sides; 1 on a GPU, 0.5 on a CPU")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--channels-last", action="store_true")
    args = parser.parse_args()
    if unknown := set(args.networks) - set(PAPERS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose of {', '.join(PAPERS)}")
    scale = args.scale or (1.0 if args.device == "cuda" else 0.5)
    if args.device == "cpu":
        torch.set_num_threads(1)
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    print(
        f"{args.device}, compile={args.compile}, channels_last={args.channels_last}; ratios are ours over the U-Net's"
    )
    print(
        f"{'network':<16}{'encoder':<18}{'input':<14}{'GMAC':>8}{'ratio':>8}{'forward s':>9}{'ratio':>8}{'excess':>8}"
        f"{'train s':>9}{'ratio':>8}{'excess':>8}{'mem GiB':>9}{'ratio':>8}"
    )
    for config in args.networks or PAPERS:
        print(compare(config, args.device, scale, args.batch, args.repeats, args.compile, layout), flush=True)


if __name__ == "__main__":
    main()

"""Time and memory of the losses, and the page docs/losses.md.

python benchmarks/losses.py                 the loss space against a term-by-term reference, its windows, peak memory
python benchmarks/losses.py step            share of a training step (DenseNet-161, 288x384; bf16 where there is a GPU)
python benchmarks/losses.py docs [GOLDEN]   write docs/losses.md; GOLDEN: folder with outputs of the papers' own code

Times are process time of one thread, best of several, so that other work on the machine matters little.
"""

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.loss_space_reference import all_terms  # noqa: E402

from depthbench import losses as L  # noqa: E402

SHAPE = (12, 1, 288, 384)
SPACES: dict[str, Callable[[], Callable[[Tensor, Tensor], Tensor]]] = {
    "paper": lambda: L.LossSpace("paper"),
    "released": lambda: L.LossSpace("released"),
    "reference": lambda: all_terms,
}


def maps(batch: int = SHAPE[0], channels: int = 1) -> tuple[Tensor, Tensor]:
    """Smooth depth between 1 and 9 m, and a prediction with an error of some centimetres."""
    generator = torch.Generator().manual_seed(0)
    coarse = 1 + 8 * torch.rand(batch, 1, 9, 12, generator=generator)
    target = nn.functional.interpolate(coarse, size=SHAPE[2:], mode="bilinear")
    noise = torch.randn(batch, channels, *SHAPE[2:], generator=generator)
    return target.expand_as(noise) * (0.02 * noise).exp(), target


def seconds(loss: Callable[..., Tensor], maps: tuple[Tensor, ...], repeats: int = 5) -> float:
    """Process time of one forward and backward pass, best of ``repeats`` after a first one."""
    prediction = maps[0].clone().requires_grad_()
    best = float("inf")
    for attempt in range(repeats + 1):
        start = time.process_time()
        loss(prediction, *maps[1:]).mean().backward()
        if attempt > 0 or repeats == 0:
            best = min(best, time.process_time() - start)
    return best


def peak(name: str) -> float:
    """MiB that one forward and backward pass of a space adds to a fresh process."""
    out = subprocess.run([sys.executable, __file__, "peak", name], capture_output=True, text=True, check=True)
    return float(out.stdout)


def own_peak(name: str) -> float:
    # A short pass first, so that what any first pass loads is not counted.
    small = tuple(x[:1, :, :64, :64] for x in maps(1))
    seconds(SPACES[name](), small, repeats=0)
    big = maps()
    before = high_water()
    seconds(SPACES[name](), big, repeats=0)
    return high_water() - before


def high_water() -> float:
    """Largest resident memory of this process so far, MiB (unlike getrusage's, not inherited from the parent)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def compare() -> list[str]:
    """The loss space against the reference, as lines of a table."""
    data = maps()
    times = {name: seconds(make(), data, 7 if name != "reference" else 1) for name, make in SPACES.items()}
    memory = {name: peak(name) for name in SPACES}
    lines = ["| 78 terms, 12 maps of 288x384 | ms | times faster | peak MiB | of reference |", "|---|---|---|---|---|"]
    for name in ("reference", "paper", "released"):
        faster, share = times["reference"] / times[name], memory[name] / memory["reference"]
        lines.append(f"| {name} | {1e3 * times[name]:.0f} | {faster:.0f} | {memory[name]:.0f} | {share:.2f} |")
    return lines


def windows() -> list[str]:
    """Cost of each window's term alone."""
    data = maps()
    lines = ["| window | paper, ms | released, ms |", "|---|---|---|"]
    for kind in ("M5", "M17", "M65"):
        times = [seconds(L.LossSpace(variant, kind, [0]), data, 15) for variant in ("paper", "released")]
        lines.append(f"| {kind} | " + " | ".join(f"{1e3 * t:.1f}" for t in times) + " |")
    return lines


def on_this_machine() -> str:
    cores = f"{platform.machine()}, {torch.get_num_threads()} thread"
    return f"PyTorch {torch.__version__.split('+')[0]}, {cores}"


def make(path: Path) -> nn.Module:
    with initialize_config_dir(str(path.parents[1]), version_base="1.3"):
        return instantiate(compose(f"loss/{path.stem}").loss)


def channels(loss: nn.Module) -> tuple[int, int]:
    inner = getattr(loss, "distance", loss)
    gradients = getattr(inner, "operator", None) == "none"
    return (2, 2) if gradients else (getattr(loss, "channels", 1), 1)


def source(path: Path) -> str:
    """The comment that each configuration starts with."""
    comments = [line[2:] for line in path.read_text().splitlines() if line.startswith("# ")]
    return next(line for line in comments if not line.startswith("@package")).replace("|", "\\|")


def reference_error(loss: nn.Module) -> float:
    """Largest relative error against float64 loops, on small maps without and with holes."""
    from tests.losses.references import reference

    errors = []
    for share in (1.0, 0.7, 0.05):
        generator = torch.Generator().manual_seed(7)
        c_prediction, c_target = channels(loss)
        target = 0.5 + 8 * torch.rand(2, c_target, 13, 17, generator=generator)
        noise = torch.randn(2, c_prediction, 13, 17, generator=generator)
        prediction, valid = target.expand_as(noise) * (0.3 * noise).exp(), torch.rand(target.shape) < share
        wanted = reference(loss, prediction.double().numpy(), target.double().numpy(), valid.numpy())
        errors.append(abs(loss(prediction, target, valid).item() - wanted) / abs(wanted))
    return max(errors)


def loss_rows() -> list[str]:
    """One line per configuration."""
    lines = ["| `loss=` | definition and source | error | ms per map |", "|---|---|---|---|"]
    paths = sorted((ROOT / "conf" / "loss").glob("*.yaml"))
    for path in (path for path in paths if not path.stem.endswith("_base")):
        loss = make(path)
        c_prediction, c_target = channels(loss)
        prediction, target = maps(4, c_prediction)
        spent = seconds(loss, (prediction, target.expand(-1, c_target, -1, -1)), 3) / 4
        lines.append(f"| `{path.stem}` | {source(path)} | {reference_error(loss):.0e} | {1e3 * spent:.1f} |")
    return lines


def golden_rows(folder: Path) -> list[str]:
    """Errors against outputs of the papers' own code."""
    order = ("D", "r", "c", "N", "rr", "rc", "cc", "Nr", "Nc", "M", "M5", "M17", "M65")

    def load(name: str, *keys: str) -> tuple[list[Tensor], dict[str, np.ndarray]]:
        with np.load(folder / f"{name}.npz") as file:
            return [torch.from_numpy(file[key]).float() for key in keys], dict(file)

    def error(value: Tensor, wanted: object) -> float:
        wanted = np.asarray(wanted, dtype=np.float64)
        return float((abs(value.double().numpy() - wanted) / abs(wanted)).max())

    pair, file = load("lee2020_a", "prediction", "target")
    space = L.LossSpace("released")
    columns = [[space.names.index(f"{kind}/{k}") for k in range(6)] for kind in order]
    theirs = file["losses"].reshape(-1, 6, 13)
    rows = [
        (f"lee2020 {kind}, 6 scales", error(space(*pair)[:, index], theirs[:, :, k]))
        for k, (kind, index) in enumerate(zip(order, columns, strict=True))
    ]
    pair, file = load("hu2019_a", "prediction", "target")
    rows.append(("Hu et al. depth", error(L.LogError()(*pair), file["depth"])))
    gradient = L.LogGradient(variant="released")(*pair)
    rows.append(("Hu et al. gradient", error(gradient, file["grad_x"] + file["grad_y"])))
    rows.append(("Hu et al. normal", error(L.SobelNormals()(*pair), file["normal"])))
    pair, file = load("densedepth_a", "prediction", "target")
    rows.append(("alhashim2018 SSIM", error(L.SSIM(data_range=100)(*pair), file["l_ssim"])))
    rows.append(("alhashim2018 L1", error(L.L1()(*pair), file["l1"])))
    pair, file = load("monodepth2_ssim_a", "x", "y")
    similar = L.SSIM(window=3, sigma=None, padding="reflect", data_range=1)(*pair)
    rows.append(("monodepth2 SSIM", error(similar, file["map"].mean(dtype=np.float64))))
    return ["| released variant | relative error |", "|---|---|", *(f"| {name} | {e:.1e} |" for name, e in rows)]


def docs(golden: Path | None) -> None:
    """Write docs/losses.md."""
    text = (ROOT / "benchmarks" / "losses.template.md").read_text()
    parts = {"machine": [on_this_machine()], "losses": loss_rows(), "space": compare(), "windows": windows()}
    parts["golden"] = golden_rows(golden) if golden else ["(not measured)"]
    for name, lines in parts.items():
        text = text.replace(f"{{{name}}}", "\n".join(lines))
    (ROOT / "docs" / "losses.md").write_text(text)


def step() -> None:
    """Share of a training step that a loss takes beyond L1."""
    from depthbench.models import DepthNet, Encoder, LeeDecoder, MetricDepth

    gpu = torch.cuda.is_available()
    device, batch = torch.device("cuda" if gpu else "cpu"), 12 if gpu else 1
    net = DepthNet(Encoder("densenet161", pretrained=False, levels=[-1]), LeeDecoder, MetricDepth()).to(device)
    image = torch.rand(batch, 3, *SHAPE[2:], device=device)
    target = maps(batch)[1].to(device)

    def run(loss: nn.Module) -> float:
        best = float("inf")
        for _ in range(20 if gpu else 3):
            start = time.perf_counter() if gpu else time.process_time()
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=gpu):
                output = net(image)
            loss(output, target).backward()
            if gpu:
                torch.cuda.synchronize()
            best = min(best, (time.perf_counter() if gpu else time.process_time()) - start)
        return best

    base = run(L.L1())
    prediction = (target * 1.05, target)
    for name, scales in (("39 terms", [3, 4, 5]), ("78 terms", list(range(6)))):
        loss = L.WeightedTerms(L.LossSpace(scales=scales), L.Rebalance()).to(device)
        if gpu:
            print(f"{name}: step {1e3 * base:.1f} ms with L1, {100 * (run(loss) / base - 1):+.1f} %")
        else:  # the step's own scatter is larger than the loss: time it alone
            extra = seconds(loss, prediction) - seconds(L.L1(), prediction)
            print(f"{name}: step {1e3 * base:.0f} ms with L1 at batch {batch}, {100 * extra / base:+.2f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="compare", choices=["compare", "docs", "step", "peak"])
    parser.add_argument("argument", nargs="?")
    given = parser.parse_args()
    torch.set_num_threads(1)
    run = {
        "compare": lambda: print("\n".join([on_this_machine(), *compare(), *windows()])),
        "docs": partial(docs, Path(given.argument) if given.argument else None),
        "step": step,
        "peak": lambda: print(own_peak(given.argument)),
    }
    run[given.what]()


if __name__ == "__main__":
    main()

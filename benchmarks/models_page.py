"""Make docs/models.md: what each network looks like, and what it costs.

Run ``python benchmarks/models_page.py`` with the arguments of benchmarks/models.py. Compiling all networks takes hours
on a CPU: ``--rows FILE`` keeps what has been measured, and goes on from there. Drawings are traced on the meta device:
hooks see the shapes, autograd's graph says which block feeds which.
"""

import argparse
import csv
import json
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from itertools import takewhile
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor, nn

from depthbench.models import DepthModel, Encoder
from models import CONF, PAPERS, Row, compare, multiply_adds, ratio

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "models.md"
DECODERS = ROOT / "experiments" / "decoders"  # one recipe for all; its results are the report's
TEMPLATE = Path(__file__).with_name("models.template.md")
SIZES = {name: size[:2] for name, size in PAPERS.items()} | {"dpt": (480, 640)}


class Drawing:
    """A network's levels and blocks as a mermaid flowchart."""

    def __init__(self, net: DepthModel, image: Tensor) -> None:
        self.labels: dict[object, str] = {}  # of autograd's nodes that end a block
        self.lines = [f'  image["image<br>{shape(image)}"]']
        self.image = image.requires_grad_()
        hooks = [module.register_forward_hook(partial(self._see, name)) for name, module in blocks(net)]
        net(self.image)
        for hook in hooks:
            hook.remove()

    def _see(self, name: str, module: nn.Module, _inputs: object, output: Tensor | tuple | list) -> None:
        if isinstance(module, Encoder):
            above = "image"
            taps = getattr(module.net, "taps", None) or [f"1/{reduction}" for reduction in module.reductions]
            for tap, feature in zip(taps, output, strict=True):
                above = self._draw(f"{name} {tap}", feature, [above])
        else:
            output = output if isinstance(output, Tensor) else output[0]
            self._draw(name, output, self._sources(output))

    def _draw(self, name: str, output: Tensor, sources: Iterable[str]) -> str:
        label = f"n{len(self.labels)}"
        self.lines.append(f'  {label}["{name.removeprefix("decoder.")}<br>{shape(output)}"]')
        self.lines += [f"  {source} --> {label}" for source in sorted(sources)]
        self.labels[output.grad_fn] = label
        return label

    def _sources(self, output: Tensor) -> set[str]:
        """The nearest drawn blocks from which it is computed."""
        found, seen, waiting = set(), set(), [output.grad_fn]
        while waiting:
            node = waiting.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            if node in self.labels:
                found.add(self.labels[node])
            elif getattr(node, "variable", None) is self.image:
                found.add("image")
            else:
                waiting += [function for function, _ in node.next_functions]
        return found

    def __str__(self) -> str:
        return "\n".join(["```mermaid", "flowchart LR", *self.lines, "```"])


def blocks(net: DepthModel) -> Iterator[tuple[str, nn.Module]]:
    """The drawn blocks: encoders, and the children of a decoder or of a stream; lists are taken apart."""
    for parent in ("encoder", "decoder", "depth", "gradient", "combination"):
        module = getattr(net, parent, None)
        if parent in ("encoder", "combination") and module is not None:
            yield parent, module
        elif module is not None:
            for name, child in module.named_children():
                if hasattr(child, "encoder"):
                    yield f"{parent}.{name}.encoder", child.encoder
                parts = child.named_children() if isinstance(child, nn.ModuleList) else [("", child)]
                yield from ((f"{parent}.{name}{key and '.'}{key}", part) for key, part in parts)


def shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape[1:]))


def million(module: nn.Module | None) -> float:
    return sum(p.numel() for p in module.parameters()) / 1e6 if module else 0.0


def describe(config: str) -> tuple[str, str]:
    """A row of the table, and a section with the drawing."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose(f"model/{config}", ["model.encoder.pretrained=false"]).model
    with torch.device("meta"):
        net = instantiate(cfg)
        image = torch.zeros(1, 3, *SIZES[config])
        work, output = multiply_adds(net.eval(), image), net(image)
        drawing = Drawing(net, image)
    whole, encoder = million(net), million(getattr(net, "encoder", None))
    parts = f"{encoder:.1f} + {whole - encoder:.1f}" if encoder else f"{whole:.1f}"
    row = f"| `{config}` | {cfg.encoder.name} | {shape(image)} | {shape(output)} | {parts} | {work:.1f} |"
    lines = (CONF / "model" / f"{config}.yaml").read_text().splitlines()
    about = takewhile(lambda line: line.startswith("# "), lines)
    comment = " ".join(line.removeprefix("# ") for line in about if not line.startswith(("# @package", "# Or:")))
    return row, f"### `model={config}`\n\n{comment}\n\n{drawing}\n"


def trained() -> str:
    """Rows of the decoders that were trained alike, the best first."""
    with (DECODERS / "results" / "nyu795" / "eigen-scores.csv").open() as file:
        scores = sorted(csv.DictReader(file), key=lambda score: float(score["AbsRel"]))
    return "\n".join(map(trained_row, scores))


def trained_row(score: dict[str, str]) -> str:
    name = score["method"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        choice = ["experiment=decoders", f"experiment/decoders/network={name}", "model.encoder.pretrained=false"]
        cfg = compose("config", choice).model
    with torch.device("meta"):
        size = million(instantiate(cfg))
    lines = (DECODERS / "network" / f"{name}.yaml").read_text().splitlines()
    numbers = " | ".join(f"{float(score[metric]):.3f}" for metric in ("AbsRel", "RMSE", "delta1"))
    return f"| `{name}` | {lines[1].removeprefix('# ')} | {size:.1f} | {numbers} |"


def speed(row: Row) -> str:
    numbers = [f"{row.forward[0]:.2f}", f"{row.train[0]:.2f}", f"{row.excess(row.forward):.2f}"]
    numbers += [f"{row.excess(row.train):.2f}", f"{row.memory[0]:.2f}", f"{ratio(row.memory):.2f}"]
    size = "×".join(map(str, row.shape))
    return f"| `{row.config}` | {row.encoder} | {size} | {ratio(row.gmac):.2f} | {' | '.join(numbers)} |"


def form(eager: Row, last: Row, compiled: Row | None) -> str:
    """Excess of one network in each form, forward and step, and how many times faster the form makes its step."""
    rows = [eager, last] + ([compiled] if compiled else [])
    numbers = [f"{row.excess(seconds):.2f}" for row in rows for seconds in (row.forward, row.train)]
    faster = [f"{eager.train[0] / row.train[0]:.2f}" for row in rows[1:]]
    gap, end = ([], []) if compiled else (["", ""], [""])
    return f"| `{eager.config}` | {' | '.join([*numbers, *gap, *faster, *end])} |"


def page(rows: list[Row], last: list[Row], compiled: dict[str, Row], device: str) -> str:
    described = [describe(config) for config in SIZES]
    machine = torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()}, 1 thread"
    return TEMPLATE.read_text().format(
        machine=f"PyTorch {torch.__version__}, {machine}",
        networks="\n".join(row for row, _ in described),
        speed="\n".join(map(speed, rows)),
        forms="\n".join(form(row, other, compiled.get(row.config)) for row, other in zip(rows, last, strict=True)),
        trained=trained(),
        drawings="\n".join(section for _, section in described).rstrip(),
    )


def kept(file: Path | None, key: str, measure: Callable[[], Row]) -> Row:
    """A row of the file; what is not there is measured and added."""
    rows = json.loads(file.read_text()) if file and file.is_file() else {}
    if key not in rows:
        rows[key] = asdict(measure())
        if file:
            file.write_text(json.dumps(rows, indent=1))
    return Row(**{name: tuple(value) if isinstance(value, list) else value for name, value in rows[key].items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=PAPERS, help="that are timed")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--scale", type=float, default=0.5, help="of the papers' sides")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--compiled", nargs="*", default=PAPERS, help="also compiled, each for up to half an hour on a CPU"
    )
    parser.add_argument("--rows", type=Path, help="file of the same machine's rows with the same arguments")
    args = parser.parse_args()
    if args.device == "cpu":
        torch.set_num_threads(1)
    measured = partial(compare, device=args.device, scale=args.scale, batch=args.batch, repeats=args.repeats)

    def row(name: str, form: str, **how: object) -> Row:
        return kept(args.rows, f"{name} {form}", partial(measured, name, **how))

    rows = [row(name, "eager") for name in args.networks]
    last = [row(name, "channels_last", layout=torch.channels_last) for name in args.networks]
    compiled = {name: row(name, "compiled", compiled=True) for name in args.compiled}
    PAGE.write_text(page(rows, last, compiled, args.device))


if __name__ == "__main__":
    main()

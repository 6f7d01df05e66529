"""The page of protocols: the rules of each, and its crop drawn to scale from the protocol object."""

from html import escape
from pathlib import Path

from docs.site_pages.keys import read_keys
from docs.site_pages.pages import ROOT

from depthbench.errors import UserError
from depthbench.protocols import EvalProtocol, load_protocol

FRAMES = {"NYUv2": (480, 640), "NYUv2 at half size": (240, 320), "KITTI": (375, 1242), "Make3D": (55, 305)}
"""``(height, width)`` of the truth on which regions are drawn."""

OF_KITTI = ("garg", "eigen_kitti", "kb")
WIDTH = 320
SHOWN = (
    "min_depth",
    "max_depth",
    "bounds",
    "truth",
    "resize",
    "clamp",
    "alignment",
    "reduction",
    "comparison",
    "images",
)


def frame_of(protocol: EvalProtocol) -> tuple[str, tuple[int, int]]:
    """Name and ``(height, width)`` of the frame that a protocol's crop is drawn on."""
    if protocol.score_size:
        return "truth at scored size", protocol.score_size
    if isinstance(protocol.region, str) and protocol.region.split("+")[0] in OF_KITTI:
        return "KITTI", FRAMES["KITTI"]
    for name, size in FRAMES.items():
        try:
            protocol.box(size)
        except UserError:
            continue
        return name, size
    raise ValueError(f"The region of {protocol.name} fits no frame; add its frame to FRAMES.")


def draw(protocol: EvalProtocol) -> str:
    """An inline SVG: the frame, and the scored part of it in the accent color of the page."""
    name, (height, width) = frame_of(protocol)
    top, bottom, left, right = protocol.box((height, width))
    scale = WIDTH / width
    said = f"{name}, {height}x{width}: rows {top} to {bottom}, columns {left} to {right}"
    x, y, w, h = (round(scale * value, 1) for value in (left, top, right - left, bottom - top))
    return (
        f'<figure><svg viewBox="-1 -1 {WIDTH + 2} {round(scale * height) + 2}" width="{WIDTH}" role="img" '
        f'aria-label="{escape(said)}">'
        f'<rect width="{WIDTH}" height="{round(scale * height, 1)}" fill="none" stroke="currentColor" '
        'stroke-dasharray="4 3"/>'
        f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="var(--md-accent-fg-color)" fill-opacity="0.35" '
        f'stroke="currentColor"/></svg><figcaption>{escape(said)}</figcaption></figure>'
    )


def rules(protocol: EvalProtocol) -> str:
    """A table of the rules that decide most."""
    values = {field: getattr(protocol, field) for field in SHOWN} | {"alignment": protocol.alignment.name}
    rows = [f"| `{field}` | {written(value)} |" for field, value in values.items()]
    return "\n".join(["| Rule | Value |", "|---|---|", *rows]) + "\n"


def written(value: object) -> str:
    """A value as a YAML writes it."""
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(written(part) for part in value)
    return str(value).replace("|", "\\|")


def protocol_page(folder: Path = ROOT / "conf" / "protocol") -> str:
    """One section for each protocol in ``folder``."""
    note = "The solid box is scored, the dashed one is the frame. All rules: [Protocols](../protocols.md)."
    sections = ["# Every protocol", note]
    for path in sorted(folder.glob("*.yaml")):
        protocol = load_protocol(path.stem)
        head, _ = read_keys(path.read_text())
        sections += [f"## protocol={path.stem}", f"{head} Version {protocol.version}.", draw(protocol), rules(protocol)]
    return "\n\n".join(sections) + "\n"

"""Draw the rooms of the package from its imports: ``python docs/draw_architecture.py``.

Writes ``docs/images/architecture.svg`` and the table between the markers in ``docs/architecture.md``. The rows of the
picture are the layers of the import contract in ``pyproject.toml``; an arrow is an import that no chain of other
arrows explains.
"""

import ast
import tomllib
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms: begin -->", "<!-- rooms: end -->"
PACKAGE = "depthbench"


def layers() -> list[list[str]]:
    """Rooms by layer, the highest first, as the import contract lists them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (rows,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[room.strip().removeprefix(f"{PACKAGE}.") for room in row.split("|")] for row in rows]


def imports() -> dict[str, set[str]]:
    """Which rooms each room imports."""
    graph = grimp.build_graph(PACKAGE)
    rooms = {module.split(".")[1] for module in graph.modules if "." in module}
    found: dict[str, set[str]] = {room: set() for room in sorted(rooms)}
    for module in graph.modules - {PACKAGE}:
        for imported in graph.find_modules_directly_imported_by(module):
            a, b = module.split(".")[1], imported.partition(".")[2].partition(".")[0]
            if b and a != b:
                found[a].add(b)
    return found


def without_shortcuts(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """The edges that no longer path explains."""

    def reached(room: str) -> set[str]:
        return edges[room].union(*(reached(other) for other in edges[room])) if edges[room] else set()

    return {
        room: {other for other in others if not any(other in reached(third) for third in others - {other})}
        for room, others in edges.items()
    }


def purpose(room: str) -> str:
    """The first sentence of a room's docstring."""
    place = ROOT / "src" / PACKAGE / room
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]


def table() -> str:
    """Room, purpose, lines and imports, as Markdown."""
    edges = imports()
    rows = ["| room | purpose | imports |", "| --- | --- | --- |"]
    for row in layers():
        for room in (name for name in row if name in edges):
            others = ", ".join(sorted(edges[room] - {"errors"}))
            rows.append(f"| `{room}` | {purpose(room)} | {others} |")
    return "\n".join(rows)


def draw() -> None:
    """Write the picture."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": PACKAGE, "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

    edges = without_shortcuts(imports())
    rows = [[room for room in row if room in edges] for row in layers()]
    widest = max(len(row) for row in rows)
    figure, axes = plt.subplots(figsize=(1.3 * widest, 0.9 * len(rows)))
    places = {}
    for y, row in enumerate(rows):
        for x, room in enumerate(row):
            places[room] = ((x + 0.5) * widest / len(row), len(rows) - y)
    for room, (x, y) in places.items():
        axes.add_patch(
            FancyBboxPatch((x - 0.38, y - 0.16), 0.76, 0.32, boxstyle="round,pad=0.03", fc="#eef3fa", ec="#3b5b8c")
        )
        axes.text(x, y, room, ha="center", va="center", weight="bold")
        for other in sorted(edges[room]):
            end = places[other]
            arrow = FancyArrowPatch((x, y - 0.19), (end[0], end[1] + 0.19), arrowstyle="-|>", mutation_scale=8)
            arrow.set(color="#8a97aa", linewidth=0.8, zorder=0)
            axes.add_patch(arrow)
    axes.set(xlim=(0, widest), ylim=(0.5, len(rows) + 0.5))
    axes.axis("off")
    figure.savefig(PICTURE, bbox_inches="tight", metadata={"Date": None})


def main() -> None:
    """Write picture and table."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}")
    draw()


if __name__ == "__main__":
    main()

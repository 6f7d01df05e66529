"""The diagram of mean ranks (Demsar 2006): methods on a line, bars over those that can't be told apart."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from depthbench.report.draw.plot import Draw
from depthbench.report.draw.style import INK, MUTED, Look, label, tip
from depthbench.stats.ranks import RankTest, alike


def rank_diagram(names: Sequence[str], test: RankTest, look: Look) -> Draw:
    """Draws the mean ranks of methods, the best at the top, and bars over groups within the critical difference."""

    def draw(ax: Axes) -> None:
        """Draw the diagram on axes."""
        order = sorted(range(len(names)), key=lambda place: test.mean_ranks[place])
        for row, place in enumerate(order):
            rank, name = float(test.mean_ranks[place]), names[place]
            ax.plot([1, rank], [row, row], color=MUTED, linewidth=0.6, alpha=0.5)
            ax.plot([rank], [row], color=look.color(name), marker=look.marker(name), markersize=7)
            tip(ax, rank, row, f"{name}: mean rank {rank:.2f}")
        for number, group in enumerate(alike(test.mean_ranks, test.critical)):
            rows = [order.index(place) for place in group]
            x = max(float(test.mean_ranks[place]) for place in group) + 0.12 + 0.1 * number
            ax.plot([x, x], [min(rows), max(rows)], color=INK, linewidth=3, solid_capstyle="round")
        ax.plot([1, 1 + test.critical], [-0.9, -0.9], color=INK, linewidth=1.2, marker="|")
        ax.text(1, -1.15, f"critical difference {test.critical:.2f}", fontsize=8, color=MUTED)
        ax.set_yticks(range(len(order)), [label(names[place][:34]) for place in order], color=INK)
        ax.set_ylim(len(order) - 0.4, -1.7)
        ax.set_xlim(0.8, len(names) + 0.5)
        ax.grid(visible=False, axis="y")
        ax.set_xlabel("mean rank")

    return draw

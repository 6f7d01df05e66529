"""``depthbench evaluate models=[...] data=[...]``: fill a leaderboard and print it."""

from collections import Counter
from collections.abc import Sequence

from depthbench.cli import next_step
from depthbench.leaderboard.asked import read_board_request
from depthbench.leaderboard.fill import fill_board


def fill_by_arguments(arguments: Sequence[str]) -> int:
    """Fill the leaderboard that a command line asks for; 1 if a cell failed.

    Raises:
        UserError: for a mistake in the command line.
    """
    asked = read_board_request(arguments)
    board = fill_board(asked)
    cells = board.shown.values()
    counts = Counter(cell.state for cell in cells)
    told = [f"{counts[state]} {state}" for state in ("done", "empty", "failed") if counts[state]]
    print(f"{len(board.asked)} cells: {', '.join(told)}.")
    failed = [cell for cell in cells if cell.state == "failed"]
    for reason in dict.fromkeys(f"{cell.model} on {cell.data}: {cell.reason}" for cell in failed):
        print(f"Failed: {reason}")
    if counts["failed"]:
        print("The same command tries the failed cells again.")
    if counts["done"]:
        next_step("report", str(asked.folder), "--output", f"{asked.folder}.html")
    return int(bool(counts["failed"]))

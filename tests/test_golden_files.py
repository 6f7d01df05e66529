"""The files that hold the output of the papers' own code are in every clone, so that no test of fidelity is skipped."""

import ast
from pathlib import Path

TESTS = Path(__file__).parent
GOLDEN = TESTS / "data" / "golden"


def uses_of_golden() -> dict[str, list[str]]:
    """Names of golden files by the test function that loads them."""
    found = {}
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and "golden" in [argument.arg for argument in node.args.args]:
                calls = [n for n in ast.walk(node) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "golden"]
                found[node.name] = [ast.literal_eval(call.args[0]) for call in calls]
                assert "shared" not in [argument.arg for argument in node.args.args], node.name
    return found


def test_every_golden_file_is_here_and_is_used():
    names = {name for used in uses_of_golden().values() for name in used}
    there = {path.stem for path in GOLDEN.glob("*.npz")}
    assert names == there
    assert len(there) == 7
    assert all(used for used in uses_of_golden().values())


def test_the_readme_says_where_each_comes_from():
    text = (GOLDEN / "README.md").read_text()
    for path in GOLDEN.iterdir():
        assert path.name in text or path.name == "README.md"

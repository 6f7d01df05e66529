"""The page of the architecture shows the rooms as the imports are."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("draw_architecture", ROOT / "docs" / "draw_architecture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_drawn_from_the_imports(script):
    text = script.PAGE.read_text()
    shown = text.partition(script.BEGIN)[2].partition(script.END)[0].strip()
    assert shown == script.table(), "run python docs/draw_architecture.py"


def test_every_room_has_its_place_in_the_contract(script):
    placed = [room for row in script.layers() for room in row]
    assert sorted(placed) == sorted(set(placed))
    assert set(script.imports()) - {"__main__"} == set(placed)


def test_shortcuts_are_left_out(script):
    edges = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert script.without_shortcuts(edges) == {"a": {"b"}, "b": {"c"}, "c": set()}

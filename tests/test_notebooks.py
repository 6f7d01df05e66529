"""docs/notebooks: stored with small outputs of the built-in rooms; the slow tests run each in an empty folder."""

import json
import os
import re

import pytest
from docs.site_pages import notebooks

PATHS = sorted(notebooks.FOLDER.glob("*.ipynb"))
NAMED = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def words_of(cells: list[dict]) -> list[str]:
    """The printed words, without numbers, verdicts and hashes, which another machine or version may change."""
    shown = [text for cell in cells for text in notebooks.outputs(cell.get("outputs", []))]
    text = "\n".join(one for one in shown if not one.startswith("<img"))
    return re.sub(r"runs/\S+|better: \w+|[-+]?\d+(?:\.\d+)?", "#", text).split()


def test_there_are_four():
    assert [path.stem for path in PATHS] == ["foundation_predictions", "loss_space", "reading_results", "tutorial"]


@NAMED
def test_it_is_small_and_knows_no_machine(path):
    text = path.read_text()
    assert len(text) < 80_000
    assert not re.search(r"/(home|tmp|work|root)/|site-packages", text)
    cells = json.loads(text)["cells"]
    assert cells[0]["source"][0].startswith("# ")
    assert not any(found["output_type"] == "error" for cell in cells for found in cell.get("outputs", []))
    assert len(words_of(cells)) > 5  # outputs are stored


@NAMED
def test_its_page_has_its_code_and_its_outputs(path):
    page = notebooks.markdown(path)
    cells = json.loads(path.read_text())["cells"]
    assert page.count("```python\n") == sum(cell["cell_type"] == "code" for cell in cells)
    assert page.startswith("# ")
    assert path.name in page
    assert page.count("data:image/png;base64,") == (path.stem == "tutorial")
    assert not re.search(r"^[^`]*Warning", page, re.MULTILINE)


def test_pieces_of_an_output_are_one_block():
    pieces = [{"name": "stdout", "text": "1\n"}, {"name": "stderr", "text": "w"}, {"name": "stdout", "text": ["2\n"]}]
    assert notebooks.outputs(pieces) == ["```text\n1\n2\n```"]
    assert notebooks.outputs([]) == []


def test_standard_error_is_left_out():
    assert notebooks.output({"output_type": "stream", "name": "stderr", "text": ["a warning\n"]}) == ""
    assert notebooks.output({"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}) == "```text\n1\n2\n```"
    assert notebooks.output({"output_type": "stream", "text": "\x1b[1;36mred\x1b[0m"}) == "```text\nred\n```"
    assert notebooks.output({"output_type": "execute_result", "data": {"text/plain": "3"}}) == "```text\n3\n```"


@pytest.mark.slow
@NAMED
def test_it_runs_and_prints_the_same_words(path, tmp_path, monkeypatch):
    client = pytest.importorskip("nbclient", reason="needs nbclient and ipykernel: pip install 'depthbench[docs]'")
    pytest.importorskip("ipykernel", reason="needs ipykernel: pip install 'depthbench[docs]'")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    notebook = nbformat.read(path, as_version=4)
    stored = words_of(json.loads(path.read_text())["cells"])
    where = {"metadata": {"path": str(tmp_path)}}
    client.NotebookClient(notebook, timeout=900, kernel_name="python3", resources=where).execute()
    assert words_of(notebook.cells) == stored

"""docs/troubleshooting.md quotes messages that exist, and the list of messages finds all kinds of them."""

import re

import pytest
from docs import list_messages

PAGE = (list_messages.ROOT / "docs" / "troubleshooting.md").read_text()
OURS = [row.split("|")[1] for row in PAGE.splitlines() if row.startswith("| ") and not row.startswith("| zsh")]
QUOTED = [quote for cell in OURS for quote in re.findall(r"`([^`]+)`", cell) if " " in quote]


@pytest.fixture(scope="module")
def known():
    """Letters of every message."""
    paths = sorted((list_messages.ROOT / "src").rglob("*.py"))
    return [
        letters(found.text) for path in paths for found in list_messages.of_python(path) if found.kind != "docstring"
    ]


def letters(text: str) -> str:
    return re.sub(r"[^a-z%.]", "", text.lower())


@pytest.mark.parametrize("quote", QUOTED)
def test_a_quoted_message_is_one_of_the_sources(quote, known):
    """Its parts between the dots stand in one message in this order, whatever values are between them."""
    parts = [re.escape(letters(part)) for part in re.split(r"\.\.\.|\d+", quote) if letters(part)]
    pattern = re.compile(".*".join(parts))
    assert any(pattern.search(text) for text in known), parts


def test_all_kinds_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(list_messages, "ROOT", tmp_path)
    code = tmp_path / "a.py"
    code.write_text(
        '"""A module."""\n\n\ndef f(x):\n    """First.\n\n    Second one.\n    """\n    print(f"Left out: {x}.")\n'
        '    parser.add_argument("x", help="the " "place")\n'
        "    raise UserError(f\"{x} is no number{' here' if x else ''}; \" \"give one.\")\n"
    )
    found = {(message.kind, message.text) for message in list_messages.of_python(code)}
    assert found == {
        ("docstring", "A module."),
        ("docstring", "First."),
        ("docstring", "Second one."),
        ("printed", "Left out: {...}."),
        ("help", "the place"),
        ("error", "{...} is no number{...}; give one."),
    }
    page = tmp_path / "a.md"
    page.write_text("# T\n\nOne\ntwo.\n- three\n```\nfour\n```\n| five | six |\n")
    assert [message.text for message in list_messages.of_markdown(page)] == [
        "# T",
        "One two.",
        "- three",
        "| five | six |",
    ]
    settings = tmp_path / "a.yaml"
    settings.write_text("# head\na: 1 # one\nb: x#y\n")
    assert [message.text for message in list_messages.of_yaml(settings)] == ["head", "one"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What a run needs.", ["a sentence that begins with What"]),
        ("What is wrong?", []),
        ("The sizes of those that fit.", ["those/that which"]),
        ("It becomes larger, as was told.", ["told, tells", "becomes"]),
        ("A plain sentence.", []),
    ],
)
def test_words_that_the_house_avoids(text, found):
    assert [name for name, pattern in list_messages.AVOIDED.items() if pattern.search(text)] == found

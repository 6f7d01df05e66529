"""The Markdown and the notebooks of the repository as pages, with links that work on the site."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from docs.site_pages import notebooks

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^\s*(```|~~~)")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|!?\[[^\]]*\]\([^)]*\))*)\]\(([^()\s]+)\)")
LIST = re.compile(r"^\s*([-*+]|\d+\.) ")


def sources() -> dict[Path, str]:
    """Every file that is a page, and its name on the site."""
    found = {ROOT / "README.md": "index.md"}
    found |= {ROOT / f"{name}.md": f"{name.lower()}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")}
    found[ROOT / "CODE_OF_CONDUCT.md"] = "code_of_conduct.md"
    found |= {path: path.name for path in sorted((ROOT / "docs").glob("*.md"))}
    found |= {path: f"notebooks/{path.stem}.md" for path in sorted(notebooks.FOLDER.glob("*.ipynb"))}
    for path in sorted((ROOT / "experiments").glob("*/*.md")):
        name = path.parent.name if path.stem == "README" else f"{path.parent.name}_{path.stem.lower()}"
        found[path] = f"results/{name}.md"
    return found


def markdown_of(path: Path) -> str:
    """The text of a page."""
    return notebooks.markdown(path) if path.suffix == ".ipynb" else path.read_text()


def copy_pages(folder: Path) -> list[str]:
    """Copy all pages and the files that they link to into ``folder``; the names of the pages.

    Raises:
        ValueError: if a page links to a file that the repository lacks.
    """
    names = sources()
    if faults := [fault for path in names for fault in dead_links(path)]:
        raise ValueError("\n".join(faults))
    for path, name in names.items():
        text, files = for_site(markdown_of(path), path, names)
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        for file in files:
            copy = folder / "files" / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    return list(names.values())


def dead_links(path: Path) -> list[str]:
    """A sentence for each link of a page to a file that the repository lacks."""
    targets: list[str] = []

    def note(match: re.Match[str]) -> str:
        LINK.sub(note, match[2])
        targets.append(match[3])
        return match[0]

    outside_fences(markdown_of(path), lambda line: LINK.sub(note, line))
    files = {target: target.partition("#")[0] for target in targets if "://" not in target}
    return [
        f"{path.relative_to(ROOT)} links to {target}, which is missing."
        for target, file in files.items()
        if file and not (path.parent / file).exists()
    ]


def for_site(text: str, path: Path, names: dict[Path, str]) -> tuple[str, list[Path]]:
    """Markdown of ``path`` as the site reads it, and the pictures and pages of results that it needs beside it.

    Links follow their pages; a link to source code is left as its text, for the site has no sources. Lists and tables
    get the empty line before them that the site's Markdown asks for.
    """
    files: list[Path] = []
    here = Path(names[path]).parent

    def renewed(match: re.Match[str]) -> str:
        mark, shown, target = match.groups()
        shown = LINK.sub(renewed, shown)
        place, sharp, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:") or not place:
            return f"{mark}[{shown}]({target})"
        file = (path.parent / place).resolve()
        if file in names:
            new = names[file]
        elif file.suffix in (".png", ".jpg", ".svg", ".html"):
            files.append(file)
            new = f"files/{file.relative_to(ROOT)}"
        else:
            return shown
        up = "../" * len(here.parts)
        return f"{mark}[{shown}]({up}{new}{sharp}{anchor})"

    return outside_fences(text, lambda line: LINK.sub(renewed, line)), files


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """``text`` with each line outside of blocks of code changed, and an empty line before each list and table."""
    fenced, before = False, ""
    lines: list[str] = []
    for line in text.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            begins_list = LIST.match(line) and before.strip() and not LIST.match(before) and not before.startswith(" ")
            begins_table = line.startswith("|") and before.strip() and not before.startswith("|")
            if begins_list or begins_table:
                lines.append("")
            line = change(line)
        lines.append(line)
        before = line
    return "\n".join(lines) + "\n"

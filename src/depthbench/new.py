"""The files of a component of your own, with a test that passes. See ``--help``."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from depthbench.cli import BEGINS_ANEW, asks_for_help, command_line, exit_status, next_step
from depthbench.config.compose import option_file
from depthbench.config.kinds import is_library
from depthbench.config.mistakes import nearest
from depthbench.errors import UserError
from depthbench.files import write_atomically

# Kind -> the group of its YAML, and its description.
KINDS = {
    "loss": ("loss", "a loss between two maps"),
    "decoder": ("model", "a decoder, in a network with a small encoder"),
    "network": ("model", "a network that has no encoder of timm"),
    "data": ("data", "a data set"),
    "augment": ("augment", "an augmentation"),
    "metric": ("structure", "a metric of whole images, for evaluate structure=NAME"),
    "protocol": ("protocol", "rules of scoring"),
    "callback": ("callbacks", "something that happens beside training"),
    "plugin": ("loss", "a package that pip installs, with a loss to begin with"),
}

HELP = """Write class, YAML and test of a component of your own, in a package of yours.

  depthbench new KIND NAME [--into FOLDER]

{kinds}

FOLDER is the package, `mybench` by default, or a project that holds it; it is made where it is missing. The files
run as they stand, and their test passes; then change them into your component."""

DEFAULT = "mybench"
TEMPLATES = Path(__file__).parent / "templates"
SECTION = re.compile(r"^==> (\S+) <==\n", re.MULTILINE)


def help_text() -> str:
    """One line per kind."""
    width = max(map(len, KINDS))
    return HELP.format(kinds="\n".join(f"  {kind:<{width}}  {does}" for kind, (_, does) in KINDS.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: 0, or one sentence and 2 for a user's mistake."""
    arguments = command_line(arguments)
    if not arguments or asks_for_help(arguments):
        print(help_text())
        return 0
    return exit_status(lambda: write_component(arguments), BEGINS_ANEW)


def write_component(arguments: Sequence[str]) -> None:
    """Write the files that the command line asks for, and print their purpose.

    Raises:
        UserError: for an unknown kind, a name that can't be used, or files that exist.
    """
    kind, name, into = _read(arguments)
    package = into / "src" / name if kind == "plugin" else _package(into)
    top = into if kind == "plugin" or package.parent.name == "src" else package
    for written in (package.name, name) if kind == "plugin" else (package.name,):
        _check_name(written)
    group = KINDS[kind][0]
    option = f"{name}_loss" if kind == "plugin" else name
    if (known := option_file(group, option)) is not None:
        raise UserError(f"{group}={option} exists already ({known}); choose another name.")
    files = {path: text for part in ([kind, "loss"] if kind == "plugin" else [kind]) for path, text in _files(part)}
    made = {
        _place(_filled(path, option, package.name), package, top): _filled(text, option, package.name)
        for path, text in files.items()
    }
    for path in made:
        if path.exists():
            raise UserError(f"{path} exists already; choose another name, or delete it.")
    if not (package / "__init__.py").exists():
        made[package / "__init__.py"] = f'"""Components of my own for depthbench: plugins=[{top}]."""\n'
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
        print(path)
    next_step("test-plugin", str(top))


def _read(arguments: Sequence[str]) -> tuple[str, str, Path]:
    words, into, waiting = list[str](), None, iter(arguments)
    for word in waiting:
        key, equals, value = word.partition("=")
        if key == "--into":
            into = value if equals else next(waiting, "")
        else:
            words.append(word)
    if len(words) != 2:
        raise UserError("Give the kind and a name: depthbench new loss charbonnier.")
    kind, name = words
    if kind not in KINDS:
        raise UserError(f"There is no kind {kind}; {nearest(kind, KINDS)}")
    _check_name(name)
    if into == "":
        raise UserError("--into needs a folder: --into mybench.")
    if kind == "plugin":
        return kind, name, Path(into or ".").expanduser() / name
    return kind, name, Path(into or DEFAULT).expanduser()


def _package(folder: Path) -> Path:
    """The package in a folder: the only one of a project, or the folder itself."""
    found = [file.parent for file in sorted(folder.glob("src/*/__init__.py"))]
    if len(found) > 1:
        raise UserError(f"{folder} holds {len(found)} packages; give one of them: --into {found[0]}.")
    if not found and folder.is_file():
        raise UserError(f"--into {folder} is a file; give a folder.")
    return found[0] if found else folder


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or is_library(name):
        raise UserError(f"{name} can't be the name of a module of yours; give lower-case letters, digits and _.")


def _files(kind: str) -> list[tuple[str, str]]:
    """Path and text of each section of a kind's template."""
    _, *parts = SECTION.split((TEMPLATES / f"{kind}.txt").read_text(encoding="utf-8"))
    return list(zip(parts[::2], parts[1::2], strict=True))


def _place(path: str, package: Path, top: Path) -> Path:
    """Tests lie in the project where there is one, else in the package."""
    return (top if path.startswith(("tests/", "pyproject", "README")) else package) / path


def _filled(text: str, name: str, package: str) -> str:
    capitals = "".join(part.capitalize() for part in name.split("_"))
    for word, value in {"@name@": name, "@Class@": capitals, "@package@": package}.items():
        text = text.replace(word, value)
    return text


if __name__ == "__main__":
    sys.exit(main())

"""One meaning per name: public names that are defined in several files are counted and justified."""

import ast
from collections import defaultdict
from pathlib import Path

import depthbench

SOURCE = Path(depthbench.__file__).parent

# Names with several definitions, each with its reason. A new one belongs here only with a reason of this weight.
JUSTIFIED = {
    # aliases of array types, each for the arrays of its file
    "Array",
    "Floats",
    "Values",
    "SILog",  # the same quantity as a loss and as a metric
    # one for each command: `main` is its entry point, `help_text` its help, `check` what it refuses
    "main",
    "help_text",
    # functions of a module's protocol
    "__getattr__",
}


def definitions() -> dict[str, set[str]]:
    """Files by public class, alias or function."""
    found = defaultdict(set)
    for path in SOURCE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names = [node.name]
            elif isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            else:
                continue
            for name in names:
                constant = name.isupper() and not isinstance(node, ast.ClassDef)
                if not constant and not (name.startswith("_") and name != "__getattr__"):
                    found[name].add(str(path.relative_to(SOURCE)))
    return found


def test_a_public_name_has_one_meaning():
    several = {name: sorted(files) for name, files in definitions().items() if len(files) > 1}
    unexplained = {name: files for name, files in several.items() if name not in JUSTIFIED and len(name) > 1}
    assert not unexplained


def test_every_exception_is_still_one():
    several = {name for name, files in definitions().items() if len(files) > 1}
    assert several >= JUSTIFIED, f"no exceptions any more: {sorted(JUSTIFIED - several)}"

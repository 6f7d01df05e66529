"""Completion in bash and zsh: ``depthbench completion bash`` prints a script, which asks this module for words.

Candidates come from the YAMLs on disk and from the commands' own lists; nothing is composed, and torch isn't imported.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from depthbench.cli import COMMANDS
from depthbench.config.compose import config_dir, group_options, is_group, option_file
from depthbench.config.reading import read_yaml
from depthbench.errors import UserError
from depthbench.export import OPTIONS as EXPORT
from depthbench.inference.command_line import OPTIONS as PREDICT
from depthbench.new import KINDS as NEW
from depthbench.prepare.__main__ import COMMANDS as PREPARE
from depthbench.runs.lookup import LATEST, run_folders
from depthbench.viewing.command_line import FLAGS as VIEW

HELP = """A script that completes commands, groups, their options and keys.

  eval "$(depthbench completion bash)"     in ~/.bashrc
  eval "$(depthbench completion zsh)"      in ~/.zshrc, after compinit"""

# `=` is between two words for bash, so it replaces only the word behind it; `:` likewise.
BASH = r"""_depthbench() {
  local line="${COMP_LINE:0:COMP_POINT}" current word
  local -a typed
  read -r -a typed <<< "$line"
  [[ "$line" == *[[:space:]] ]] && typed+=("")
  current="${typed[-1]}"
  COMPREPLY=()
  while IFS= read -r word; do
    [[ "$COMP_WORDBREAKS" == *=* && "$current" == *=* ]] && word="${word#"${current%"${current##*=}"}"}"
    COMPREPLY+=("$word")
  done < <("${typed[0]/#\~/$HOME}" completion --words "${typed[@]:1}" 2> /dev/null)
  [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" != *[=.,/] && "$current" != *=* ]] && COMPREPLY[0]+=" "
}
complete -o default -o nospace -F _depthbench depthbench"""

ZSH = r"""_depthbench() {
  local -a found
  found=("${(@f)$("${words[1]/#\~/$HOME}" completion --words "${(@)words[2,CURRENT]}" 2> /dev/null)}")
  found=("${(@)found:#}")
  if (( ${#found} )); then
    compadd -Q -S '' -- "${found[@]}"
  else
    compset -P '*='
    _files
  fi
}
compdef _depthbench depthbench"""

SCRIPTS = {"bash": BASH, "zsh": ZSH}

# Commands whose arguments Hydra composes: the configuration, and their other options.
COMPOSED = {"run": ("config", ("-m", "--cfg", "--help")), "evaluate": ("evaluate", ("--help",))}

REPORT = ("--output", "--title", "--no-figures", "--no-gallery", "--published", "--help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a script, or, asked by one of them, the words that may stand in the last one's place."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["--words"]:
        print("\n".join(candidates(arguments[1:])))
        return 0
    if len(arguments) == 1 and arguments[0] in SCRIPTS:
        print(SCRIPTS[arguments[0]])
        return 0
    if not arguments or "--help" in arguments or "-h" in arguments:
        print(HELP)
        return 0
    print(f"completion is for bash or zsh, not for {' '.join(arguments)}.", file=sys.stderr)
    return 2


def candidates(words: Sequence[str]) -> list[str]:
    """Completions of the last word, in order.

    Args:
        words: behind ``depthbench``; the last one is begun, perhaps empty.
    """
    *before, begun = words or [""]
    return sorted({word for word in _possible(before, begun) if word.startswith(begun)})


def _possible(before: Sequence[str], begun: str) -> Iterable[str]:
    if not before:
        return (*COMMANDS, "--help", "--version")
    command, *given = before
    if command in COMPOSED:
        name, flags = COMPOSED[command]
        return _composed(name, given, begun, flags)
    if command == "prepare":
        return _prepare(given, begun)
    if command in ("predict", "export"):
        return _runs(begun) if begun.startswith("run=") else _options(command)
    if command == "view":
        return VIEW if begun.startswith("-") else _runs(begun)
    if command == "dashboards":
        return (name for name in group_options("experiment") if "/" in name)
    if command == "completion":
        return SCRIPTS
    if command == "new":
        return (*NEW, "--into", "--help") if not given else ("--into",)
    if command == "test-plugin":
        return ("--help",)
    return REPORT if begun.startswith("-") else (LATEST,) if begun else ()


def _options(command: str) -> Iterable[str]:
    return (*(f"{key}=" for key in (PREDICT if command == "predict" else EXPORT)), "--help")


def _prepare(given: Sequence[str], begun: str) -> Iterable[str]:
    if not given:
        return (*PREPARE, "--help")
    if given[0] not in PREPARE:
        return ()
    if given[0] == "nyu-raw":
        return _composed("nyu_raw", given[1:], begun, ("-m", "--help"))
    module = import_module(f"depthbench.prepare.{PREPARE[given[0]].module}")
    data = [word for word in _composed("evaluate", given[1:], begun) if word.startswith("data")]
    return (*data, *(f"{key}=" for key in module.OWN), "--help")


def _composed(name: str, given: Sequence[str], begun: str, flags: Sequence[str] = ()) -> Iterable[str]:
    """Groups, options and keys of a configuration such as ``conf/config.yaml``."""
    top = _yaml(config_dir() / f"{name}.yaml")
    groups = {
        key: value for entry in top.pop("defaults", []) if isinstance(entry, dict) for key, value in entry.items()
    }
    groups = {key: value for key, value in groups.items() if " " not in key}
    top.pop("hydra", None)
    key, equals, value = begun.partition("=")
    if equals:
        if key == "run":
            return _runs(begun)
        several = value[: value.rfind(",") + 1]  # of a sweep
        listed = key in groups or (key in top and is_group(key))
        return (f"{key}={several}{option}" for option in group_options(key)) if listed else ()
    chosen = groups | dict(word.split("=", 1) for word in given if word.partition("=")[0] in groups)
    group, dot, inner = begun.partition(".")
    if dot and group in groups:
        return (f"{group}.{key}" for key in _keys(_group_yaml(group, str(chosen[group])), inner))
    deeper = (f"{group}." for group, option in chosen.items() if _group_yaml(group, str(option)))
    return (*(f"{group}=" for group in groups), *deeper, *_keys(top, begun), *flags)


def _keys(node: Any, begun: str) -> Iterator[str]:
    """Keys of one level, as deep as the word typed so far; a node ends in a dot, a value in ``=``."""
    above, dot, _ = begun.rpartition(".")
    for part in above.split(".") if dot else ():
        node = node.get(part) if isinstance(node, dict) else None
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in ("defaults", "_target_", "_partial_"):
                yield f"{above}{dot}{key}{'.' if isinstance(value, dict) else '='}"


def _group_yaml(group: str, option: str) -> dict[str, Any]:
    """Keys of a group in one of its YAMLs, merged over the YAMLs of the same group in its defaults."""
    path = option_file(group, option)
    content = _yaml(path) if path else {}
    found: dict[str, Any] = {}
    for entry in content.get("defaults", []):
        if isinstance(entry, str) and entry != "_self_":
            found |= _group_yaml(group, entry)
    if path and content and "@package _global_" in path.read_text(encoding="utf-8").partition("\n")[0]:
        content = content.get(group) or {}
    return found | content


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path)
    except UserError:
        return {}
    return content if isinstance(content, dict) else {}


def _runs(begun: str) -> Iterator[str]:
    """``latest``, run folders below ``runs``, and their hashes where one is begun."""
    several = begun[: max(begun.rfind(","), begun.find("=")) + 1]
    yield f"{several}{LATEST}"
    for folder in run_folders(Path("runs")):
        digest = folder.name.rpartition("-")[2]
        yield f"{several}{folder}"
        if begun != several:
            yield f"{several}{digest}"


if __name__ == "__main__":
    sys.exit(main())

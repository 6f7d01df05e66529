"""The checks of the house's own components, run on a plugin's. See ``--help``."""

import sys
from collections.abc import Sequence

from depthbench.cli import BEGINS_ANEW, asks_for_help, command_line, exit_status
from depthbench.errors import UserError

HELP = """Check the components of a package of yours as those of depthbench are checked.

  depthbench test-plugin PATH [data.root=FOLDER ...]

PATH is a folder, a Python file or a module, as in plugins=[PATH]. Every YAML of its conf is made and checked: losses on
holes, empty masks, odd sizes and half precision; networks on odd sizes, gradients and float32 depth; data sets on
shapes, units and determinism; augmentations, metrics of structure, protocols; of all others the configuration.
It ends with 1 if a check fails. Put checks of your own part (the formula) into tests of your own:
`depthbench new` writes some."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: 0, 1 where a check failed, or one sentence and 2 for a user's mistake."""
    arguments = command_line(arguments)
    if not arguments or asks_for_help(arguments):
        print(HELP)
        return 0
    return exit_status(lambda: check_plugin(arguments), BEGINS_ANEW)


def check_plugin(arguments: Sequence[str]) -> int:
    """Check all components of a plugin and print the results; returns 1 where a check failed.

    Raises:
        UserError: if there is no such plugin.
    """
    plugin, *overrides = arguments
    if "=" in plugin:
        raise UserError(f"The plugin comes first: depthbench test-plugin PATH {plugin}.")
    # Here and not above: torch takes seconds to import, and help or a mistake should be reported at once.
    from depthbench.testing import component_checks, components_of

    failed = 0
    for group, name in components_of(plugin):
        try:
            own = [item for item in overrides if item.lstrip("+~").startswith((f"{group}.", f"{group}="))]
            checks = component_checks(plugin, group, name, own)
            failures, count = checks.failures(), len(checks.names())
        except UserError as error:
            failures, count = {"it can be made": str(error)}, 1
        failed += len(failures)
        told = f"{len(failures)} of {count} checks failed" if failures else f"{count} checks passed"
        print(f"{group}={name}: {told}", flush=True)
        for check, reason in failures.items():
            print(f"  {check}: {reason}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

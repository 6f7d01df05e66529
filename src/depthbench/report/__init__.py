"""Run folders to tables, figures and one self-contained page.

The names below are imported when first used: drawing modules take seconds, and the command's help should not wait.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from depthbench.report.analyze.study import Cell, Study, studies
    from depthbench.report.analyze.table import Table, build_table
    from depthbench.report.read.runs import Run, find_run_folders, read_run, read_runs
    from depthbench.report.write.page import write_report

__all__ = [
    "Cell",
    "Run",
    "Study",
    "Table",
    "build_table",
    "find_run_folders",
    "read_run",
    "read_runs",
    "studies",
    "write_report",
]

_HOMES = {
    "analyze.study": ("Cell", "Study", "studies"),
    "analyze.table": ("Table", "build_table"),
    "read.runs": ("Run", "find_run_folders", "read_run", "read_runs"),
    "write.page": ("write_report",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"depthbench.report.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

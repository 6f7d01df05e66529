"""Run folders to tables, figures and one self-contained page."""

from depthbench.report.page import write_report
from depthbench.report.runs import Run, find_runs, read_run, read_runs
from depthbench.report.study import Cell, Study, studies
from depthbench.report.table import Table, build_table

__all__ = [
    "Cell",
    "Run",
    "Study",
    "Table",
    "build_table",
    "find_runs",
    "read_run",
    "read_runs",
    "studies",
    "write_report",
]

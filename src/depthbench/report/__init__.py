"""Run folders to tables, figures and one self-contained page."""

from depthbench.report.analyze.study import Cell, Study, studies
from depthbench.report.analyze.table import Table, build_table
from depthbench.report.read.runs import Run, find_runs, read_run, read_runs
from depthbench.report.write.page import write_report

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

"""The cores that a process may use."""

import os

import pytest

from depthbench.cores import cores, threads_of_each
from depthbench.errors import first_line


def test_only_the_cores_that_this_process_may_use_count(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 8}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert cores() == 3
    assert [threads_of_each(processes) for processes in (1, 2, 4)] == ["3", "1", "1"]


@pytest.mark.parametrize(("counted", "expected"), [(6, 6), (None, 1)])
def test_a_system_without_affinity_counts_all_cores(monkeypatch, counted, expected):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # macOS and Windows have none
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert cores() == expected


def test_the_first_line_of_an_error_is_never_empty():
    assert first_line(ValueError("  one\ntwo")) == "one"
    assert first_line(AssertionError()) == "AssertionError"
    assert first_line(ValueError(" \n ")) == "ValueError"
    assert first_line(ValueError("x" * 500)) == "x" * 200

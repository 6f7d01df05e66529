"""How commands end."""

import errno
import os
import sys
from contextlib import contextmanager

import pytest
from hydra.errors import HydraException

from depthbench.__main__ import main
from depthbench.cli import BEGINS_ANEW, READER_GONE, exit_status
from depthbench.errors import UserError


def raising(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(("value", "status"), [(None, 0), (0, 0), (1, 1)])
def test_work_that_ends_well_tells_the_status(value, status, capsys):
    assert exit_status(lambda: value, BEGINS_ANEW) == status
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "error", [UserError("no such thing"), HydraException("no such thing"), OSError("no such thing")]
)
def test_a_mistake_is_told_in_a_sentence(error, capsys):
    assert exit_status(raising(error), BEGINS_ANEW) == 2
    assert capsys.readouterr() == ("", "no such thing\n")


def test_a_full_disk_is_told_with_what_to_do(capsys):
    """Also where a folder is made or a library writes, which no reader or writer of ours has told."""
    assert exit_status(raising(OSError(errno.ENOSPC, "No space left on device", "out/png")), BEGINS_ANEW) == 2
    told = "out/png can't be written: the disk is full; make room, and start the same command again.\n"
    assert capsys.readouterr().err == told


def test_commands_have_mistakes_of_their_own(capsys):
    assert exit_status(raising(LookupError("not there")), BEGINS_ANEW, [LookupError]) == 2
    assert capsys.readouterr().err == "not there\n"
    with pytest.raises(LookupError):  # a fault of ours keeps its traceback
        exit_status(raising(LookupError("not there")), BEGINS_ANEW)


def test_a_user_may_stop_a_command(capsys):
    assert exit_status(raising(KeyboardInterrupt()), BEGINS_ANEW) == 130
    assert capsys.readouterr().err == f"{BEGINS_ANEW}\n"


@contextmanager
def no_reader():
    """Within, the output has a reader that has ended, and is written line by line."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", buffering=1) as output, pytest.MonkeyPatch.context() as patch:  # noqa: PTH123
        patch.setattr(sys, "stdout", output)
        yield


def test_a_reader_that_has_enough_is_no_mistake(capfd):
    with no_reader():
        assert main(["--help"]) == READER_GONE
    assert capfd.readouterr() == ("", "")


def test_a_command_whose_reader_has_enough_says_nothing(capfd):
    with no_reader():
        assert exit_status(lambda: print("one\ntwo"), BEGINS_ANEW) == READER_GONE
        print("dropped", flush=True)
    assert capfd.readouterr() == ("", "")


def test_a_pipe_to_somebody_else_that_breaks_is_a_mistake(capsys):
    assert exit_status(raising(BrokenPipeError("the server hung up")), BEGINS_ANEW) == 2
    assert capsys.readouterr().err == "the server hung up\n"

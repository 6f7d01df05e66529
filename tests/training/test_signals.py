"""What a process does with signals that ask it to stop."""

import os
import signal
import time

import pytest

from depthbench.training import signals
from depthbench.training.signals import SIGNALS, Stopped, StopRequest


def send(number):
    os.kill(os.getpid(), number)
    time.sleep(0.01)  # Python runs handlers between two instructions


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_at_once_and_a_repeated_one_spares_the_clearing_up(number, monkeypatch):
    stop = StopRequest()
    with stop.watching():
        with pytest.raises(Stopped):
            send(number)
        send(number)
        assert stop.asked
        monkeypatch.setattr(signals, "PATIENCE", 0.0)  # it has not ended for long: somebody swallowed the first
        with pytest.raises(Stopped):
            send(number)


def test_a_deferred_signal_is_obeyed_later_and_once():
    stop = StopRequest()
    with stop.watching():
        stop.defer()
        send(signal.SIGTERM)
        send(signal.SIGTERM)
        with pytest.raises(Stopped):
            stop.obey()
        send(signal.SIGTERM)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_loader_serves_until_the_step_is_done_and_not_for_ever(number, monkeypatch):
    monkeypatch.setattr(signals, "LOADERS", 0.3)
    stop = StopRequest()
    with stop.watching():
        read, write = os.pipe()
        loader = os.fork()
        if not loader:
            try:
                send(number)
                os.write(write, b"a batch")
                time.sleep(60)
            finally:
                os._exit(0)
        os.close(write)
        assert os.read(read, 10) == b"a batch"
        assert os.waitstatus_to_exitcode(os.waitpid(loader, 0)[1]) == -signal.SIGALRM
        os.close(read)
    assert not stop.asked

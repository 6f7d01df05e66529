"""A disk that is full where Hydra writes."""

import errno
import os

import pytest

from depthbench import run


@pytest.mark.parametrize(("number", "says"), [(errno.ENOSPC, "the disk is full"), (errno.EIO, None)])
def test_a_disk_that_hydra_finds_full_is_a_sentence(number, says, tmp_path, monkeypatch, capsys):
    """The record of a sweep is Hydra's own file; another error of the system keeps its traceback."""

    def refuse(*args, **kwargs):
        raise OSError(number, os.strerror(number), "runs/.sweep/multirun.yaml")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "check", refuse)
    with pytest.raises(SystemExit if says else OSError) as caught:
        run.main(["-m", "loss=l1,eigen"])
    told = capsys.readouterr().err
    assert (says is None) == (told == "")
    if says:
        assert caught.value.code == 2
        assert f"runs/.sweep/multirun.yaml can't be written: {says}; make room" in told

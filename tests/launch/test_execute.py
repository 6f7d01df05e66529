"""How the processes of a run end when one of them is asked to stop."""

import pytest

from depthbench.launch import execute as module
from depthbench.launch.exit_codes import INTERRUPTED
from depthbench.runs.folder import RunFolder
from depthbench.runs.machine import code_hash, code_version
from depthbench.training.callbacks import Stopped


@pytest.mark.parametrize(("stopped", "other"), [("0", "1"), ("1", "0")])
def test_a_neighbor_of_a_process_that_was_stopped_has_not_failed(stopped, other, tmp_path, monkeypatch, capfd):
    folder = RunFolder(tmp_path)
    folder.update_status(state="running", reason=None)

    def stop(*arguments):
        raise Stopped

    def lose(*arguments):
        folder.update_status(state="interrupted", reason=module.ASKED)  # the neighbor's
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setenv("RANK", stopped)
    monkeypatch.setattr(module, "train_and_test", stop)
    assert module.execute(folder) == INTERRUPTED
    assert folder.status["reason"] == module.ASKED
    monkeypatch.setenv("RANK", other)
    monkeypatch.setattr(module, "train_and_test", lose)
    assert module.execute(folder) == INTERRUPTED
    assert (folder.status["state"], folder.status["reason"]) == ("interrupted", module.ASKED)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_process_that_a_failing_neighbor_stops_leaves_the_failure(tmp_path, monkeypatch):
    """Torchrun's agent stops the others when one fails; its signal may come before the error of a collective."""
    folder = RunFolder(tmp_path)

    def stop(*arguments):
        folder.update_status(state="failed", reason="a damaged frame")  # the neighbor's
        raise Stopped

    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr(module, "train_and_test", stop)
    assert module.execute(folder) == INTERRUPTED
    assert (folder.status["state"], folder.status["reason"]) == ("failed", "a damaged frame")


def test_a_process_that_fails_alone_has_failed(tmp_path, monkeypatch, capfd):
    folder = RunFolder(tmp_path)

    def fail(*arguments):
        raise RuntimeError("broken")

    monkeypatch.setattr(module, "train_and_test", fail)
    assert module.execute(folder) == 1
    assert (folder.status["state"], folder.status["reason"]) == ("failed", "RuntimeError: broken")
    assert "Traceback" in capfd.readouterr().err


def test_what_another_sweep_has_finished_meanwhile_is_not_done_again(tmp_path, monkeypatch):
    (tmp_path / "DONE").write_text("{}")
    monkeypatch.setattr(module, "train_and_test", lambda *arguments: pytest.fail("trained again"))
    assert module.execute(RunFolder(tmp_path)) == 0


def test_a_run_records_the_code_that_trains_and_says_that_it_is_another(tmp_path, monkeypatch, capfd):
    """Its folder was made by the sweep's code; files were changed before its process began."""
    folder = RunFolder(tmp_path)
    planned = {"code_version": "1.0+abc", "code_sha256": "000000000000"}
    folder.write_json("run.json", {"name": "default", **planned})
    monkeypatch.setattr(module, "train_and_test", lambda *arguments: None)
    assert module.execute(folder) == module.execute(folder) == 0
    run = folder.run
    assert (run["code_version"], run["code_sha256"]) == (code_version(), code_hash())
    assert run["earlier_code"] == [planned]
    assert capfd.readouterr().out == f"The code has changed since: 1.0+abc then, {code_version()} now.\n"

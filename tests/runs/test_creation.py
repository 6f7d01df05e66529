"""A run folder comes into being whole, once, and is found again whatever happened to it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from depthbench import files
from depthbench.config.compose import config_dir
from depthbench.config.identity import digest, plain
from depthbench.errors import UserError
from depthbench.run import run_alone
from depthbench.runs import creation
from depthbench.runs.folder import RunFolder

FORMER = Path(__file__).parents[1] / "data" / "former"
FIRST = ["config.yaml", "run.json", "status.json"]
MAKE = """
import os, sys
from hydra import compose, initialize_config_dir
from depthbench.config.compose import config_dir
from depthbench.runs.folder import RunFolder
with initialize_config_dir(str(config_dir()), version_base="1.3"):
    config = compose("config", overrides=sys.argv[1:])
print("ready", flush=True)
sys.stdin.readline()
print(RunFolder.create(config, sys.argv[1:], {}).path, flush=True)
"""


def composed(root, *overrides):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("config", overrides=[f"output={root}", *overrides])


def create(root, *overrides):
    return RunFolder.create(composed(root, *overrides), [f"output={root}", *overrides], {"loss": "l1"})


def visible(root):
    return sorted(path.name for path in root.iterdir() if not path.name.startswith("."))


def test_a_folder_in_which_nothing_was_done_can_go(tmp_path):
    kept, gone, busy = (create(tmp_path, f"seed={seed}").path for seed in (1, 2, 3))
    (kept / "metrics.csv").write_text("step\n")
    (gone / ".lock").touch()
    (gone / "data.json").touch()
    with RunFolder(busy).lock():
        found = [creation.unmake(path) for path in (kept, gone, busy, tmp_path / "no-such")]
    assert found == [False, True, False, False]
    assert visible(tmp_path) == sorted([kept.name, busy.name])
    assert not list(tmp_path.glob(f"{files.PART}*"))


@pytest.mark.parametrize(("code", "stays"), [(2, False), (1, True), (75, True)])
def test_a_mistake_that_is_found_late_leaves_no_folder(code, stays, tmp_path, monkeypatch):
    """A bug or an interruption does: it can be looked at, and goes on."""
    folder = create(tmp_path, "trainer=cpu")
    monkeypatch.setattr("depthbench.launch.execute.execute", lambda *_, **__: code)
    with pytest.raises(SystemExit) as ended:
        run_alone(folder)
    assert ended.value.code == code
    assert folder.path.exists() == stays


def test_a_new_folder_holds_its_first_files(tmp_path):
    folder = create(tmp_path, "seed=3", "data.workers=1")
    assert sorted(path.name for path in folder.path.iterdir()) == FIRST
    assert folder.status == {"state": "waiting"}
    run = folder.run
    assert run["format"] == 2
    assert run["name"] == "seed=3"
    assert run["overrides"] == [f"output={tmp_path}", "seed=3", "data.workers=1"], "what is needed to compose it again"
    assert run["identity"] == digest(plain(folder.config))
    assert run["identity"].startswith(run["hash"])
    assert folder.path.name.endswith(run["hash"])
    assert folder.same_as(composed("/elsewhere", "seed=3"))
    assert not folder.same_as(composed(tmp_path, "seed=4"))


@pytest.mark.parametrize("moment", range(1, 14))
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupted_at_any_call_to_the_disk_nothing_half_made_appears(tmp_path, monkeypatch, moment, error):
    calls = []

    def interrupted(name, original):
        def call(*arguments, **named):
            calls.append(name)
            if len(calls) == moment:
                raise error
            return original(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted("fsync", os.fsync))
        patch.setattr(Path, "replace", interrupted("replace", Path.replace))
        patch.setattr(Path, "mkdir", interrupted("mkdir", Path.mkdir))
        try:
            create(tmp_path, "seed=3")
        except error:
            pass
        else:
            assert len(calls) < moment, "the folder was made before the interruption"
    for name in visible(tmp_path):
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == FIRST
    assert create(tmp_path, "seed=3").config.seed == 3
    assert len(visible(tmp_path)) == 1


@pytest.mark.processes
def test_killed_at_any_time_the_same_command_goes_on(tmp_path):
    """SIGKILL at instants over the whole of the making; each time the next start makes or finds one whole folder."""
    seconds = None
    for attempt in range(4):
        root = tmp_path / str(attempt)
        process = subprocess.Popen(
            [sys.executable, "-c", MAKE, f"output={root}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        start = time.monotonic()
        process.stdin.write("\n")
        process.stdin.flush()
        if seconds is None:
            process.stdout.readline()
            seconds = time.monotonic() - start
        else:
            time.sleep(seconds * attempt / 4)
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = visible(root) if root.exists() else []
        folder = create(root)
        assert sorted(path.name for path in folder.path.iterdir()) == FIRST
        assert visible(root) == [folder.path.name]
        assert before in ([], [folder.path.name])


@pytest.mark.processes
def test_processes_that_start_at_once_meet_one_whole_folder(tmp_path):
    """Also where they spell the overrides in another order, and so would name the folder otherwise."""
    orders = (["seed=3", "loss=l2"], ["loss=l2", "seed=3"]) * 2
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE, f"output={tmp_path}", *order],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for order in orders
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    found = {process.communicate()[0].strip() for process in processes}
    assert len(found) == 1
    (path,) = map(Path, found)
    assert sorted(file.name for file in path.iterdir()) == FIRST
    assert visible(tmp_path) == [path.name]


@pytest.mark.parametrize("left", [[], ["run.json"], ["run.json", "status.json"], ["config.yaml"]])
def test_a_folder_that_an_earlier_version_left_half_made_is_completed(tmp_path, left):
    folder = create(tmp_path, "seed=3")
    for name in set(FIRST) - set(left):
        (folder.path / name).unlink()
    again = create(tmp_path, "seed=3")
    assert again.path == folder.path
    assert again.config.seed == 3
    assert again.run["name"] == "seed=3"
    assert again.status["state"] == "waiting"


@pytest.mark.parametrize("name", FIRST)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[1, 2]", b"[" * 100_000, b'{"a": 0.'])
def test_a_damaged_file_is_written_anew(tmp_path, name, content):
    folder = create(tmp_path, "seed=3")
    kept = folder.run["wandb_id"]
    (folder.path / name).write_bytes(content)
    again = create(tmp_path, "seed=3")
    assert again.path == folder.path
    assert again.config.seed == 3
    assert again.status["state"] == "waiting"
    assert (again.run["wandb_id"] == kept) == (name != "run.json")


def test_what_is_asked_for_now_is_what_is_done(tmp_path):
    folder = create(tmp_path, "data.workers=1")
    again = create(tmp_path, "data.workers=3", "logger=csv")
    assert again.path == folder.path
    assert again.config.data.workers == 3
    assert "wandb" not in again.config.logger
    assert "logger=csv" in again.run["overrides"]
    with again.lock():
        create(tmp_path, "data.workers=4")
        assert again.config.data.workers == 3, "nobody changes what another process works with"
    (again.path / "DONE").write_text("{}")
    assert create(tmp_path, "data.workers=5").config.data.workers == 3


def test_two_configurations_of_one_hash_get_two_folders(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(creation, "digest", lambda content, *version: "0" * 15 + f"{content['seed']}" + "f" * 48)
    first, second = create(tmp_path, "seed=1"), create(tmp_path, "seed=2")
    assert first.path.name.endswith("-00000000")
    assert second.path.name.endswith("-0000000000000002")
    assert "has the same short hash but another configuration" in capfd.readouterr().err
    assert create(tmp_path, "seed=2").path == second.path
    assert create(tmp_path, "seed=1").path == first.path


def test_a_folder_of_an_earlier_version_is_kept_and_said(tmp_path, capfd):
    """Its numbers are those of other code: the configuration is trained anew, and the user hears of the old ones."""
    former = tmp_path / "data.split=8-12345678"
    former.mkdir()
    text = (FORMER / "default.yaml").read_text()
    (former / "config.yaml").write_text(text)
    run = {"name": "data.split=8", "overrides": ["data.split=8"], "choices": {}, "hash": "12345678", "wandb_id": "x"}
    (former / "run.json").write_text(json.dumps({**run, "code_version": "0.1.0+abc"}))
    (former / "DONE").write_text('{"score": 0.5}')
    assert RunFolder(former).done
    assert RunFolder(former).run["name"] == "data.split=8"
    assert "0.1.0+abc then" in RunFolder(former).other_code()
    config = OmegaConf.create({**RunFolder(former).config, "output": str(tmp_path)})
    creation._of_former_versions.cache_clear()
    folder = RunFolder.create(config, ["data.split=8"], {})
    assert folder.path != former
    assert not folder.done
    assert f"{former} has this configuration, trained by an earlier version" in capfd.readouterr().err
    assert sorted(path.name for path in former.iterdir()) == ["DONE", "config.yaml", "run.json"]
    assert (former / "config.yaml").read_text() == text


def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(UserError, match="can't be written: the disk is full"):
        create(tmp_path)
    assert visible(tmp_path) == []


def test_a_file_in_the_place_of_the_folder_is_a_sentence(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match="a file has the name of its folder"):
        create(tmp_path / "runs")


def test_what_nothing_has_resolved_is_refused_before_anything_is_made(tmp_path):
    config = composed(tmp_path / "runs")
    config.model.encoder.name = "\\${oc.env:HOME}"
    with pytest.raises(UserError, match="is not resolved here"):
        RunFolder.create(config, [], {})
    assert not (tmp_path / "runs").exists()


def test_planning_imports_no_torch(tmp_path):
    code = MAKE.replace("sys.stdin.readline()", "") + "print('torch' in sys.modules)"
    command = [sys.executable, "-c", code, f"output={tmp_path}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.endswith("False\n")

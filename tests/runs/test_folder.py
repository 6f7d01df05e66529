"""Reading run folders that are damaged, of another machine, or of other data."""

import os

import pytest

from depthbench.errors import UserError
from depthbench.runs.data_record import record_difference
from depthbench.runs.folder import RunFolder
from depthbench.runs.machine import gpu_names
from tests.runs.test_creation import create

MANIFEST = {
    "train": {"data": "Pairs", "count": 12, "names_sha256": "ab", "looks": [[0.5, 2.0], None]},
    "val": {},
    "test": {"data": "Pairs", "count": 3, "names_sha256": "cd", "looks": [[0.4, 3.0]]},
}


def changed(**fields):
    return {**MANIFEST, "train": {**MANIFEST["train"], **fields}}


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b"[" * 100_000, b'{"state": ["x"]}', b'{"state": "odd"}'])
def test_a_damaged_status_is_no_hindrance(tmp_path, content):
    folder = create(tmp_path)
    (folder.path / "status.json").write_bytes(content)
    assert folder.status["state"] == "interrupted"
    folder.update_status(state="running", pid=1)
    assert folder.status["state"] == "interrupted", "nobody works here"
    with folder.lock():
        assert folder.status["state"] == "running"


@pytest.mark.parametrize("name", ["run.json", "scores.json", "DONE"])
def test_other_damaged_files_are_a_sentence(tmp_path, name):
    folder = create(tmp_path)
    (folder.path / name).write_bytes(b"[" * 100_000)
    with pytest.raises(UserError, match=f"{name} is not readable JSON"):
        folder.read_json(name)
    (folder.path / name).unlink()
    os.mkfifo(folder.path / name)
    with pytest.raises(UserError, match="not a file but a named pipe"):
        folder.read_json(name)


def test_overrides_in_a_file_resolve_nothing_of_this_machine(tmp_path):
    folder = create(tmp_path)
    run = folder.read_json("run.json")
    folder.write_json("run.json", {**run, "overrides": ["data.val_frames=${data.test_frames}"]})
    assert folder.run["overrides"] == ["data.val_frames=${data.test_frames}"]
    for override in ("data.root=${oc.env:HOME}", "x=${oc.create:{_target_:os.system}}", "x=\\${oc.decode:y}"):
        folder.write_json("run.json", {**run, "overrides": [override]})
        with pytest.raises(UserError, match="which asks for a value of this machine"):
            folder.run  # noqa: B018
    for damaged in ({"overrides": "x"}, {"choices": [1]}):
        folder.write_json("run.json", {**run, **damaged})
        with pytest.raises(UserError, match=r"run\.json is damaged"):
            folder.run  # noqa: B018


def test_a_lock_that_can_not_be_taken_is_a_sentence(tmp_path):
    folder = create(tmp_path)
    (folder.path / ".lock").mkdir()
    assert not folder.locked()
    with pytest.raises(UserError, match=r"\.lock can't be written: a folder has its name"), folder.lock():
        pass


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (changed(), None),
        (changed(looks=[[0.503, 2.01], None]), None),
        (changed(looks=[[0.5, 2.0], [0.1, 1.0]]), None),  # was damaged, is not
        (changed(looks=None), None),
        (changed(count=13), "train had 12 frames and has 13"),
        (changed(data="KITTI"), "train was Pairs and is KITTI"),
        (changed(names_sha256="ef"), "other names"),
        (changed(looks=[[0.5, 2.2], None]), "look different"),
        (changed(looks=[[0.3, 2.0], None]), "look different"),
        ({}, None),
    ],
)
def test_data_are_what_they_are_and_not_where_they_lie(other, words):
    found = record_difference(MANIFEST, other)
    assert (found is None) if words is None else (words in found)


def test_a_renamed_class_is_the_same_data():
    assert record_difference(changed(data="DenseDepth"), changed(data="DenseDepthNYU")) is None


def test_a_run_that_began_refuses_other_data(tmp_path):
    folder = create(tmp_path, "data=nyu_labeled", "data.root=/a")
    folder.claim_data(MANIFEST)
    folder.claim_data(changed(count=13))  # nothing was learnt from the first
    folder.checkpoint.parent.mkdir()
    folder.checkpoint.touch()
    assert folder.read_json("data.json")["train"]["count"] == 13
    folder.write_json("data.json", MANIFEST)
    folder.claim_data(changed())
    with pytest.raises(UserError, match=r"other data than data\.root=/a: train had 12 frames and has 13.*data\.name"):
        folder.claim_data(changed(count=13))


def test_gpu_names_without_torch(tmp_path, monkeypatch):
    for number, name in enumerate(("A", "B", "C")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "information").write_text(f"Model: \t\t NVIDIA {name}\nIRQ: 5\n")
    monkeypatch.setattr("depthbench.runs.machine._PROC", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpu_names() == ["NVIDIA A", "NVIDIA B", "NVIDIA C"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,0")
    assert gpu_names() == ["NVIDIA C", "NVIDIA A"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu_names() == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-12ab")
    assert len(gpu_names()) == 1


def test_code_that_changed_is_said(tmp_path):
    folder = create(tmp_path)
    assert folder.other_code() is None
    folder.write_json("run.json", {**folder.read_json("run.json"), "code_sha256": "000000000000"})
    assert folder.other_code().startswith("The code has changed since: ")
    assert RunFolder(tmp_path).other_code() is None

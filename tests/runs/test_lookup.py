"""Which run a user means."""

import os
from pathlib import Path

import pytest

from depthbench.errors import UserError
from depthbench.runs.lookup import find_run, find_runs, split_paths, trained_run


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with runs, old names among them, at several depths."""
    monkeypatch.chdir(tmp_path)
    make("runs/loss-l1-11112222", age=30, done=True)
    make("runs/loss=l1,data.size=[96,128]-3333aaaa", age=20, checkpoint=True)
    make("runs/seeds/seed-0-5555bbbb", age=10, done=True, checkpoint=True)
    make("runs/seeds/seed-1-5555cccc", age=5)
    make("runs/.sweep/hidden-66667777", age=1, done=True)
    return tmp_path


def make(path, age=0, done=False, checkpoint=False):
    folder = Path(path)
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "run.json", "status.json"):
        (folder / name).write_text("{}")
    if done:
        (folder / "DONE").write_text("{}")
    if checkpoint:
        (folder / "checkpoints" / "last.ckpt").touch()
    os.utime(folder / "status.json", (1e9 - age, 1e9 - age))
    return folder


OLD = "runs/loss=l1,data.size=[96,128]-3333aaaa"
SEEDS = ["runs/seeds/seed-0-5555bbbb", "runs/seeds/seed-1-5555cccc"]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("latest", SEEDS[:1]),  # seed 1 is newer and untrained, the hidden one is none of ours
        ("1111", ["runs/loss-l1-11112222"]),
        ("11112222", ["runs/loss-l1-11112222"]),
        ("3333a", [OLD]),
        ("5555b", SEEDS[:1]),
        (OLD, [OLD]),
        (f"{OLD},1111", [OLD, "runs/loss-l1-11112222"]),
        (f"1111,{OLD}", ["runs/loss-l1-11112222", OLD]),
        ("latest,5555bbbb", SEEDS[:1]),  # the same run twice
        ("runs/seeds", SEEDS),
        ("runs", ["runs/loss-l1-11112222", OLD, *SEEDS]),
        ("runs/seeds/*", SEEDS),
        ("runs/*", ["runs/loss-l1-11112222", OLD, *SEEDS]),
        ("runs/s*ds/seed-[0]*", SEEDS[:1]),
    ],
)
def test_runs_are_found(here, text, paths):
    assert sorted(map(str, find_runs(text))) == sorted(paths)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("5555", "2 runs have a hash that begins with 5555: runs/seeds/seed-0-5555bbbb, runs/seeds/seed-1-5555cccc."),
        ("abcd", "No run in runs has a hash that begins with abcd."),
        ("111", "111 is not a run folder; give one"),  # 3 digits are a name
        ("none/*", "Nothing that fits none/* is or holds a run folder."),
        ("runs/.sweep/empty", "is not a run folder"),
    ],
)
def test_what_means_nothing_is_told(here, text, sentence):
    with pytest.raises(UserError) as told:
        find_runs(text)
    assert sentence in str(told.value)


def test_of_many_only_five_are_listed(here):
    for index in range(4):
        make(f"runs/more-5555dd{index:02d}")
    with pytest.raises(UserError, match=r"^6 runs have .*runs/more-5555dd03, runs/seeds/seed-0-5555bbbb and 1 more\.$"):
        find_runs("5555")
    with pytest.raises(UserError, match=r"runs/seeds matches 2 runs, but one is needed"):
        find_run("runs/seeds")


def test_one_run_with_a_checkpoint(here):
    assert str(trained_run("5555b").path) == SEEDS[0]
    with pytest.raises(UserError, match=r"loss-l1-11112222 has no checkpoints/last\.ckpt; has it been trained\?"):
        trained_run("1111")


def test_without_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="There are no runs yet: the folder runs does not exist here"):
        find_run("latest")
    make("runs/untrained-12345678")
    with pytest.raises(UserError, match="No run in runs is trained yet"):
        find_run("latest")
    assert find_run("1234", tmp_path / "runs") == tmp_path / "runs" / "untrained-12345678"


def test_a_folder_of_that_name_comes_first(here):
    make("latest")
    make("cafe")
    assert [str(path) for path in find_runs("latest,cafe")] == ["latest", "cafe"]


def test_paths_with_commas(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b").mkdir()
    assert split_paths("a,b,c") == ["a,b", "c"]
    assert split_paths("c,a,b") == ["c", "a,b"]
    assert split_paths("a,c,b") == ["a", "c", "b"]
    assert split_paths("") == []

"""Memory limits of containers and jobs, and little shared memory."""

import os
import subprocess
import sys

import pytest
import torch

from depthbench.data import DataModule, Frame
from depthbench.data.cache import limits
from depthbench.errors import UserError


class Frames(torch.utils.data.Dataset):
    def __len__(self):
        return 100

    def __getitem__(self, index):
        return Frame(torch.zeros(3, 8, 8), torch.ones(1, 8, 8), None, f"{index}")


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/job/step\n", {"job/step/memory.max": "max", "job/memory.max": "4000", "memory.max": "9000"}, 4000),
        ("0::/job\n", {"job/memory.max": "5000"}, 5000),
        ("0::/\n", {"memory.max": "7000"}, 7000),
        ("0::/elsewhere\n", {"memory.max": "6000"}, 6000),  # a container sees its own group at the top
        ("4:cpu,memory:/a/b\n0::/\n", {"memory/a/memory.limit_in_bytes": "3000"}, 3000),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": str(2**63 - 4096)}, None),
        ("0::/job\n", {"job/memory.max": "max"}, None),
        ("", {}, None),
        ("0::/job\n", {"job/memory.max": "nonsense"}, None),
    ],
)
def test_the_least_limit_counts(tmp_path, monkeypatch, own, files, limit):
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    monkeypatch.setattr(limits, "_OWN", tmp_path / "own")
    monkeypatch.setattr(limits, "_CGROUPS", tmp_path / "groups")
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert limits.memory_limit() == (limit or machine)


def test_a_machine_without_these_files_has_its_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "_OWN", tmp_path / "absent")
    monkeypatch.setattr(limits, "_SHARED", tmp_path / "absent")
    assert limits.shared_memory() == limits.memory_limit() > 1e8


def cached(monkeypatch, shared, memory, **settings):
    monkeypatch.setattr("depthbench.data.module.shared_memory", lambda: shared)
    monkeypatch.setattr("depthbench.data.module.memory_limit", lambda: memory)
    module = DataModule(Frames(), Frames(), batch_size=4, **settings)
    module.train_dataloader()
    return module.train


def test_a_cache_takes_no_shared_memory_without_workers(monkeypatch):
    assert not cached(monkeypatch, 0, 10**9, cache="auto", workers=0).images.is_shared()
    assert cached(monkeypatch, 10**9, 10**9, cache="auto", workers=1).images.is_shared()
    assert isinstance(cached(monkeypatch, 60_000, 10**9, cache="auto", workers=1), Frames)
    assert isinstance(cached(monkeypatch, 10**9, 100_000, cache="auto", workers=0), Frames)
    with pytest.raises(UserError, match=r"data\.cache=ram needs .* that workers can share .* data\.workers=0"):
        cached(monkeypatch, 10_000, 10**9, cache="ram", workers=1)


def test_workers_are_as_many_as_shared_memory_feeds(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)))
    module = DataModule(Frames(), Frames(), batch_size=4, test_batch_size=2)
    batch = 4 * 4 * 4 * 64
    for shared, workers in ((10**9, 8), (3 * 5 * batch, 5), (3 * batch - 1, 0), (0, 0)):
        monkeypatch.setattr("depthbench.data.module.shared_memory", lambda shared=shared: shared)
        assert module._workers() == workers


@pytest.mark.processes
@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to mount")
def test_the_default_data_are_cached_where_shared_memory_is_small(tmp_path):
    """Containers have 64 MB; 795 rooms take 68."""
    code = (
        "import torch; from depthbench.data import DataModule, Rooms\n"
        "frames = Rooms(part='train', split=795, size=(96, 128))\n"
        "module = DataModule(frames, frames, cache='auto', workers=0)\n"
        "module.train_dataloader(); print(type(module.train).__name__, module.train.images.is_shared())\n"
    )
    mount = 'mount -t tmpfs -o size=64m tmpfs /dev/shm && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("this machine lets nobody mount")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["MemoryCache", "False"]

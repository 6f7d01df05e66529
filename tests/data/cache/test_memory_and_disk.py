"""Frames that are kept: equal to fresh ones, made once, shared by processes."""

import errno
import multiprocessing
import os
import shutil
from collections import namedtuple

import pytest
import torch

from depthbench.annotations import Annotations
from depthbench.data import DataModule, DiskCache, Frame, MemoryCache, Rooms
from depthbench.errors import UserError
from tests.data.numbered import Numbered


@pytest.mark.parametrize("eight_bits", [True, False])
def test_a_cached_frame_equals_a_fresh_one_and_is_made_once(eight_bits):
    frames = Numbered(5, eight_bits)
    cached = MemoryCache(frames)
    for _ in range(2):
        for index in range(5):
            fresh, kept = Numbered(5, eight_bits)[index], cached[index]
            assert torch.equal(fresh.image, kept.image)
            assert torch.equal(fresh.depth, kept.depth)
            assert torch.equal(fresh.intrinsics, kept.intrinsics)
            assert fresh.name == kept.name
    assert all(count <= 1 + (index == 0) for index, count in frames.made.items())
    assert cached.images.dtype == (torch.uint8 if eight_bits else torch.float32)


def test_an_image_that_is_not_of_8_bits_is_not_rounded():
    class Mixed(Numbered):
        def __getitem__(self, index):
            frame = super().__getitem__(index)
            return frame if index == 0 else frame._replace(image=frame.image + 1e-4)

    cached = MemoryCache(Mixed(2))
    for _ in range(2):
        assert torch.equal(cached[1].image, Mixed(2)[1].image)


def test_annotations_are_kept():
    class Annotated(Numbered):
        key = "annotated"

        def __getitem__(self, index):
            frame = super().__getitem__(index)
            edges = frame.depth > frame.depth.median() + index
            rows = torch.full((1 + index // 2, 3), float(index))
            return frame._replace(annotations=Annotations(edges=edges, plane_normals=rows) if index != 3 else None)

    frames = Annotated(5)
    cached = MemoryCache(frames)
    for _ in range(2):
        for index in range(5):
            fresh, kept = Annotated(5)[index].annotations, cached[index].annotations
            assert (fresh is None) == (kept is None) == (index == 3)
            for one, other in zip(fresh or (), kept or (), strict=True):
                assert (one is None and other is None) or torch.equal(one, other)
                assert one is None or one.dtype == other.dtype
    assert frames.made[1] == 1
    assert frames.made[2] == 2, "two planes do not fit into the rows of one"
    assert MemoryCache.bytes(frames) == MemoryCache.bytes(Numbered(5)) + 5 * (frames[0].depth.numel() + 12)


def test_annotations_on_disk_have_the_frames_checksum(tmp_path):
    class Annotated(Numbered):
        key = "annotated"

        def __getitem__(self, index):
            frame = super().__getitem__(index)
            return frame._replace(annotations=Annotations(segments=frame.depth.long()))

    DiskCache(Annotated(2), tmp_path)[1]
    again = Annotated(2)
    cached = DiskCache(again, tmp_path)
    assert torch.equal(cached[1].annotations.segments, Annotated(2)[1].annotations.segments)
    assert again.made[1] == 0
    cached.annotations["segments"][1, 0, 0, 0] += 1
    assert torch.equal(cached[1].annotations.segments, Annotated(2)[1].annotations.segments)
    assert again.made[1] == 1


def test_frames_of_different_sizes_can_not_be_cached():
    class Uneven(Numbered):
        def __getitem__(self, index):
            frame = super().__getitem__(index)
            return frame if index == 0 else frame._replace(image=torch.zeros(3, 5, 6))

    with pytest.raises(UserError, match=r"give data\.size"):
        MemoryCache(Uneven(2))[1]


def test_frames_that_do_not_fit_into_memory_are_not_cached(monkeypatch):
    frames = Numbered(10)
    assert MemoryCache.bytes(frames) == 10 * (3 * 4 * 6 + 4 * 4 * 6)
    for memory, cached in ((4 * MemoryCache.bytes(frames), True), (4 * MemoryCache.bytes(frames) - 1, False)):
        monkeypatch.setattr("depthbench.data.module.memory_limit", lambda memory=memory: memory)
        module = DataModule(Numbered(10), Numbered(4), batch_size=4, cache="auto")
        module.train_dataloader()
        assert isinstance(module.train, MemoryCache) == cached
    monkeypatch.setattr("depthbench.data.module.memory_limit", lambda: MemoryCache.bytes(frames) - 1)
    with pytest.raises(UserError, match=r"data\.cache=ram needs"):
        DataModule(Numbered(10), Numbered(4), batch_size=4, cache="ram").train_dataloader()


def test_names_that_are_no_text_are_kept_in_memory_as_far_as_they_are():
    frame = Frame(torch.zeros(3, 2, 2), torch.ones(1, 2, 2), None, "caf\udce9-é")
    cached = MemoryCache([frame])
    assert [cached[0].name, cached[0].name] == [frame.name, "caf-é"]


def same(kept, frames):
    pairs = [pair for index in range(len(frames)) for pair in zip(kept[index], frames[index], strict=True)]
    return all(torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other for one, other in pairs)


def test_frames_in_files_equal_fresh_ones_in_the_next_job_too(tmp_path, monkeypatch):
    rooms = Rooms(split=3, size=(24, 32))
    assert same(DiskCache(rooms, tmp_path), rooms)
    kept = DiskCache(rooms, tmp_path)
    monkeypatch.setattr(rooms, "__getitems__", None)
    monkeypatch.setattr("depthbench.data.cache.memory.fetch", lambda dataset, indices: pytest.fail("made again"))
    assert [frame.name for frame in kept.__getitems__([2, 0])] == [rooms.names[2], rooms.names[0]]


@pytest.mark.parametrize("name", ["images", "depths", "intrinsics", "names"])
def test_a_frame_that_was_half_written_is_made_again(tmp_path, name):
    rooms = Rooms(split=2, size=(24, 32))
    assert same(DiskCache(rooms, tmp_path), rooms)
    file = tmp_path / rooms.key / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2 + 7])
    assert same(DiskCache(rooms, tmp_path), rooms)


def test_files_have_their_bytes_on_the_disk_before_they_are_mapped(tmp_path):
    """A full disk would end the process by SIGBUS at a frame."""
    folder = DiskCache(Rooms(split=3, size=(24, 32)), tmp_path).folder
    sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
    assert sizes["depths"] == 3 * 24 * 32 * 4
    assert all(512 * (folder / name).stat().st_blocks >= size for name, size in sizes.items())


def test_a_disk_without_room_for_the_files_is_named_and_gets_its_bytes_back(tmp_path, monkeypatch):
    real = os.posix_fallocate

    def full(handle, start, size):
        real(handle, start, size // 2)
        raise OSError(errno.ENOSPC, "No space left on device")

    rooms = Rooms(split=3, size=(24, 32))
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match=r"images can't be written: the disk is full"):
        DiskCache(rooms, tmp_path)
    assert [file.stat().st_size for file in (tmp_path / rooms.key).iterdir()] == [0]
    monkeypatch.setattr(os, "posix_fallocate", real)
    assert same(DiskCache(rooms, tmp_path), rooms)


def _fill(folder):
    torch.set_num_threads(1)
    DiskCache(Rooms(split=4, size=(24, 32)), folder).__getitems__([0, 1, 2, 3])


@pytest.mark.processes
def test_jobs_that_run_together_may_share_the_files(tmp_path):
    context = multiprocessing.get_context("forkserver")  # which imports once for both
    context.set_forkserver_preload(["depthbench.data"])
    jobs = [context.Process(target=_fill, args=(tmp_path,)) for _ in range(2)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0, 0]
    rooms = Rooms(split=4, size=(24, 32))
    assert same(DiskCache(rooms, tmp_path), rooms)


def test_other_frames_have_other_files():
    choices = [{}, {"size": (24, 48)}, {"sensor": False}, {"part": "test"}, {"split": 4}, {"seed": 1}]
    keys = {Rooms(**({"split": 3, "size": (24, 32)} | choice)).key for choice in choices}
    assert len(keys) == len(choices)


def test_what_can_not_be_kept_in_files_is_refused(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="is for rooms, not for Numbered"):
        DataModule(Numbered(3), Numbered(3), cache="disk", cache_folder=tmp_path)
    usage = namedtuple("usage", "total used free")(10, 10, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(UserError, match=r"may need 0\.0 GB at .* where 0\.0 GB are free"):
        DiskCache(Rooms(split=3, size=(24, 32)), tmp_path)


def test_all_parts_of_rooms_are_kept_but_no_files(tmp_path):
    rooms = Rooms(split=2, size=(24, 32))
    module = DataModule(rooms, Numbered(3), rooms, batch_size=2, cache="disk", cache_folder=tmp_path)
    assert isinstance(module.train, DiskCache)
    assert isinstance(module.val, DiskCache)
    assert isinstance(module.test, Numbered)
    assert module.manifest["train"]["data"] == "Rooms"

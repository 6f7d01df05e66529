"""Tars of others: what is read, and what lies, asks for memory or leads elsewhere."""

import gzip
import io
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from depthbench.errors import UserError
from depthbench.evaluation.prediction_files import PredictionFiles
from depthbench.input_files import TarFiles
from depthbench.input_files import tars as module

FILES = {
    "a.npy": b"first",
    "scene/b.npy": bytes(np.random.default_rng(0).bytes(3000)),
    "c.npy": bytes(1024),
    "d.txt": b"x",
}


def packed(files=FILES, mode="w", form=tarfile.PAX_FORMAT, **changed) -> bytes:
    """A tar; ``changed``: attributes of the first member."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in (changed if name == next(iter(files)) else {}).items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def opened(tmp_path: Path, data: bytes, limit: int = 5000) -> TarFiles:
    path = tmp_path / "maps.tar"
    path.write_bytes(data)
    return TarFiles(path, lambda name: name.endswith(".npy"), limit)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_files_are_read_in_any_order(mode, form, tmp_path):
    files = FILES | ({f"{'long' * 60}.npy": b"last"} if form != tarfile.USTAR_FORMAT else {})
    found = opened(tmp_path, packed(files, mode, form))
    assert found.names == [name for name in files if name.endswith(".npy")]
    assert found.others == ["d.txt"]
    for name in reversed(found.names):
        assert found.read(name) == files[name]


def test_a_gzip_is_read_once(tmp_path, monkeypatch):
    """Its reader would begin anew for each step back."""
    files = {f"{place}.npy": bytes(512 * place) for place in range(40)}
    steps = []
    seek = gzip.GzipFile.seek

    def noted(self, offset, whence=0):
        steps.append(whence != 0 or offset >= seek(self, 0, 1))
        return seek(self, offset, whence)

    monkeypatch.setattr(gzip.GzipFile, "seek", noted)
    found = opened(tmp_path, packed(files, "w:gz"), limit=1 << 20)
    assert len(found.names) == 40
    assert all(steps)


def longer(data: bytes) -> bytes:
    """The header of the first member claims eleven octal digits of bytes."""
    changed = bytearray(data)
    changed[124:136] = b"77777777777\0"
    changed[148:156] = b" " * 8
    changed[148:156] = b"%06o\0 " % sum(changed[:512])
    return bytes(changed)


def long_name(data: bytes) -> bytes:
    """A name of GNU's form that claims eight gigabytes."""
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 8**11 - 1
    return name.tobuf(tarfile.GNU_FORMAT) + data


LIES = {
    "cut": (lambda: packed()[:2600], "lies beyond its end"),
    "larger than it is": (lambda: longer(packed()), "more than the 5,000 that are read"),
    "a long name": (lambda: long_name(packed()), "a header claims"),
    "nothing": (lambda: b"", "damaged, truncated or not a tar"),
    "noise": (lambda: np.random.default_rng(1).bytes(4096), "damaged, truncated or not a tar"),
    "a cut gzip": (lambda: packed(mode="w:gz")[:-300], "damaged, truncated or not a tar"),
    "a gzip of another checksum": (lambda: packed(mode="w:gz")[:-8] + bytes(8), "damaged, truncated or not a tar"),
    "a link": (lambda: packed(type=tarfile.SYMTYPE, linkname="/etc/passwd", size=0), "as a link or a special file"),
    "a hard link": (lambda: packed(type=tarfile.LNKTYPE, linkname="d.txt", size=0), "as a link or a special file"),
    "a device": (lambda: packed(type=tarfile.CHRTYPE, size=0), "as a link or a special file"),
    "no end": (lambda: packed()[: 512 * (2 + 7 + 3 + 2)], "it has no end"),
    "a header that is none": (lambda: packed()[: 512 * 14] + bytes(range(256)) * 4, "it has no end"),
    "twice": (lambda: packed()[:1024] + packed(), "twice; make it again"),
}


@pytest.mark.parametrize("lie", LIES)
def test_tars_that_lie(lie, tmp_path):
    make, sentence = LIES[lie]
    data = make()
    tracemalloc.start()
    with pytest.raises(UserError) as told:
        opened(tmp_path, data)
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()
    assert sentence in str(told.value)
    assert str(tmp_path / "maps.tar") in str(told.value)


def test_what_unpacks_to_more_than_there_is_room_for(tmp_path, monkeypatch):
    bomb = packed({f"{place}.npy": bytes(4096) for place in range(20)}, "w:gz")
    monkeypatch.setattr(module, "MAX_UNPACKED", 40_000)
    with pytest.raises(UserError, match=r"unpacks to more than there is room for in .*; unpack it to a folder"):
        opened(tmp_path, bomb)
    monkeypatch.setattr(module, "MAX_MEMBERS", 5)
    with pytest.raises(UserError, match="more than the 5 members"):
        opened(tmp_path, bomb)


def test_a_tar_that_was_cut_since(tmp_path):
    found = opened(tmp_path, packed())
    (tmp_path / "maps.tar").write_bytes(packed()[:2000])
    with pytest.raises(UserError, match=r"maps\.tar:c\.npy is truncated"):
        found.read("c.npy")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("../a.npy", "leads out of"), ("a/../../b.npy", "leads out of"), ("b.npy", "lacks predictions")],
)
def test_names_that_lead_elsewhere(name, sentence, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((4, 4), np.float32))
    (tmp_path / "maps.tar").write_bytes(packed({name: (tmp_path / "a.npy").read_bytes()}))
    with pytest.raises(UserError, match=sentence):
        PredictionFiles(tmp_path / "maps.tar", ["a"])


def test_a_tar_without_maps_says_so(tmp_path):
    (tmp_path / "maps.tgz").write_bytes(packed({"a.txt": b"x"}, "w:gz"))
    with pytest.raises(UserError, match=r"maps\.tgz holds no maps but a\.txt; pack files of one of"):
        PredictionFiles(tmp_path / "maps.tgz", ["a"])

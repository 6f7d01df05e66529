"""The file fuzzer itself, a few hundred of its files, and that it notices what it is there for."""

import gc
import os
import time

import cv2
import numpy as np
import pytest

from depthbench.errors import UserError
from tests.torture import files
from tests.torture.mutations import Mutation

HARMLESS = Mutation("bits", True)


def reading(tmp_path, read):
    """Return the fuzzer's judgment of a reader whose file is sound."""
    bench = files.Bench.__new__(files.Bench)
    bench.root, bench.read, bench.truth = tmp_path, {"x": read}, {"x": {"a depth": b"0"}}
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    return bench.judged("x", path, HARMLESS)[0]


def refuse(message):
    raise UserError(message)


@pytest.fixture
def no_garbage():
    """No garbage of earlier tests: its collection during a reading would hide the memory that a reader takes."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_the_fuzzer_notices(tmp_path, no_garbage):
    assert reading(tmp_path, lambda: {"a depth": np.ones(3)}) == "silently wrong"
    assert reading(tmp_path, lambda: {}["x"]) == "crash"
    assert reading(tmp_path, lambda: refuse("it is bad")) == "unclear sentence"
    assert reading(tmp_path, lambda: refuse(f"{tmp_path}/a.png is bad")) == "sentence"


def test_the_fuzzer_notices_a_slow_reader(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "CPU_SECONDS", 0.6)

    def slow():
        start = time.process_time()
        while time.process_time() - start < 0.7:
            pass
        return {}

    assert reading(tmp_path, slow) == "hang"


def test_the_fuzzer_notices_a_reader_that_takes_memory(tmp_path, monkeypatch, no_garbage):
    monkeypatch.setattr(files, "MEMORY", 50_000_000)
    assert reading(tmp_path, lambda: {"a depth": np.ones(32_000_000).sum()}) == "memory"  # 256 MB


def test_a_header_that_decoders_complain_about_is_no_damage_of_pixels():
    picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    data = bytearray(cv2.imencode(".jpg", picture)[1].tobytes())
    assert data[6:11] == b"JFIF\0"
    data[11] = 5  # its revision
    assert files._complaints(bytes(data)) == ""
    assert files._complaints(bytes(data[:-400] + data[-2:]))


def test_a_process_that_dies_or_sleeps_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ASLEEP_SECONDS", 2.0)

    def build(root):
        (root / "a.txt").write_text("sound")
        sound = (root / "a.txt").read_bytes

        def read():
            if not (root / "a.txt").is_file() or sound() != b"sound":
                os._exit(7) if os.getpid() % 2 else time.sleep(60)
            return {}

        return read

    monkeypatch.setitem(files.SPECIMENS, "deadly", build)
    summary = files.fuzz(2, 0, tmp_path, workers=1, names=["deadly"])
    assert summary.done == 2
    assert len(summary.failures) == 2
    assert {failure.what.partition(":")[0] for failure in summary.failures} <= {"crash", "hang"}


@pytest.mark.processes
@pytest.mark.parametrize("count", [220, pytest.param(5000, marks=pytest.mark.slow)])
def test_damaged_files(tmp_path, count):
    summary = files.fuzz(count, 20261130, tmp_path, workers=1 if count < 1000 else 2)
    assert summary.passed, [failure.what for failure in summary.failures[:5]]
    assert summary.numbers["sentence"] > count // 2

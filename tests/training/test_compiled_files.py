"""What a killed compiler leaves is compiled again, and nothing else is."""

import _ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from depthbench.training.compiled_files import forget_unfinished

WHOLE = Path(_ctypes.__file__).read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
@pytest.mark.parametrize("ending", [".main.so", ".optimized.o"])
def test_an_unfinished_file_is_removed_and_a_whole_one_stays(tmp_path, share, ending):
    inner = tmp_path / "ab"
    inner.mkdir()
    (inner / f"whole{ending}").write_bytes(WHOLE)
    broken = inner / f"broken{ending}"
    broken.write_bytes(WHOLE[: int(share * len(WHOLE))])
    (inner / "source.main.cpp").touch()
    assert forget_unfinished(tmp_path) == [broken]
    assert sorted(path.name for path in inner.iterdir()) == ["source.main.cpp", f"whole{ending}"]


def test_a_file_of_zeros_is_unfinished(tmp_path):
    zeros = tmp_path / "zeros.main.so"
    zeros.write_bytes(bytes(len(WHOLE)))
    assert forget_unfinished(tmp_path) == [zeros]


def test_an_empty_compiled_header_is_removed(tmp_path):
    (tmp_path / "full.h.gch").write_bytes(b"gpch")
    (tmp_path / "empty.h.gch").touch()
    assert [path.name for path in forget_unfinished(tmp_path)] == ["empty.h.gch"]


def test_a_file_that_another_process_compiles_now_stays(tmp_path):
    part = tmp_path / "key.main.so"
    part.touch()
    (tmp_path / "locks").mkdir()
    with FileLock(tmp_path / "locks" / "key.lock"):
        assert forget_unfinished(tmp_path) == []
    assert forget_unfinished(tmp_path) == [part]


COMPILE = """
import sys, torch
from depthbench.training.compiled_files import forget_unfinished
print(len(forget_unfinished()) if "mend" in sys.argv else 0)
function = torch.compile(lambda x: (x.sin() + x.cos()).sum())
x = torch.linspace(0, 1, 40)
assert torch.isclose(function(x), (x.sin() + x.cos()).sum())
"""


@pytest.mark.slow
@pytest.mark.processes
def test_torch_itself_compiles_again(tmp_path):
    def compiled(*arguments):
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
        command = [sys.executable, "-c", COMPILE, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    assert compiled().returncode == 0
    libraries = list(tmp_path.rglob("*.so"))
    assert libraries
    for library in libraries:
        library.write_bytes(b"")
    assert compiled().returncode != 0, "torch has learnt to do this itself: forget_unfinished can go"
    assert compiled("mend").stdout.split() == [str(len(libraries))]
    assert all(library.stat().st_size for library in libraries)

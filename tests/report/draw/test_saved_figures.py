"""Figures as files."""

import errno
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from depthbench.errors import UserError
from depthbench.report.draw.style import save_figure


def figure():
    found = Figure((2, 1))
    FigureCanvasAgg(found)
    found.subplots().plot([1, 2, 3])
    return found


def test_a_figure_is_saved_as_png_and_pdf(tmp_path):
    save_figure(figure(), tmp_path / "curve")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "curve.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_a_full_disk_is_a_sentence(kind, tmp_path, monkeypatch):
    """matplotlib writes no file itself: its PDF would end in an error of its own."""
    real = Path.write_bytes

    def full(path, data):
        if path.suffix == f".{kind}":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match=rf"curve\.{kind} can't be written: the disk is full"):
        save_figure(figure(), tmp_path / "curve")
    assert [path.name for path in tmp_path.iterdir()] == (["curve.png"] if kind == "pdf" else [])

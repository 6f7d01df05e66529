"""The checksums that an archive keeps are compared."""

import zipfile

import pytest
import torch

from depthbench.errors import UserError
from depthbench.input_files import verify_archive


def test_every_flipped_bit_of_a_weight_is_found(tmp_path):
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": {f"w{index}": torch.randn(64, 8) for index in range(4)}, "epoch": 3}, path)
    verify_archive(path)
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if "/data/" in info.filename]
    assert len(members) == 4
    for info in members:
        start = data.index(b"data/" + info.filename.rpartition("/")[2].encode()) + 300
        for bit in range(8):
            flipped = bytearray(data)
            flipped[start + 64 * bit] ^= 1 << bit
            path.write_bytes(flipped)
            torch.load(path, weights_only=True)  # which says nothing
            with pytest.raises(UserError, match=r"last.ckpt is damaged: the checksum of .*data/\d is wrong"):
                verify_archive(path)
    for end in (10, len(data) // 2, len(data) - 3):
        path.write_bytes(data[:end])
        with pytest.raises(UserError, match=r"last.ckpt is damaged"):
            verify_archive(path)


def test_what_keeps_no_checksums_is_taken_as_it_is(tmp_path):
    for content in (b"", b"\x80\x02}q\x00.", b"\x08\0\0\0\0\0\0\0{}      "):
        (tmp_path / "x").write_bytes(content)
        verify_archive(tmp_path / "x")
    with pytest.raises(UserError, match="is not a file"):
        verify_archive(tmp_path / "nowhere")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_claims_memory_is_refused(tmp_path, zipped):
    """``weights_only`` would take it: two hundred bytes for a hundred gigabytes."""
    pickle = b"\x80\x02}(X\x01\x00\x00\x00acbuiltins\nbytearray\n(\x8a\x05\x00\xe8\x76\x48\x17tRu."
    path = tmp_path / "last.ckpt"
    path.write_bytes(pickle)
    if zipped:
        torch.save({"a": torch.ones(3)}, tmp_path / "sound.ckpt")
        with zipfile.ZipFile(tmp_path / "sound.ckpt") as sound, zipfile.ZipFile(path, "w") as file:
            for info in sound.infolist():
                file.writestr(info.filename, pickle if info.filename.endswith("data.pkl") else sound.read(info))
    with pytest.raises(UserError, match="holds a bytearray"):
        verify_archive(path)
    torch.save({"state_dict": {"a bytearray": torch.ones(2)}}, path, _use_new_zipfile_serialization=zipped)
    verify_archive(path)

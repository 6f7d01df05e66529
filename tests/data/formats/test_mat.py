import h5py
import numpy as np
import pytest
import scipy.io

from depthbench.data.formats.mat import load_mat
from depthbench.errors import UserError


@pytest.mark.parametrize("compressed", [False, True])
def test_agrees_with_scipy(tmp_path, compressed):
    rng = np.random.default_rng(0)
    content = {
        "trainNdxs": rng.integers(1, 1450, (795, 1)).astype(np.uint16),
        "small": np.array([[7]], np.uint8),
        "grid": rng.normal(size=(5, 7, 4)),
        "whole": np.arange(6.0).reshape(2, 3),  # doubles that MATLAB stores as bytes
        "single": rng.normal(size=(3, 1)).astype(np.float32),
        "words": "not numbers",
        "cells": np.array([[1, "a"]], object),
    }
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, content, do_compression=compressed)
    found = load_mat(path, ["trainNdxs", "small", "grid", "whole", "single"])
    assert len(found) == 5
    for name, values in found.items():
        np.testing.assert_array_equal(values, scipy.io.loadmat(path)[name])
    with pytest.raises(UserError, match="no array of numbers 'words'"):
        load_mat(path, ["words"])


def test_version_7_3(tmp_path):
    path = tmp_path / "splits.mat"
    values = np.arange(6, dtype=np.uint16).reshape(2, 3)
    with h5py.File(path, "w", userblock_size=512) as file:
        file["x"], file["text"] = values.T, "abc"
        file.create_dataset("hole", (4, 4), "f4", chunks=(2, 2))
    np.testing.assert_array_equal(load_mat(path, ["x"])["x"], values)
    for name, says in (("y", "no array of numbers 'y'"), ("text", "no array"), ("hole", "0 of 4 chunks")):
        with pytest.raises(UserError, match=says):
            load_mat(path, [name])
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(UserError, match="can't be read as HDF5"):
        load_mat(path, ["x"])


def test_official_splits(shared):
    path = shared / "data/nyuv2_labeled/splits.mat"
    found = load_mat(path, ["trainNdxs", "testNdxs"])
    assert [values.shape for values in found.values()] in ([(795, 1), (654, 1)], [(654, 1), (795, 1)])
    np.testing.assert_array_equal(found["testNdxs"], scipy.io.loadmat(path)["testNdxs"])


@pytest.mark.parametrize("compressed", [False, True])
def test_cut_anywhere(tmp_path, compressed):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"a": np.arange(300.0)}, do_compression=compressed)
    data = path.read_bytes()
    for end in range(0, len(data) - 8, 7):
        path.write_bytes(data[:end])
        with pytest.raises(UserError, match=r"a\.mat"):
            load_mat(path, ["a"])

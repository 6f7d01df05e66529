import h5py
import numpy as np
import pytest
import scipy.io

from depthbench.data.formats.mat import load_mat, load_struct
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


@pytest.mark.parametrize("compressed", [False, True])
def test_fields_of_a_struct(tmp_path, compressed):
    rng = np.random.default_rng(0)
    fields = {
        "depth": rng.normal(size=(5, 7)),
        "a_name_longer_than_thirty_one_characters": rng.integers(0, 255, (5, 7, 3), np.uint8),
        "empty": np.zeros((0, 0)),
        "flags": rng.random((5, 7)) > 0.5,
        "text": "words",
    }
    path = tmp_path / "a.mat"
    content = {"first": np.arange(3.0), "data": fields}
    scipy.io.savemat(path, content, do_compression=compressed, long_field_names=True)
    names = [name for name in fields if name != "text"]
    found = load_struct(path, "data", names)
    for name in names:
        np.testing.assert_array_equal(found[name], fields[name])
    for name, field, says in (
        ("data", "text", "'text'"),
        ("data", "nothing", "'nothing'"),
        ("other", "x", "no struct"),
    ):
        with pytest.raises(UserError, match=says):
            load_struct(path, name, [field])
    with pytest.raises(UserError, match="no struct 'first'"):
        load_struct(path, "first", ["x"])
    data = path.read_bytes()
    for end in range(0, len(data) - 8, 41):
        path.write_bytes(data[:end])
        with pytest.raises(UserError):
            load_struct(path, "data", names)


def test_fields_of_a_struct_of_version_7_3(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["data/depth"] = np.arange(6.0).reshape(2, 3).T
    np.testing.assert_array_equal(load_struct(tmp_path / "a.mat", "data", ["depth"])["depth"], [[0, 1, 2], [3, 4, 5]])

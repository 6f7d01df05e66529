"""A study in one file: what is kept, what is left out, and that the report reads it like the folders."""

import json
import zipfile

import numpy as np
import pytest
import yaml

from depthbench.errors import UserError
from depthbench.report.__main__ import main as report
from depthbench.report.analyze.estimates import compare_cells
from depthbench.report.analyze.study import studies
from depthbench.report.read.runs import read_runs
from depthbench.runs.archive import METRICS, pack_runs, unpacked
from depthbench.runs.lookup import find_runs
from tests.report.conftest import write_run


@pytest.fixture
def folders(tmp_path):
    return [write_run(tmp_path / "runs", loss=loss, seed=seed) for loss in ("l1", "eigen") for seed in (0, 1)]


@pytest.fixture
def packed(folders, tmp_path):
    file = tmp_path / "study.runs.zip"
    assert pack_runs(folders, file) == []
    return file


def test_the_report_reads_the_file_like_the_folders(folders, packed):
    before, after = read_runs(folders), read_runs([unpacked(packed)])
    assert [run.scores for run in after] == [run.scores for run in sorted(before, key=lambda run: run.path.name)]
    by_name = {run.name: run for run in before}
    for run in after:
        for protocol, table in run.per_image.items():
            of_folder = by_name[run.name].per_image[protocol]
            assert list(table["name"]) == list(of_folder["name"])
            for metric in set(table) & set(METRICS):
                np.testing.assert_allclose(table[metric], of_folder[metric], rtol=5e-4)


def test_tests_of_losses_are_the_same(folders, packed):
    def p_values(places):
        (study,) = studies(read_runs(places))
        groups = list(study.groups(study.protocols[0]).values())
        pairs = [pair for group in compare_cells(groups, study.protocols[0], "AbsRel") for pair in group]
        return [pair.p for pair in pairs]

    np.testing.assert_allclose(p_values([unpacked(packed)]), p_values(folders), rtol=0.02)


def test_values_of_loss_terms_are_kept_once(tmp_path):
    folder = write_run(tmp_path / "runs")
    (folder / "metrics.csv").write_text("epoch,step,terms/D/0,train/loss,weights/D/0\n0,9,0.5,,0.25\n0,9,,2.345678,\n")
    (folder / "loss_trace.csv").write_text(
        "period,epoch,step,name,loss,weight,contribution\n0,0,9,D/0,0.5,0.25,0.125\n"
    )
    pack_runs([folder], tmp_path / "x.runs.zip")
    with zipfile.ZipFile(tmp_path / "x.runs.zip") as archive:
        kept = {name: archive.read(f"{folder.name}/{name}").decode() for name in ("metrics.csv", "loss_trace.csv")}
    assert kept["metrics.csv"] == "epoch,step,train/loss\n0,9,\n0,9,2.346\n"
    assert kept["loss_trace.csv"].endswith("\n0,0,9,D/0,.5,.25,.125\n")


def test_the_same_runs_make_the_same_bytes(folders, packed, tmp_path):
    again = tmp_path / "again.runs.zip"
    pack_runs(list(reversed(folders)), again)
    assert again.read_bytes() == packed.read_bytes()


def test_paths_and_hosts_stay_behind(tmp_path):
    folder = write_run(tmp_path / "runs", overrides=["data.root=/disk/of/somebody/nyu", "loss=l1"])
    run = json.loads((folder / "run.json").read_text())
    machine = {"host": "node17", "cores": 2}
    (folder / "run.json").write_text(json.dumps(run | {"machine": machine, "command": "run data.root=/disk/x"}))
    (folder / "config.yaml").write_text("data: {root: /disk/of/somebody/nyu, mean: [0.1]}\noutput: ../elsewhere/runs\n")
    file = tmp_path / "one.runs.zip"
    pack_runs([folder], file)
    (place,) = find_runs(str(file))
    told = "".join(path.read_text() for path in place.iterdir())
    assert not [word for word in ("/disk", "node17", "elsewhere") if word in told]
    assert json.loads((place / "run.json").read_text())["overrides"] == ["data.root=nyu", "loss=l1"]
    assert json.loads((place / "run.json").read_text())["machine"] == {"cores": 2}


def test_weights_of_one_name_in_two_folders_stay_two_rows(tmp_path):
    folders = []
    for place in ("mae", "dino"):
        weights = f"/disk/of/somebody/{place}/model.safetensors"
        folder = write_run(tmp_path / place, overrides=["loss=l1", f"model.encoder.pretrained={weights}"])
        config = yaml.safe_load((folder / "config.yaml").read_text())
        config["model"]["encoder"]["pretrained"] = weights
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        folders.append(folder.rename(folder.with_name(f"{folder.name}-{place}")))
    pack_runs(folders, tmp_path / "two.runs.zip")
    place = unpacked(tmp_path / "two.runs.zip")
    (study,) = studies(read_runs([place]))
    assert sorted(cell.method for cell in study.cells) == [
        "pretrained=dino/model.safetensors",
        "pretrained=mae/model.safetensors",
    ]
    assert not [path for path in place.rglob("*") if path.is_file() and "/disk" in path.read_text()]


def test_unfinished_runs_are_named(folders, tmp_path):
    (folders[0] / "DONE").unlink()
    assert pack_runs(folders, tmp_path / "a.runs.zip") == [folders[0]]
    for folder in folders[1:]:
        (folder / "DONE").unlink()
    with pytest.raises(UserError, match="None of 4 runs is done"):
        pack_runs(folders, tmp_path / "b.runs.zip")
    assert not (tmp_path / "b.runs.zip").exists()


def test_the_command_writes_and_reads_it(folders, tmp_path, capsys):
    file, page = tmp_path / "all.runs.zip", tmp_path / "page.html"
    options = ["--no-figures", "--no-gallery", "--output", str(page)]
    assert report([str(tmp_path / "runs"), *options, "--archive", str(file)]) == 0
    assert f"{file}: 4 runs" in capsys.readouterr().out
    assert report([str(file), *options]) == 0


def test_only_files_of_runs_are_unpacked(tmp_path):
    for number, name in enumerate(("../evil.json", "run/checkpoints/last.ckpt", "/etc/passwd", ".hidden/run.json")):
        file = tmp_path / f"{number}.runs.zip"
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, "{}")
        with pytest.raises(UserError, match="is not a file of runs"):
            unpacked(file)


def test_damage_is_a_sentence(packed):
    content = bytearray(packed.read_bytes())
    content[len(content) // 3] ^= 0xFF
    packed.write_bytes(bytes(content))
    with pytest.raises(UserError, match="damaged"):
        unpacked(packed)

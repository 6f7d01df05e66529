"""A leaderboard is filled once: what is done is skipped, what fails is told, what was interrupted goes on."""

import fcntl
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import torch
from hydra import compose

from depthbench.config.compose import composing
from depthbench.errors import UserError
from depthbench.evaluate import main
from depthbench.evaluation.run_network import Network
from depthbench.leaderboard import asked, fill
from depthbench.results import read_results
from depthbench.results.board import board_results, read_board
from depthbench.runs.folder import RunFolder
from depthbench.training.parts import build_task
from tests.commands import TINY_NET, TINY_RUN
from tests.leaderboard.conftest import sets

BOARD = Path("board")


def states(folder: Path = BOARD) -> dict[tuple[str, str, str], str]:
    return {(cell.model, cell.data, cell.protocol): cell.state for cell in read_board(folder).shown.values()}


def test_a_grid_is_filled_and_then_skipped(place, here, evaluate):
    code, out, err = evaluate("protocol=[full,moge]")
    assert (code, err) == (0, "")
    found = states()
    # The folder is no set that MoGe's table has; of NYUv2's four rows each kind has those that it is good for.
    moge = {protocol for _, data, protocol in found if data == "nyu_labeled"} - {"full"}
    assert moge == {f"moge_nyu_{row}" for row in ("metric", "scale", "affine_depth", "affine_disparity")}
    assert {protocol for _, data, protocol in found if data == "folder"} == {"full"}
    assert {found["near", "nyu_labeled", protocol] for protocol in moge} == {"done"}
    assert Counter(found["relative", "nyu_labeled", protocol] for protocol in moge) == {"empty": 3, "done": 1}
    assert found["relative", "folder", "full"] == "empty"
    assert "15 cells" not in out
    assert "18 cells: 13 done, 5 empty." in out
    assert "report board --output board.html" in out.splitlines()[-1]
    reasons = [cell.reason for cell in read_board(BOARD).shown.values() if cell.state == "empty"]
    assert all("not a measure of disparity up to scale and shift" in reason for reason in reasons)
    assert len(here) == 6
    calls = len((place / "networks.calls").read_text().split())
    assert calls == 3 * 6  # the sets have the same pictures: each network saw each once

    code, out, _ = evaluate("protocol=[full,moge]")
    assert (code, len(here)) == (0, 6)
    assert out.count("done already") == 6
    # Another protocol: only it is scored, from the predictions that are kept.
    assert evaluate("protocol=[moge,full,eigen_scaled,depth_anything_v2]")[0] == 0
    assert len((place / "networks.calls").read_text().split()) == calls
    orders = [json.loads(order.read_text())["protocols"] for order in here[6:]]
    assert {name for names in orders for name in names} <= {"eigen_scaled", *states_of_family("depth_anything_v2")}


def states_of_family(name: str) -> set[str]:
    return {protocol for _, _, protocol in states() if protocol.startswith(name)}


def test_a_cell_has_the_numbers_of_the_command_for_one(place, here, evaluate, frames, capsys):
    assert evaluate("protocol=full", "models=[near=python:networks:depth]")[0] == 0
    words = ["data=nyu_labeled", f"data.root={frames}", "data.test_frames=null", "data.scale=0.001", "protocol=full"]
    assert main([*words, "model=python:networks:depth", "output=one.json", "cache=none"]) == 0
    (alone,) = read_results("one.json")
    found = [one for one in board_results(BOARD, read_board(BOARD)).values() if one.data.name == "NYUv2"]
    assert [dict(one.scores) for one in found] == [dict(alone.scores)]
    assert found[0].model.sha256 == alone.model.sha256
    assert found[0].model.name == "near"


@pytest.mark.slow
def test_a_run_predicts_once_for_every_protocol_that_is_asked_for_later(place, here, evaluate, frames, monkeypatch):
    given = [*TINY_NET, *TINY_RUN, "loss=ssi", f"data.root={frames}", "data.test_frames=null"]
    with composing():
        config = compose("config", [*given, f"output={place / 'runs'}"])
    run = RunFolder.create(config, given, {})
    run.checkpoint.parent.mkdir()
    torch.save({"state_dict": build_task(run.config).state_dict()}, run.checkpoint)
    seen, predict = [], Network.predict
    monkeypatch.setattr(Network, "predict", lambda *given: seen.append(len(given[1])) or predict(*given))
    models = f"models=[mine=run:{run.path}]"
    assert evaluate(models, "protocol=full", "protocol.alignment=scale_shift")[0] == 0
    first = sum(seen)
    assert first >= 6
    evaluate(models, "protocol=[moge_nyu_affine_depth,marigold_nyu]")
    assert sum(seen) == first
    results = board_results(BOARD, read_board(BOARD)).values()
    assert {str(one.model.kind) for one in results} == {"affine_depth"}
    assert "moge_nyu_affine_depth" in {one.rules.name for one in results}


def test_what_fails_is_told_and_tried_again_and_the_rest_goes_on(place, here, evaluate):
    models = "models=[near=python:networks:depth,bad=python:networks:failing,none=python:networks:nowhere]"
    code, out, _ = evaluate(models, "protocol=full")
    assert code == 1
    assert "6 cells: 2 done, 4 failed." in out
    assert "Failed: bad on nyu_labeled: python:networks:failing fails in networks.py" in out
    assert "Failed: none on folder: model=python:networks:nowhere: networks has no nowhere; it has depth" in out
    assert len(here) == 4  # what can't be opened needs no process
    text = (place / "networks.py").read_text().replace('raise RuntimeError("no such layer")', "return depth(rgb)")
    (place / "networks.py").write_text(text)
    sys.modules.pop("networks")
    code, out, _ = evaluate(models.replace(",none=python:networks:nowhere", ""), "protocol=full")
    assert (code, states()["bad", "folder", "full"]) == (0, "done")


def test_an_interrupted_grid_goes_on(place, here, evaluate, monkeypatch):
    """Stopped after a result was written and before it was written down, as by SIGKILL."""
    run = fill.Work.run

    def stopped(self, orders, ended):
        def late(number: int, code: int) -> None:
            if len(here) == 3:
                raise KeyboardInterrupt
            ended(number, code)

        run(self, orders, late)

    monkeypatch.setattr(fill.Work, "run", stopped)
    code, _, err = evaluate("protocol=full")
    assert (code, err) == (130, "Stopped; the same command goes on from here.\n")
    assert Counter(states().values()) == {"done": 2}
    monkeypatch.setattr(fill.Work, "run", run)
    code, out, _ = evaluate("protocol=full")
    assert code == 0
    assert len(here) == 6  # the third is taken over as it lies there
    assert out.count("done already") == 3
    assert Counter(states().values()) == {"done": 4, "empty": 2}


def test_a_changed_model_and_other_data_are_other_cells(place, here, evaluate, frames):
    one = "models=[near=python:networks:depth]"
    assert evaluate(one, "protocol=full")[0] == 0
    (place / "networks.py").write_text((place / "networks.py").read_text().replace("2.4 +", "2.6 +"))
    sys.modules.pop("networks")
    assert evaluate(one, "protocol=full")[0] == 0
    assert len(here) == 4
    assert len(read_board(BOARD).cells) == 4
    assert len(read_board(BOARD).shown) == 2
    assert evaluate(one, "protocol=full", "data.nyu_labeled.test_frames=3")[0] == 0
    assert len(here) == 5
    next(iter(BOARD.glob("results/near__folder-*[0-9a-f].json"))).unlink()
    for file in BOARD.glob("results/near__folder-*.json"):
        file.unlink()
    assert evaluate(one, "protocol=full", "data.nyu_labeled.test_frames=3")[0] == 0
    assert len(here) == 6  # whose file is gone is filled again


def test_what_another_process_is_filling_is_left_to_it(place, here, evaluate):
    one = ["models=[near=python:networks:depth]", "protocol=full"]
    evaluate(*one)
    order = here[0]
    for file in BOARD.glob("results/near__nyu*"):
        file.unlink()
    with order.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _, out, _ = evaluate(*one)
    assert "near on nyu_labeled: another process is filling it." in out
    assert len(here) == 2
    assert evaluate(*one)[0] == 0
    assert len(here) == 3


def test_prediction_files_have_a_folder_for_each_set(place, here, evaluate, frames, tmp_path):
    import cv2
    import numpy as np

    for name in ("nyu_labeled", "folder"):
        (tmp_path / "maps" / name).mkdir(parents=True)
        for file in (frames / "test").glob("depth_*.png"):
            depth = cv2.imread(str(file), cv2.IMREAD_UNCHANGED) * 0.001
            target = file.stem[6:] if name == "nyu_labeled" else f"rgb_{file.stem[6:]}"
            np.save(tmp_path / "maps" / name / f"{target}.npy", 1.01 * depth)
    code, out, err = evaluate("models=[files:maps]", "protocol=full")
    assert code == 0, out + err
    scores = [one.scores["AbsRel"] for one in board_results(BOARD, read_board(BOARD)).values()]
    assert scores == pytest.approx([0.01, 0.01], abs=1e-4)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["models=[]"], "names nothing; give run:FOLDER, files:FOLDER"),
        (["models=[tf:net]"], "there is no source tf:"),
        (["models=[python:networks]"], "names no function"),
        (["models=[onnx:none.onnx]"], "there is no file none.onnx"),
        (["models=[run:nowhere]"], "nowhere is not a run folder"),
        (["models=[files:nowhere]"], "nothing at nowhere"),
        (["models=[files:maps]"], "maps: there is no maps/nyu_labeled; put the predictions of nyu_labeled there"),
        (["models=[a=hf:x,a=hf:y]"], "Two models are called a"),
        (["models=[hf:x]", "model=hf:y"], "model=hf:y is of a single evaluation"),
        (["models=[hf:x]", "kind=affine_depth,metric_depth"], "names 2 kinds for 1 models"),
        (["models=[hf:x]", "kind=heigth"], "x on nyu_labeled: Predictions can be metric_depth"),
        (["models=[hf:x]", "protocol=[full,mogee]"], "protocol=mogee does not exist; did you mean moge"),
        (["models=[hf:x]", "output=board.json"], "output=board.json must be a folder"),
        (["models=[hf:x]", "jobs=0"], "jobs=0 must be a number of 1 or more"),
        (["models=[hf:x]", "data.nyu_labeled.rot=x"], "no data.rot in the configuration; did you mean data.root"),
        (["models=[hf:x]", "data=[nyu_labeled,kity]"], "data=kity does not exist; did you mean kitti"),
        (["models=[hf:x]", "data=[rooms,rooms]"], "names a data set twice"),
        (["models=[hf:x]", "data="], "needs data to be scored on: append data=[...]"),
        (["model=[hf:x,hf:y]"], "is a list; write models=[...]"),
    ],
)
def test_a_mistake_is_told_in_a_sentence_before_anything_is_written(
    words, sentence, tmp_path, frames, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "maps").mkdir()
    given = {word.partition("=")[0] for word in words}
    usual = [word for word in [*sets(frames), "output=board"] if word.partition("=")[0] not in given]
    assert main([*usual, *words]) == 2
    told = capsys.readouterr()
    assert sentence in told.err
    assert len(told.err.strip().splitlines()) == 1
    assert told.out == ""
    assert not (tmp_path / "board").exists()


def test_a_model_is_named_by_its_source_or_by_the_user(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file in ("runs/a/run.json", "runs/a/config.yaml", "maps/0.npy", "net.onnx"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    text = "[runs/a,mine=run:runs/a,files:maps,onnx:./net.onnx,hub:user/net,Depth (L)=hf:depth/any]"
    found = [(one.label, one.form, one.place) for one in asked._models(text, None)]
    assert found == [
        ("a", "run", "runs/a"),
        ("mine", "run", "runs/a"),
        ("maps", "files", "maps"),
        ("onnx:net.onnx", "model", "onnx:./net.onnx"),
        ("hub:user/net", "model", "hub:user/net"),
        ("Depth (L)", "model", "hf:depth/any"),
    ]


DAMAGE = ["{", '{"format": 9}', '{"format": 1}', '{"format": 1, "models": 3, "data": [], "asked": [], "cells": {}}']
DAMAGE += ['{"format": 1, "models": [], "data": [], "asked": [], "cells": {"a": {"state": "done"}}}']
ESCAPE = {"model": "a", "data": "b", "protocol": "c", "state": "done", "file": "../../x.json"}
DAMAGE.append(json.dumps({"format": 1, "models": [], "data": [], "asked": [], "cells": {"a": ESCAPE}}))
DAMAGE.append(
    json.dumps(
        {"format": 1, "models": [], "data": [], "asked": [], "cells": {"a": {**ESCAPE, "file": "", "state": "x"}}}
    )
)


@pytest.mark.parametrize("text", DAMAGE)
def test_a_damaged_leaderboard_is_refused_in_a_sentence(text, tmp_path):
    (tmp_path / "leaderboard.json").write_text(text)
    with pytest.raises(UserError, match=r"leaderboard\.json"):
        read_board(tmp_path)


MORE = """
def dying(rgb):
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)

def slow(rgb):
    import time
    time.sleep(60)

dying.kind = slow.kind = "metric_depth"
"""


@pytest.mark.slow
def test_processes_that_are_killed_and_stopped(place, frames):
    """A process that dies is a failed cell; Ctrl-C ends all that runs."""
    with (place / "networks.py").open("a") as file:
        file.write(MORE)
    words = ["data=folder", *sets(frames)[3:], "output=board", "protocol=full"]
    command = [sys.executable, "-m", "depthbench", "evaluate", *words]
    models = "models=[near=python:networks:depth,dying=python:networks:dying]"
    done = subprocess.run([*command, models, "jobs=2"], capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 cells: 1 done, 1 failed." in done.stdout
    assert "Failed: dying on folder: its process was killed by SIGKILL" in done.stdout
    slow = subprocess.Popen(
        [*command, "models=[slow=python:networks:slow]"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 300
    while not list(BOARD.glob("logs/slow*")) and time.monotonic() < until:
        time.sleep(0.2)
    time.sleep(1)
    slow.send_signal(signal.SIGINT)
    _, err = slow.communicate(timeout=100)
    assert (slow.returncode, err) == (130, "Stopped; the same command goes on from here.\n")
    assert Counter(states().values()) == {}
    orders = str(place / "board" / "orders" / "slow")
    assert not [one for one in Path("/proc").glob("[0-9]*/cmdline") if orders in _text(one)]  # its process is gone


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended
        return ""

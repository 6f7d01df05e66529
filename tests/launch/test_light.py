"""Help, mistakes and reports are told without torch and what takes as long; counted in modules, not in seconds."""

import json
import subprocess
import sys

from tests.report.conftest import write_run

SCRIPT = """
import importlib, json, sys
HEAVY = ("torch", "pytorch_lightning", "torchmetrics", "timm", "torchvision", "wandb", "sympy")
HEAVY += tuple(sys.argv[2:])
for module, arguments in json.loads(sys.argv[1]):
    try:
        importlib.import_module(module).main(arguments)
    except SystemExit:
        pass
    found = sorted(set(HEAVY) & set(sys.modules))
    print("heavy:", module, *arguments, found)
    assert not found
print("modules:", len(sys.modules))
"""
MATHEMATICS, DECODERS = ("scipy.stats", "matplotlib", "pandas"), ("cv2", "PIL", "h5py")
HELP = ["run", "evaluate", "predict", "export", "prepare.__main__", "dashboards", "new", "completion"]
MISTAKES = [
    ["run", "los=l1"],
    ["run", "loss=l9"],
    ["run", "trainer.max_epochs=ten"],
    ["run", "data=nyu_labeled", "data.root=missing"],
    ["run", "data=folder", "data.root=empty"],
    ["run", "model.encoder.pretrained=missing.safetensors"],
    ["run", "-m", "data=nyu_labeled", "data.root=missing", "seed=0,1"],
    ["run", "-m", "loss=l1,l9"],
    ["run", "-m", "hydra/launcher=parallel", "hydra.launcher.n_jobs=0"],
    ["evaluate", "run=missing"],
    ["predict", "run=missing", "input=photos", "output=depth"],
    ["export", "run=missing", "output=net.onnx"],
    ["report.__main__", "missing"],
]
OPENED = [  # by libraries that decode, which are imported in a third of a second
    ["run", "data=nyu_labeled", "data.root=wrong"],
    ["run", "data=nyu", "data.root=wrong", "data.split=12k"],
    ["run", "data=nyu_raw", "data.root=wrong", "data.test_root=wrong"],
    ["run", "data=folder", "data.root=wrong"],
    ["run", "-m", "data=nyu_labeled", "data.root=wrong", "seed=0,1"],
    ["run", "model.encoder.pretrained=wrong/cut.safetensors"],
    ["evaluate", "data=nyu_labeled", "data.root=wrong", "predictions=wrong"],
]


def imported(place, commands, *heavier):
    """Count the modules after commands that follow each other in one process, none of them heavy."""
    told = json.dumps([(f"depthbench.{module}", arguments) for module, *arguments in commands])
    script = [sys.executable, "-c", SCRIPT, told, *heavier]
    result = subprocess.run(script, cwd=place, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return int(result.stdout.split()[-1])


def test_help_waits_for_nothing_heavy(tmp_path):
    commands = [[module, "--help"] for module in [*HELP, "report.__main__"]]
    assert imported(tmp_path, commands, *MATHEMATICS, *DECODERS) < 1200


def test_mistakes_wait_for_nothing_heavy(tmp_path):
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "notes.txt").write_text("no picture")
    (tmp_path / "wrong" / "cut.safetensors").write_bytes(b"no header")
    assert imported(tmp_path, MISTAKES, *MATHEMATICS, *DECODERS) < 1200
    assert imported(tmp_path, OPENED, *MATHEMATICS) < 1400


def test_a_report_waits_for_no_torch(tmp_path):
    write_run(tmp_path / "runs", images=4)
    assert imported(tmp_path, [["report.__main__", "runs", "--output", "page.html"]]) < 2500
    assert (tmp_path / "page.html").exists()

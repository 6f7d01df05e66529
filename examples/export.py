"""A trained network goes out as files of three formats, and comes back with the same depth.

    python examples/export.py FOLDER

Works in FOLDER with the commands that one would type; it ends with an error where a command does otherwise. onnxruntime
is asked in a process without depthbench.
"""

import shutil
from pathlib import Path

import numpy as np
from journeys import command, process, start

SMALL = ["model.encoder.name=test_resnet", "model.decoder.widths=[16,8,8,8]", "data.size=[32,64]", "data.split=16"]
SMALL += ["data.test_frames=4", "data.val_frames=2", "data.batch_size=4", "trainer=smoke", "logger=csv"]

ONNX = """
import numpy, onnxruntime
pictures = numpy.load("pictures.npy")
network = onnxruntime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"])
numpy.save("onnx.npy", network.run(["depth"], {"image": pictures})[0])
"""
PT2 = """
import numpy, torch
pictures = torch.from_numpy(numpy.load("pictures.npy"))
numpy.save("pt2.npy", torch.export.load("net.pt2").module()(pictures).detach().numpy())
"""


def python(code: str) -> str:
    """Run a few lines in a process of their own."""
    return process(["-c", code], f"python -c '{code}'")


def journey() -> None:
    """Train, export, carry the files elsewhere, predict with each."""
    command("run", *SMALL)
    command("export", "run=latest", "output=net.onnx")
    command("export", "run=latest", "output=net.pt2")
    command("export", "run=latest", "output=network")
    command("export", "run=latest", "output=net.zip", refused="end it in .onnx or .pt2")

    import torch

    import depthbench

    pictures = torch.rand(3, 3, 32, 64, generator=torch.Generator().manual_seed(0))
    np.save("pictures.npy", pictures.numpy())
    expected = depthbench.load("latest").predict(pictures).depth.numpy()
    python(ONNX)
    python(PT2)
    for name in ("onnx", "pt2"):
        off = float(np.abs(np.load(f"{name}.npy") - expected).max())
        print(f"{name}: differs by at most {off:.1e} m", flush=True)
        if not off < 1e-4:
            raise SystemExit(f"The {name} file gives other depth.")

    # The folder alone, without its run: the same depth to the bit.
    shutil.move("runs", "gone")
    elsewhere = shutil.move("network", "elsewhere")
    reloaded = depthbench.load(elsewhere)
    if not np.array_equal(reloaded.predict(pictures).depth.numpy(), expected):
        raise SystemExit("The reloaded network gives other depth.")
    card = Path(elsewhere, "README.md").read_text()
    if "AbsRel" not in card or "95 % bootstrap intervals" not in card:
        raise SystemExit("The card does not tell the scores.")
    reloaded.save_pretrained("again")


if __name__ == "__main__":
    start(journey, __doc__)

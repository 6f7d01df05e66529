"""Small valid files of one's own depth, of published sets, cameras, lists and weights, each with its reader."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import timm
import torch
from onnx import TensorProto, helper
from PIL import Image
from safetensors.torch import save_file

from depthbench.data import Pairs
from depthbench.data.formats.cameras import read_camera
from depthbench.data.formats.depth_files import read_depth, read_mask
from depthbench.data.formats.pair_lists import read_pair_list
from depthbench.evaluation.model_source import ModelOptions, ModelSource
from depthbench.files import read_json
from depthbench.inference.foreign.onnx_model import OnnxModel
from depthbench.inference.network import load, untrained
from depthbench.models.pretrained import read_weights
from depthbench.output_kinds import OutputKind
from depthbench.training.start import network_weights
from tests.data import fuzz
from tests.data.published_sets import FORMS, opened
from tests.torture.specimens import Read, frames, maps, photo

Build = Callable[[Path], Read]


def _depth(name: str, write: Callable[[Path, np.ndarray], Any]) -> Build:
    def build(root: Path) -> Read:
        write(root / name, maps()[0])
        return lambda: {"depth": read_depth(root / name)}

    return build


def _tiff(kind: str, **options: Any) -> Callable[[Path, np.ndarray], None]:
    def write(path: Path, values: np.ndarray) -> None:
        image = Image.fromarray(values if kind == "float" else (values * 1000).astype(np.uint16))
        image.save(path, format="TIFF", **options)

    return write


def _exr(**channels: str) -> Callable[[Path, np.ndarray], None]:
    def write(path: Path, values: np.ndarray) -> None:
        import OpenEXR

        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, {name: values.astype(kind) for name, kind in channels.items()}).write(str(path))

    return write


def _pfm(path: Path, values: np.ndarray) -> None:
    path.write_bytes(b"Pf\n28 20\n-1\n" + values[::-1].astype("<f4").tobytes())


def _mask(name: str, write: Callable[[Path, np.ndarray], Any]) -> Build:
    def build(root: Path) -> Read:
        write(root / name, (maps()[0] > 1.5).astype(np.uint8))
        return lambda: {"depth": read_mask(root / name)}

    return build


def _camera(name: str, content: str) -> Build:
    def build(root: Path) -> Read:
        (root / name).write_text(content)
        return lambda: {"camera": read_camera(root / name)}

    return build


def _pair_list(content: str) -> Build:
    def build(root: Path) -> Read:
        (root / "list.csv").write_text(content)
        return lambda: {"pairs": [tuple(pair) for pair in read_pair_list(root / "list.csv")]}

    return build


def _published(name: str) -> Build:
    """A published set in its real formats, opened as by ``data=NAME`` without Hydra."""

    def build(root: Path) -> Read:
        overrides = FORMS[name](root).overrides
        return frames(lambda: opened(name, overrides))

    return build


def _own(root: Path) -> Read:
    return frames(fuzz.own(root))


def _tum(root: Path) -> Read:
    return frames(fuzz.tum(root))


def _listed(root: Path) -> Read:
    for index in range(2):
        rgb, depth = fuzz.made.scene(index)
        fuzz.put(root / f"{index}.jpg", rgb)
        fuzz.put(root / f"{index}.png", depth)
    (root / "list.txt").write_text("".join(f"{index}.jpg {index}.png 50 50 32 24\n" for index in range(2)))
    return frames(lambda: Pairs(root, 0.001, files=root / "list.txt"))


def _tensors(state: dict[str, torch.Tensor]) -> dict[str, object]:
    return {f"{name} weight": value.detach().numpy() for name, value in state.items()}


def _safetensors(root: Path) -> Read:
    torch.manual_seed(0)
    save_file({f"w{index}": torch.randn(8, 6 + index) for index in range(4)}, root / "net.safetensors")
    return lambda: _tensors(network_weights(root / "net.safetensors"))


def _pretrained(name: str, save: Callable[[dict[str, torch.Tensor], Path], Any]) -> Build:
    def build(root: Path) -> Read:
        torch.manual_seed(0)
        save(timm.create_model("test_vit", pretrained=False).state_dict(), root / name)
        return lambda: _tensors(read_weights("test_vit", root / name))

    return build


def _old_form(state: dict[str, torch.Tensor], path: Path) -> None:
    torch.save(state, path, _use_new_zipfile_serialization=False)


def _network(root: Path) -> Read:
    untrained("model.encoder.name=test_resnet", "model.decoder.widths=[4,4,4,4]").save_pretrained(root / "net")
    (root / "net/README.md").unlink()  # nobody reads it

    def read() -> dict[str, object]:
        found = load(root / "net")
        return {"size": found.size, **_tensors(found.net.state_dict())}

    return read


def _onnx(root: Path) -> Read:
    image, depth = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, 16, 24])
        for name, channels in (("image", 3), ("depth", 1))
    )
    weights = helper.make_tensor(
        "w", TensorProto.FLOAT, [1, 3, 3, 3], np.linspace(0, 1, 27, dtype="f4").tobytes(), True
    )
    graph = helper.make_graph([helper.make_node("Conv", ["image", "w"], ["depth"], pads=[1] * 4)], "net", [image],
                              [depth], [weights])  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), root / "net.onnx")
    source = ModelSource("onnx", str(root / "net.onnx"), f"onnx:{root / 'net.onnx'}")
    options = ModelOptions(OutputKind.METRIC_DEPTH, None, "0..1")
    return lambda: {"depth": OnnxModel(source, options, torch.device("cpu"))(photo(), None)}


def _document(name: str, content: str) -> Build:
    def build(root: Path) -> Read:
        (root / name).write_text(content)
        return lambda: {"content": read_json(root / name)}

    return build


_LIST = "picture,depth,mask,fx,fy,cx,cy\n" + "".join(f"a/{i}.jpg,b/{i}.png,m/{i}.png,50,50,32,24\n" for i in range(20))
_PLAIN = "".join(f"a/{index}.jpg b/{index}.png c/{index}.txt\n" for index in range(20))

MORE: dict[str, Build] = {
    "depth tiff float": _depth("a.tiff", _tiff("float")),
    "depth tiff 16 bits": _depth("a.tif", _tiff("16", compression="tiff_lzw")),
    "depth tiff deflate": _depth("a.tiff", _tiff("float", compression="tiff_adobe_deflate")),
    "depth exr": _depth("a.exr", _exr(Z="f4")),
    "depth exr half": _depth("a.exr", _exr(R="f2", G="f2", B="f2")),
    "depth npy": _depth("a.npy", np.save),
    "depth npz": _depth("a.npz", lambda path, values: np.savez_compressed(path, values)),
    "depth pfm": _depth("a.pfm", _pfm),
    "mask tiff": _mask("m.tiff", lambda path, values: Image.fromarray(255 * values).save(path)),
    "mask npy": _mask("m.npy", np.save),
    "camera txt": _camera("K.txt", "525.5 0 319.5\n0 525.25 239.5\n0 0 1\n"),
    "camera json": _camera("camera.json", '{"fx": 525.5, "fy": 525.25, "cx": 319.5, "cy": 239.5, "width": 640}'),
    "pair list": _pair_list(_LIST),
    "pair list plain": _pair_list(_PLAIN),
    "listed pairs": _listed,
    "own formats": _own,
    "tum": _tum,
    **{f"set {name}": _published(name) for name in FORMS},
    "safetensors": _safetensors,
    "weights": _pretrained("net.pth", torch.save),
    "weights old": _pretrained("net.pth", _old_form),
    "weights safetensors": _pretrained("net.safetensors", save_file),
    "network": _network,
    "onnx": _onnx,
    "done": _document("DONE", '{"score": 0.25, "steps": 6}'),
}

"""A trained network in Python: from a run, a checkpoint or an exported folder to depth of pictures."""

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from depthbench import __version__
from depthbench.errors import UserError, first_line
from depthbench.files import read_json, whole, write_atomically
from depthbench.geometry import back_project
from depthbench.images import resize_rgb
from depthbench.inference.hub import PREFIX, pull, push, released
from depthbench.inference.model_card import model_card
from depthbench.inference.photos import read_photo
from depthbench.input_files import check_regular
from depthbench.losses.map_loss import left_open
from depthbench.maps import resize_bilinear
from depthbench.models.flip import predict_with_flip
from depthbench.models.given_network import as_depth_model
from depthbench.output_kinds import OutputKind
from depthbench.runs.folder import RunFolder
from depthbench.runs.lookup import find_run
from depthbench.tasks import DepthTask
from depthbench.training.loading import build_untrained, load_checkpoint, load_task, take_note, without_pretrained
from depthbench.training.parts import GivenParts

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
FORMAT = 1
# The groups of a configuration that make a network predict; the others name data and machines.
_KEPT = ("seed", "model", "loss", "task", "optim", "protocol", "objects")


class Prediction(NamedTuple):
    """Depth of one picture or of a batch.

    Attributes:
        depth: metres along the optical axis, or by :attr:`DepthEstimator.kind`: ``(H, W)`` of a picture,
            ``(B, 1, H, W)`` of a batch.
        points: ``(H, W, 3)`` or ``(B, 3, H, W)`` in metres in the camera's frame (x right, y down, z forward), where
            intrinsics were given.
    """

    depth: Any
    points: Any | None


class DepthEstimator:
    """A trained network that predicts the depth of pictures.

    Args:
        task: with trained weights.
        config: the resolved configuration of the training.
        device: where it predicts.
        run: the folder of its run, where it comes from one.

    Attributes:
        net: the network, an ``nn.Module``; see :class:`~depthbench.models.DepthNet`.
        size: (height, width) that the network saw in training.
        config: plain data.

    Example:
        >>> import numpy as np, depthbench
        >>> from depthbench.inference.network import untrained
        >>> network = untrained("model.encoder.name=test_resnet", "data.size=[32,40]")
        >>> picture = np.zeros((48, 60, 3), np.uint8)
        >>> network.predict(picture).depth.shape
        (48, 60)
    """

    def __init__(
        self, task: DepthTask, config: DictConfig, device: str | torch.device = "cpu", run: Path | None = None
    ) -> None:
        self.task, self.device, self.run = task.to(device).eval(), torch.device(device), run
        self.config: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
        size = self.config["data"]["size"]
        self.size: tuple[int, int] | None = None if size is None else (int(size[0]), int(size[1]))

    @property
    def kind(self) -> OutputKind:
        """Kind of the output of :meth:`predict`: metric depth, unless the loss left the scale or more open."""
        return self.task.output_kind

    @property
    def net(self) -> nn.Module:
        """The network."""
        return self.task.net

    def predict(
        self, image: ArrayLike | Tensor | str | Path, intrinsics: ArrayLike | None = None, flip_average: bool = False
    ) -> Prediction:
        """Depth of a picture, as ``depthbench predict`` writes it.

        The network sees the picture resized to the size of its training, not cropped; its depth is resized back.

        Args:
            image: a picture ``(H, W, 3)`` uint8 RGB, a file with one, or a batch ``(B, 3, H, W)`` float RGB in [0, 1].
            intrinsics: ``(3, 3)`` in pixels of the picture, pixel centers at integers; for points.
            flip_average: average with the prediction of the mirrored picture.

        Raises:
            UserError: if the image or the intrinsics have another shape or type, or the scale is not known and points
                are asked for.
        """
        if intrinsics is not None and not self.kind.is_metric:
            raise UserError(f"The network predicts {self.kind.words}, which has no points; leave intrinsics out.")
        if isinstance(image, Tensor):
            depth = self._batch(image, flip_average)
            return Prediction(depth, None if intrinsics is None else back_project(depth, _camera(intrinsics, depth)))
        rgb = read_photo(Path(image).expanduser()) if isinstance(image, str | Path) else np.asarray(image)
        if rgb.ndim != 3 or rgb.shape[-1] != 3 or rgb.dtype != np.uint8:
            raise UserError(f"A picture is (H, W, 3) uint8 RGB, not {rgb.shape} {rgb.dtype}; give a batch as tensor.")
        small = rgb if self.size is None else resize_rgb(rgb, self.size)
        batch = torch.from_numpy(np.ascontiguousarray(small.transpose(2, 0, 1)))[None].float().div_(255)
        depth = resize_bilinear(self._batch(batch, flip_average), (rgb.shape[0], rgb.shape[1]))
        points: NDArray[np.float32] | None = None
        if intrinsics is not None:
            points = back_project(depth, _camera(intrinsics, depth))[0].permute(1, 2, 0).cpu().numpy()
        return Prediction(depth[0, 0].cpu().numpy(), points)

    @torch.inference_mode()
    def _batch(self, images: Tensor, flip_average: bool) -> Tensor:
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise UserError(f"A batch is (B, 3, H, W) float RGB in [0, 1], not {tuple(images.shape)} {images.dtype}.")
        size = (images.shape[-2], images.shape[-1])
        seen = resize_bilinear(images.to(self.device).float(), self.size or size)
        depth = predict_with_flip(self.task, seen) if flip_average else self.task(seen)
        return resize_bilinear(depth.float(), size)

    def save_pretrained(self, folder: str | Path, half: bool = False) -> Path:
        """Write ``model.safetensors``, ``config.json`` and a card, ``README.md``, which :func:`load` reads anywhere.

        Args:
            folder: new, or written by this method before.
            half: keep weights in 16 bits, in half the space. The loaded network computes in float32, and statistics of
                normalizations stay in float32.

        Raises:
            UserError: if the folder is a file, or holds something else; or a weight is too large for 16 bits.
        """
        path = Path(folder).expanduser()
        if path.is_file() or (path.is_dir() and any(path.iterdir()) and not (path / CONFIG).is_file()):
            raise UserError(f"{path} holds something else; choose another folder.")
        path.mkdir(parents=True, exist_ok=True)
        kept = {key: self.config[key] for key in _KEPT if key in self.config} | {
            "data": {"size": self.config["data"]["size"]}
        }
        kept["trainer"] = {"channels_last": False}
        open_ = sorted(left_open(self.task.loss))
        record = {"format": FORMAT, "depthbench": __version__, "config": without_pretrained(kept), "leaves_open": open_}
        with whole(path / WEIGHTS) as part:
            save_file(_stored(self.net, half), part)
        write_atomically(path / CONFIG, json.dumps(record, indent=1) + "\n")
        write_atomically(path / CARD, model_card(self.config, self.run, self.kind))
        return path

    def push_to_hub(self, name: str, private: bool = False, half: bool = False) -> str:
        """Upload the files of :meth:`save_pretrained` to the hub of ``huggingface_hub``.

        Args:
            name: ``USER/NAME``.
            private: whether others may see it.
            half: as of :meth:`save_pretrained`.

        Returns:
            The name for :func:`load`: ``hub:USER/NAME``.

        Raises:
            UserError: if the hub refuses it or can't be reached.
        """
        with tempfile.TemporaryDirectory() as folder:
            return push(self.save_pretrained(Path(folder) / "network", half), name, private)


def _stored(net: nn.Module, half: bool) -> dict[str, Tensor]:
    """The state of a network as it is written; parameters in 16 bits where asked for."""
    parameters = {name for name, value in net.named_parameters() if value.is_floating_point()}
    stored = {}
    for name, value in net.state_dict().items():
        fewer = value.half() if half and name in parameters else value
        if not torch.isfinite(fewer).all():
            raise UserError(f"The weights {name} do not fit into 16 bits; save the network without half=True.")
        stored[name] = fewer.contiguous()
    return stored


def load(
    source: str | Path = "latest", device: str | torch.device = "cpu", net: nn.Module | None = None
) -> DepthEstimator:
    """A trained network; no code of the source is run.

    Args:
        source: a run folder, ``latest`` or the hash of a run below ``runs``, a checkpoint ``.ckpt``, a folder that
            :meth:`DepthEstimator.save_pretrained` wrote, the name of one in the folder ``DEPTHBENCH_MIRROR`` (by
            default ``networks/`` of a checkout), or ``hub:USER/NAME``, which is downloaded.
        device: where it predicts.
        net: a module of your own, where the network of a run of :func:`depthbench.fit` was one; it gets the weights.

    Raises:
        UserError: if there is no such thing, or it can't be read.

    Example:
        >>> import tempfile, depthbench
        >>> from depthbench.inference.network import untrained
        >>> folder = untrained("model.encoder.name=test_resnet").save_pretrained(tempfile.mkdtemp())
        >>> depthbench.load(folder).size
        (96, 128)
    """
    given = GivenParts() if net is None else GivenParts(net=as_depth_model(net))
    if str(source).startswith(PREFIX):
        return _load_folder(pull(str(source).removeprefix(PREFIX)), device, given)
    path = Path(source).expanduser()
    if not path.exists():
        path = released(str(source)) or path
    if path.is_file():
        return DepthEstimator(*load_checkpoint(path, given), device=device)
    if (path / CONFIG).is_file():
        return _load_folder(path, device, given)
    folder = RunFolder(path) if path.is_dir() else RunFolder(find_run(str(source)))
    return DepthEstimator(load_task(folder, given), folder.config, device, folder.path)


def _load_folder(path: Path, device: str | torch.device, given: GivenParts) -> DepthEstimator:
    try:
        record = read_json(path / CONFIG)
        config = OmegaConf.create(record["config"])
        if record["format"] > FORMAT:
            raise UserError(f"{path} is of a newer depthbench ({record['depthbench']}); install that version.")
        task = build_untrained(config, given)
        take_note(task, record.get("leaves_open"))
        check_regular(path / WEIGHTS)
        task.net.load_state_dict(load_file(path / WEIGHTS))
    except UserError as error:
        raise error if str(path) in str(error) else UserError(f"{path / CONFIG}: {str(error)[:500]}") from None
    except Exception as error:  # whatever damaged files make of the parts
        raise UserError(f"{path} can't be loaded ({first_line(error)}); save the network again.") from None
    return DepthEstimator(task, config, device)


def untrained(*overrides: str) -> DepthEstimator:
    """A network with random weights, for examples and tests; overrides as on the command line."""
    from hydra import compose

    from depthbench.config.compose import composing

    with composing():
        config = compose("config", list(overrides))
    return DepthEstimator(build_untrained(config), config)


def _camera(intrinsics: ArrayLike, depth: Tensor) -> Tensor:
    camera = torch.as_tensor(np.asarray(intrinsics), dtype=torch.float32, device=depth.device)
    if camera.shape not in ((3, 3), (len(depth), 3, 3)):
        raise UserError(f"Intrinsics are (3, 3) or ({len(depth)}, 3, 3), not {tuple(camera.shape)}.")
    return camera.expand(len(depth), 3, 3)

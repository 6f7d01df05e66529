"""The network of a run as ``.pt2``, which torch reads without this package."""

import io
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from depthbench.errors import UserError, first_line
from depthbench.files import whole
from depthbench.images import Size
from depthbench.inference.exported.graph import (
    TOLERANCE,
    SizesTaken,
    as_text,
    check_difference,
    described,
    difference,
    program_of,
    tried_sizes,
)
from depthbench.models import PredictModule

RECORD = "depthbench.json"  # among the file's extra files


def export_pt2(net: PredictModule, path: Path, size: Size, told: Mapping[str, str]) -> str:
    """Write the network by ``torch.export``, compare it with the file, and say how near they are.

    ``torch.export.load(path).module()(images)`` gives depth; the extra file ``depthbench.json`` has the metadata.

    Args:
        net: in evaluation mode.
        path: of the file; replaced as a whole.
        size: height and width.
        told: metadata.

    Raises:
        UserError: if the network can't be written, or the file gives other depth.
    """
    problem = ""
    choices: tuple[SizesTaken, ...] = ("any", "fixed")
    for sizes in choices:
        try:
            buffer = io.BytesIO()
            record = json.dumps(as_text(told, size, sizes), indent=1)
            torch.export.save(program_of(net, size, sizes), buffer, extra_files={RECORD: record})
            module = torch.export.load(io.BytesIO(buffer.getvalue())).module()
            found = difference(net, partial(_run, module), tried_sizes(size, sizes))
        except Exception as error:  # torch.export raises whatever the network's shapes make of it
            problem = first_line(error)
            continue
        if found <= TOLERANCE or sizes == "fixed":
            check_difference(found, path.name)
            with whole(path) as part:
                part.write_bytes(buffer.getvalue())
            return f"{described(size, sizes)}; in torch within {found:.1g} of the largest depth of the network's"
    raise UserError(f"{path.name}: torch.export can't write this network ({problem}).")


def _run(module: nn.Module, images: Tensor) -> NDArray[Any]:
    depth: NDArray[Any] = module(images).detach().numpy()
    return depth

"""Lists of boxes per tile: every pixel is tested only against the few boxes that can matter to its 16x16 tile.

All images of a batch are cut into tiles, ``(N, TILE * TILE)`` pixels. Tiles are sorted by how many boxes they list, so
that "the k-th box of each tile" is one contiguous slice: plain tensor code with no wasted work and no scatter.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

TILE = 16


class Lists(NamedTuple):
    """The boxes of each tile, tiles with the most boxes first.

    Attributes:
        order: ``(N,)`` the tile at each place.
        boxes: ``(N, K)`` indices into the flattened ``(B * P)`` boxes, valid up to the tile's count.
        active: for each of the K slots the number of tiles that have so many boxes.
    """

    order: Tensor
    boxes: Tensor
    active: list[int]

    def slots(self) -> Iterator[tuple[int, Tensor]]:
        """The number of (leading) tiles of each slot, and their box in this slot."""
        for slot, count in enumerate(self.active):
            yield count, self.boxes[:count, slot]


def build(touching: Tensor, per_image: int) -> Lists:
    """Lists from ``touching (N, P)`` bool, where ``per_image`` consecutive tiles share the boxes of one image."""
    tiles, boxes = touching.shape
    counts, order = touching.sum(1).sort(descending=True, stable=True)
    tile, box = touching.nonzero(as_tuple=True)
    first = torch.cumsum(touching.sum(1), 0) - touching.sum(1)
    slot = torch.arange(len(tile), device=tile.device) - first[tile]
    deepest = int(counts[0])
    table = torch.zeros(tiles, max(deepest, 1), dtype=torch.int64, device=touching.device)
    table[tile, slot] = box + tile // per_image * boxes
    depths = torch.arange(1, deepest + 1, device=counts.device)
    active = (counts[:, None] >= depths).sum(0).tolist() if deepest else []
    return Lists(order, table[order], active)


def grid(size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of tiles that cover an image of ``size``."""
    return -(-size[0] // TILE), -(-size[1] // TILE)


def untile(values: Tensor, size: tuple[int, int]) -> Tensor:
    """``(C, N, TILE * TILE)`` of whole images to ``(B, C, H, W)``; drops pixels beyond the image."""
    rows, columns = grid(size)
    image = values.view(len(values), -1, rows, columns, TILE, TILE).permute(1, 0, 2, 4, 3, 5)
    return image.reshape(-1, len(values), rows * TILE, columns * TILE)[..., : size[0], : size[1]].contiguous()

"""Data sets around others pass requests for many frames on, so that those which make them at once can."""

import pytest
import torch
from torch.utils.data import Dataset

from depthbench.data import Mixed, Rooms, SkipDamaged
from depthbench.data.frame import Frame
from depthbench.data.stream import fetch
from depthbench.errors import UserError


class Counting(Dataset):
    """Numbered frames, some damaged; notes every request."""

    def __init__(self, length, damaged=()):
        self.names, self.damaged, self.requests = [str(index) for index in range(length)], set(damaged), []

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        return self.__getitems__([index])[0]

    def __getitems__(self, indices):
        self.requests.append(list(indices))
        if self.damaged.intersection(indices):
            raise UserError("damaged")
        return [Frame(torch.zeros(3, 2, 2), torch.ones(1, 2, 2), None, self.names[index]) for index in indices]


def test_mixed_asks_each_data_set_once_and_keeps_the_order():
    near, far = Counting(6), Counting(3)
    mixed = Mixed({"near": near, "far": far})
    wanted = [8, 0, 3, 3, 1, 7]
    assert [frame.name for frame in fetch(mixed, wanted)] == [mixed.names[index] for index in wanted]
    assert [len(part.requests) for part in (near, far)] == [1, 1]
    assert fetch(mixed, []) == []
    first = next(index for index, name in enumerate(mixed.names) if name.startswith("far/"))
    near.requests.clear()
    assert mixed[first].name == "far/0"
    assert near.requests == []


def test_sound_frames_are_asked_for_at_once():
    frames = Counting(6)
    assert [frame.name for frame in fetch(SkipDamaged(frames), [4, 0, 2])] == ["4", "0", "2"]
    assert frames.requests == [[4, 0, 2]]


def test_a_damaged_frame_among_many_is_replaced_alone():
    frames = Counting(6, damaged=[2, 3])
    skipping = SkipDamaged(frames)
    for _ in range(2):
        assert [frame.name for frame in fetch(skipping, [1, 2, 5])] == ["1", "4", "5"]
    assert skipping.damaged == [2, 3]
    assert frames.requests.count([2]) == 1  # known from then on
    frames.damaged = set(range(6))
    with pytest.raises(UserError, match="in a row"):
        fetch(skipping, [0, 1])


def test_both_around_rooms_deliver_what_single_requests_do():
    mixed = SkipDamaged(Mixed({"a": Rooms("test", split=4, size=(24, 32)), "b": Rooms("ood", split=2, size=(24, 32))}))
    for many, index in zip(fetch(mixed, [5, 0, 2]), [5, 0, 2], strict=True):
        one = mixed[index]
        assert many.name == one.name
        torch.testing.assert_close((many.image, many.depth), (one.image, one.depth), rtol=0, atol=0)

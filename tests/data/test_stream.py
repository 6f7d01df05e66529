"""The stream of training frames, and loaders that share it."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest
import torch

from depthbench.data import DataModule, StreamBatches, UnpaddedSampler
from depthbench.errors import UserError
from tests.data.numbered import Numbered


def tint(frame, rng):
    return frame._replace(image=frame.image + float(rng.uniform()))


def indices(batches, epochs):
    seen = []
    for epoch in range(epochs):
        batches.set_epoch(epoch)
        seen += [[key.place for key in keys] for keys in batches]
    return seen


def test_every_batch_is_full_and_every_frame_equally_often_shown():
    seen = indices(StreamBatches(13, 4, seed=0), 13)  # 13 epochs of 3 batches of 4 = 12 turns
    assert all(len(batch) == 4 for batch in seen)
    assert set(Counter(chain.from_iterable(seen)).values()) == {12}
    assert seen != indices(StreamBatches(13, 4, seed=1), 13)
    assert seen == indices(StreamBatches(13, 4, seed=0), 13)


def test_processes_share_each_batch():
    whole = indices(StreamBatches(13, 6, seed=0), 4)
    shares = [indices(StreamBatches(13, 6, seed=0, rank=rank, world=3), 4) for rank in range(3)]
    assert whole == [list(chain.from_iterable(parts)) for parts in zip(*shares, strict=True)]
    with pytest.raises(UserError, match="multiple of 4"):
        StreamBatches(13, 6, seed=0, world=4)


@pytest.mark.parametrize("epoch_size", [None, 5, 40])
def test_a_stream_continues_at_any_batch(epoch_size):
    batches = StreamBatches(13, 4, seed=0, epoch_size=epoch_size)
    whole = indices(batches, 6)
    for start in range(len(whole)):
        again = StreamBatches(13, 4, seed=0, epoch_size=epoch_size)
        again.seek(start)
        first = start // len(again)
        rest = []
        for epoch in range(first, 6):
            again.set_epoch(epoch)
            rest += [[key.place for key in keys] for keys in again]
        assert rest == whole[start:]


def test_fewer_frames_than_a_batch():
    assert all(len(batch) == 8 for batch in indices(StreamBatches(3, 8, seed=0), 2))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("cache", ["none", "ram"])
def test_loaders_give_the_same_frames_with_any_number_of_workers_and_any_cache(workers, cache):
    def images(**settings):
        module = DataModule(Numbered(10), Numbered(4), batch_size=4, augment=tint, seed=5, **settings)
        loader = module.train_dataloader()
        out = []
        for epoch in range(3):
            loader.batches.set_epoch(epoch)
            out += [(batch.image, batch.depth, batch.name) for batch in loader]
        return out

    plain = images(workers=0, cache="none")
    for (image, depth, name), other in zip(plain, images(workers=workers, cache=cache), strict=True):
        assert torch.equal(image, other[0])
        assert torch.equal(depth, other[1])
        assert name == other[2]
    # The same frame in another turn is augmented in another way.
    assert len({float(image.sum()) for image, _, _ in plain}) == len(plain)


def test_unpadded_samplers_share_every_index_once():
    shares = [list(UnpaddedSampler(15, rank, 4)) for rank in range(4)]
    assert sorted(chain.from_iterable(shares)) == list(range(15))
    assert sorted(map(len, shares)) == [3, 4, 4, 4]


def test_the_position_is_what_was_given_out_not_what_workers_fetched_ahead():
    module = DataModule(Numbered(40), Numbered(4), batch_size=4, workers=2, seed=1)
    loader = module.train_dataloader()
    iterator = iter(loader)
    expected = [next(iterator).name for _ in range(5)]
    assert loader.state_dict() == {"batch": 5}
    rest = [batch.name for batch in iterator]
    again = DataModule(Numbered(40), Numbered(4), batch_size=4, workers=2, seed=1).train_dataloader()
    again.load_state_dict({"batch": 5})
    assert [batch.name for batch in again] == rest
    assert len(expected) + len(rest) == 10


def test_order_is_uniform():
    """Each frame is about equally often at each place of a turn."""
    places = np.zeros((5, 5))
    for seed in range(400):
        (order,) = indices(StreamBatches(5, 5, seed=seed), 1)
        places[order, range(5)] += 1
    assert np.abs(places - 80).max() < 40

"""`depthbench.fit`: objects and names, the same run as the command's, and mistakes in a sentence."""

import functools

import numpy as np
import pytest
import torch
from hydra import compose
from torch.utils.data import DataLoader, TensorDataset

import depthbench
from depthbench.config.compose import composing
from depthbench.data import Rooms
from depthbench.data.given import GivenFrames
from depthbench.errors import UserError
from depthbench.fitting.object_hashes import object_hash
from depthbench.runs.folder import RunFolder
from depthbench.runs.results import recorded_kind
from depthbench.training.parts import build_task
from depthbench.training.trainer import train_and_test

SIZE = (24, 32)
TRAIN, TEST = Rooms(split=8, size=SIZE), Rooms("test", split=2, size=SIZE)
SMALL = {"epochs": 1, "batch_size": 4, "trainer": "cpu"}
NAMED = ["model.encoder.name=test_resnet", "model.decoder.widths=[16,8,8,8]", "data.split=8", "data.size=[24,32]"]
NAMED += ["data.test_frames=2", "data.val_frames=2"]


def tiny():
    torch.manual_seed(0)
    return torch.nn.Conv2d(3, 1, 3, stride=2, padding=1)


def pixel_error(prediction, target, valid):
    return (prediction - target)[valid].abs().mean()


def arrays():
    frames = [TRAIN[index] for index in range(8)]
    images = np.stack([frame.image.permute(1, 2, 0).numpy() for frame in frames])
    return images, np.stack([frame.depth[0].numpy() for frame in frames])


def test_names_are_the_commands_run(tmp_path):
    """The same folder, and nothing is trained anew."""
    result = depthbench.fit("small", "rooms", output=tmp_path, overrides=NAMED, **SMALL)
    told = [*NAMED, "data.batch_size=4", "trainer=cpu", "trainer.max_epochs=1", "loss=l1", "logger=csv"]
    with composing():
        config = compose("config", [*told, f"output={tmp_path}"])
    folder = RunFolder.create(config, told, {})
    assert folder.path == result.folder
    assert folder.done
    assert depthbench.load(folder.path).config["model"] == result.network.config["model"]


def test_objects_train_as_names_do(tmp_path):
    """The same network, loss, optimizer and frames, as objects and by name: the same scores to the bit."""
    with composing():
        config = compose(
            "config",
            [
                *NAMED,
                "trainer=cpu",
                "trainer.max_epochs=1",
                "data.batch_size=4",
                "data.val=none",
                "protocol=rooms",
                "trainer.estimate=false",
                "logger=csv",
                f"output={tmp_path}",
            ],
        )
    expected = train_and_test(RunFolder.create(config, [], {}), progress_bar=False)
    net = build_task(config).net
    frames = Rooms(split=8, size=SIZE), Rooms("test", split=2, size=SIZE, sensor=False)
    result = depthbench.fit(net, frames[0], depthbench.losses.L1(), test=frames[1], protocol="rooms", **SMALL)
    assert result.scores["rooms"] == expected["rooms"]


def test_a_loss_that_was_an_object_is_remembered_for_what_it_leaves_open(tmp_path):
    loss = depthbench.losses.ScaleShiftInvariant()
    given = {"test": TEST, "output": tmp_path, **SMALL}
    with pytest.raises(UserError, match="leaves scale and shift open"):
        depthbench.fit(tiny(), TRAIN, loss, **given)
    result = depthbench.fit(tiny(), TRAIN, loss, overrides=["protocol.alignment=scale_shift"], **given)
    again = depthbench.load(result.folder, net=tiny())
    assert again.kind == result.network.kind == recorded_kind(result.folder) == "affine_depth"


def test_a_run_of_objects_is_found_again_and_read(tmp_path):
    ask = functools.partial(depthbench.fit, data=TRAIN, loss=pixel_error, test=TEST, output=tmp_path, **SMALL)
    net = tiny()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    first, again = ask(net), ask(tiny())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert again.folder == first.folder
    assert again.scores == first.scores
    assert ask(tiny(), seed=1).folder != first.folder
    with pytest.raises(UserError, match=r"model of this run is a Python object \(torch.nn.modules.conv.Conv2d\)"):
        depthbench.load(first.folder)
    image = TEST[0].image[None]
    loaded = depthbench.load(first.folder, net=tiny())
    torch.testing.assert_close(loaded.predict(image).depth, first.network.predict(image).depth, rtol=0, atol=0)
    saved = loaded.save_pretrained(tmp_path / "saved")
    torch.testing.assert_close(
        depthbench.load(saved, net=tiny()).predict(image).depth, loaded.predict(image).depth, rtol=0, atol=0
    )


def test_forms_of_data_give_the_same_frames():
    images, depths = arrays()
    tensors = TensorDataset(torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(depths)[:, None])
    dictionaries = [{"image": one, "depth": other} for one, other in zip(images, depths, strict=True)]
    for form in (tensors, dictionaries, list(zip(images, depths, strict=True))):
        frames = GivenFrames(form)
        for index in range(8):
            assert torch.equal(frames[index].image, TRAIN[index].image)
            assert torch.equal(frames[index].depth, TRAIN[index].depth)
    hole = depths[0].copy()
    hole[0, :2] = np.nan, np.inf
    assert GivenFrames([(images[0], hole)])[0].depth[0, 0, :2].tolist() == [0, 0]


def test_a_tuple_of_arrays_is_learned_from_and_a_share_is_tested():
    result = depthbench.fit(tiny(), arrays(), pixel_error, test=2, val=0.25, **SMALL)
    assert result.scores["full"]["images"] == 2
    assert any("val/AbsRel" in row for row in result.history)
    assert result.folder is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"data": []}, "data is empty"),
        ({"data": (np.zeros((3, 24, 32, 3)), np.ones((2, 24, 32)))}, "data has 3 images and 2 depth maps"),
        ({"data": [(np.zeros((24, 32, 3), np.uint8), np.zeros((24, 32)))]}, "have no valid depth"),
        ({"data": [(np.zeros((24, 32, 3), np.uint8), np.full((24, 32), 2500.0))]}, "times 0.001"),
        ({"data": [(np.zeros((24, 32, 3), np.uint8), np.full((24, 32), 2500, np.uint16))]}, "which has no unit"),
        ({"data": [(np.full((24, 32, 3), 99.0), np.full((24, 32), 2.5))]}, "values from 99 to 99"),
        ({"data": [(np.zeros((24, 32), np.uint8), np.full((24, 32), 2.5))]}, "has an image (24, 32)"),
        ({"data": [(np.zeros((24, 32, 3), np.uint8), np.full((12, 16), 2.5))]}, "24x32 and depth of 12x16"),
        ({"data": [{"rgb": 1}]}, "has no 'image'; its keys are rgb"),
        ({"data": (one for one in ())}, "which has no length or no index"),
        ({"test": None}, "There are no test frames"),
        ({"test": 0.01}, "holds out 0 of 8 frames"),
        ({"net": torch.nn.Conv2d(3, 2, 1)}, "gives a tensor (4, 2, 24, 32) for images (4, 3, 24, 32)"),
        ({"net": torch.nn.ReLU()}, "has no parameter"),
        ({"net": "smal"}, "smal"),
        ({"loss": 3}, "loss is 3"),
        ({"loss": "heteroscedastic"}, "The other choices set model.decoder"),
        ({"optim": 1e-3}, "optim is a float"),
        ({"callbacks": [3]}, "callbacks has a int"),
    ],
)
def test_mistakes_get_a_sentence(change, sentence):
    with pytest.raises(UserError) as error:
        depthbench.fit(**{"net": tiny(), "data": TRAIN, "test": TEST, **SMALL, **change})
    assert sentence in str(error.value)


def test_hashes_know_settings_code_and_weights():
    assert object_hash(depthbench.losses.BerHu()) == object_hash(depthbench.losses.BerHu())
    assert object_hash(depthbench.losses.BerHu()) != object_hash(depthbench.losses.BerHu(c=0.1))
    assert object_hash(lambda a: a + 1) == object_hash(lambda a: a + 1)
    assert object_hash(lambda a: a + 1) != object_hash(lambda a: a + 2)
    assert object_hash(functools.partial(torch.optim.AdamW, lr=1e-3)) != object_hash(
        functools.partial(torch.optim.AdamW, lr=1e-4)
    )
    net = tiny()
    weights = object_hash(net)
    assert object_hash(net.eval()) == weights
    with torch.no_grad():
        net.bias += 1
    assert object_hash(net) != weights


def test_torchs_own_loader_stacks_frames():
    batch = next(iter(DataLoader(TRAIN, batch_size=3)))
    assert type(batch).__name__ == "Batch"
    assert torch.equal(batch.depth[2], TRAIN[2].depth)
    mixed = [TRAIN[0]._replace(intrinsics=None), TRAIN[1]]
    assert next(iter(DataLoader(mixed, batch_size=2))).intrinsics is None
    other = [TRAIN[0], TRAIN[1]._replace(image=torch.zeros(3, 8, 8))]
    with pytest.raises(UserError, match="has image and depth of 8x8 and 24x32"):
        next(iter(DataLoader(other, batch_size=2)))

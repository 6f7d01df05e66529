"""Components without a configuration: in a plain PyTorch loop, in a Lightning trainer, and in `depthbench.fit`.

    python examples/notebook.py FOLDER

What one would type into the cells of a notebook; it ends with an error where something does otherwise.
"""

from functools import partial

import pytorch_lightning as pl
import torch
from journeys import expect, start
from torch.utils.data import DataLoader

import depthbench
from depthbench.data import DataModule, Frame, Rooms
from depthbench.losses import BerHu, LossSpace
from depthbench.metrics import DepthScores
from depthbench.models import DepthNet, Encoder, LogDepth, UNetDecoder
from depthbench.tasks import OneCycle, Optimization, Regression

SIZE = (32, 40)


def network() -> DepthNet:
    """A small one."""
    decoder = partial(UNetDecoder, widths=[16, 8, 8, 8])
    return DepthNet(Encoder("test_resnet", pretrained=False), decoder, LogDepth(), start_depth=2.5)


def loop(train: Rooms, test: Rooms) -> None:
    """A plain PyTorch loop: torch's own loader, a loss, the 78 terms, a metric."""
    net, loss, space = network(), BerHu(), LossSpace(scales=[0])
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    losses = []
    for _ in range(4):
        for batch in DataLoader(train, batch_size=4, shuffle=True):
            depth = net.predict(batch.image)
            value = loss(depth, batch.depth, batch.depth > 0)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(float(value))
    expect(sum(losses[-4:]) < sum(losses[:4]), f"The loss did not fall: {losses}.")
    print(f"{space(depth.detach(), batch.depth, batch.depth > 0).shape[-1]} terms of the last batch", flush=True)
    scores = DepthScores()
    with torch.no_grad():
        for batch in DataLoader(test, batch_size=2):
            scores.update(net.eval().predict(batch.image), batch.depth, batch.depth > 0)
    expect(0 < float(scores.compute()["AbsRel"]) < 2, "The scores are not of depth in metres.")


def own_trainer(train: Rooms, test: Rooms) -> None:
    """A trainer of Lightning's with our task: with our data module, or with any loaders."""
    optim = Optimization(partial(torch.optim.AdamW, lr=1e-3), OneCycle())
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    for data in (DataModule(train, test, batch_size=4), None):
        task = Regression(network(), BerHu(), optim, {"full": depthbench.protocol("full")})
        trainer = pl.Trainer(max_epochs=1, enable_model_summary=False, **quiet)
        if data is None:
            trainer.fit(task, DataLoader(train, batch_size=4))
            trainer.test(task, DataLoader(test, batch_size=2), verbose=False)
        else:
            trainer.fit(task, datamodule=data)
            trainer.test(task, datamodule=data, verbose=False)
        expect(task.test_scores["full"]["images"] == len(test), "Not every test frame was scored.")


def whole_recipe(train: Rooms, test: Rooms) -> None:
    """`depthbench.fit`: objects in the place of any part, a run folder that the report reads."""
    pairs = [(frame.image.permute(1, 2, 0).numpy(), frame.depth[0].numpy()) for frame in (train[i] for i in range(8))]
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 2, 1), torch.nn.ReLU(), torch.nn.Conv2d(8, 1, 1))
    settings = {"epochs": 2, "batch_size": 4, "trainer": "cpu", "output": "runs", "test": test}
    result = depthbench.fit(net, pairs, "berhu", **settings)
    again = depthbench.fit(net, pairs, "berhu", **settings)
    expect(again.folder == result.folder and again.scores == result.scores, "The run was not found again.")
    depthbench.fit(net, pairs, lambda depth, truth, valid: (depth - truth)[valid].abs().mean(), **settings)
    image = test[0].image[None]
    expected = result.network.predict(image).depth
    expect(torch.equal(depthbench.load(result.folder, net=net).predict(image).depth, expected), "Other depth.")
    saved = result.network.save_pretrained("network")
    expect(torch.equal(depthbench.load(saved, net=net).predict(image).depth, expected), "Other depth, saved.")
    try:
        depthbench.fit(net, [(image[0], 1000 * frame.depth) for frame in (train[0], train[1])], "berhu", **settings)
    except depthbench.UserError as error:
        print(error, flush=True)
    else:
        raise SystemExit("Millimetres went through.")


def journey() -> None:
    """From components to the whole recipe."""
    train, test = Rooms(split=16, size=SIZE), Rooms("test", split=4, size=SIZE)
    expect(isinstance(train[0], Frame), "A data set gives frames.")
    loop(train, test)
    own_trainer(train, test)
    whole_recipe(train, test)


if __name__ == "__main__":
    start(journey, __doc__)

"""A network is trained, fine-tuned on other frames, watched for its best weights, averaged, and trained for longer.

    python examples/fine_tuning.py FOLDER

Works in FOLDER with the commands that one would type; it ends with an error where a command does otherwise.
"""

import json

from journeys import command, expect, start, train

SMALL = ["model.encoder.name=test_resnet", "model.decoder.widths=[16,8,8,8]", "data.size=[32,40]", "data.split=16"]
SMALL += ["data.test_frames=4", "data.val_frames=2", "data.batch_size=4", "trainer=cpu", "trainer.estimate=false"]
SMALL += ["logger=csv"]


def journey() -> None:
    """Pretraining, three ways of fine-tuning, and a longer training."""
    first, _ = train("trainer.max_epochs=2", "optim.optimizer.lr=1e-3", *SMALL)

    # Other frames, a tenth of the rate for the encoder; the weights of the best validation are tested.
    other = [*SMALL, "seed=1", "data.split=24", "trainer.max_epochs=2", f"init={first}"]
    gentle, said = train("optim.encoder_factor=0.1", "callbacks.best=AbsRel", *other)
    expect("weights" in said and f"Starts from {first}" in said, "The run does not say what it starts from.")
    expect((gentle / "checkpoints/best.ckpt").is_file(), "The best weights are not kept.")

    # The same by names of parts: the encoder stays as it is. An average of the weights is tested.
    train("optim.factors={encoder:0,decoder:2}", "callbacks.average=0.9", *other)
    command("run", "optim.factors={backbone:0}", *other, refused="backbone matches no parameter")

    # What fits of another network.
    wider = ["model.decoder.widths=[24,8,8,8]", *(word for word in other if not word.startswith("model.decoder"))]
    command("run", *wider, refused="append init_match=fitting")
    _, said = train("init_match=fitting", *wider)
    expect("as initialized" in said, "The run does not say what it could not take.")

    # A finished run goes on from its end.
    command("run", f"continue={first}", refused="append trainer.max_epochs=")
    longer, said = train(f"continue={first}", "trainer.max_epochs=3")
    steps = [json.loads((run / "DONE").read_text())["steps"] for run in (first, longer)]
    expect(steps == [8, 12] and f"Goes on from {first}" in said, f"Steps {steps} in place of 8 and 12.")
    command("report", "runs", "--output", "report.html", "--no-figures")


if __name__ == "__main__":
    start(journey, __doc__)

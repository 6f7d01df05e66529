"""Names of run folders, on what people type and on texts at random."""

import random
import re
import shlex

import pytest

from depthbench.runs.names import folder_name, labels

DIGEST = "1a2b3c4d"


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "default"),
        (["loss=l1", "data.split=795"], "loss-l1__data.split-795"),
        (["data.size=[96,128]"], "data.size-96-128"),
        (["data.root=/mnt/big disk/my data (v2)/"], "data.root-my-data-v2"),
        (["data.root='/mnt/my data (v2)'"], "data.root-my-data-v2"),
        (["data.root=C:\\data\\nyu"], "data.root-nyu"),
        (["data.root=/"], "data.root-root"),
        (["experiment=carvalho2018/losses"], "experiment-carvalho2018-losses"),
        (["optim.optimizer.lr=1e-4"], "optim.optimizer.lr-1e-4"),
        (["loss=lee2020_dm", "seed=3"], "loss-lee2020_dm__seed-3"),
        (["+callbacks.mine={a:1,b:[x]}"], "callbacks.mine-a-1-b-x"),
        (["~model.decoder"], "no-model.decoder"),
        (["data.root=/数据/深度"], "data.root"),
        (["/=~"], "default"),
        (["..=.."], "default"),
        (["data.root=/Größe/Straße"], "data.root-Strae"),
    ],
)
def test_a_name_can_be_read(overrides, name):
    assert folder_name(overrides, DIGEST) == f"{name}-{DIGEST}"


def test_any_text_makes_a_name_that_needs_no_quotes():
    rng = random.Random(0)
    letters = "aZ9=,.[]{}()~+-_#$&;'\"`\\/ \t\n*?!|<>^%@:äß語😀\u202e\x00"
    for length in [*range(40), 120, 500, 5000]:
        for _ in range(20):
            overrides = ["".join(rng.choices(letters, k=length)) for _ in range(rng.randint(1, 4))]
            name = folder_name(overrides, DIGEST)
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*-1a2b3c4d", name)
            assert shlex.quote(name) == name
            assert len(name.encode()) <= 129


def test_labels_are_what_differs_in_old_and_new_names():
    new = ["loss-l1__data.split-795-11111111", "loss-lee2020_dm__data.split-795-22222222"]
    assert labels(new) == ["loss-l1", "loss-lee2020_dm"]
    old = ["loss=l1,data.split=795-11111111", "loss=eigen,data.split=795-22222222"]
    assert labels(old) == ["loss=l1", "loss=eigen"]
    assert labels([new[0], old[1]]) == ["loss-l1__data.split-795", "loss=eigen,data.split=795"]
    alike = ["loss-l1-11111111", "loss-l1-22222222"]
    assert labels(alike) == alike
    assert labels(["files", "other"]) == ["files", "other"]
    assert labels(["one"]) == ["one"]

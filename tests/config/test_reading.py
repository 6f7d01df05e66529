"""Configurations in run folders that somebody sent: plain data, or a sentence, at once."""

import os
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from depthbench.config.aliases import renew_config, silent
from depthbench.config.reading import parse, read_config
from depthbench.errors import UserError

FORMER = Path(__file__).parents[1] / "data" / "former"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

DAMAGED = {
    "empty": (b"", "nothing"),
    "a list": (b"- 1\n- 2\n", "a list where keys"),
    "a word": (b"hello", "a str where keys"),
    "cut short": (b"a: [1, 2", "expected"),
    "not UTF-8": (b"a: \xff\xfe", "utf-8"),
    "NUL": (b"a: \x00", "control characters|special characters"),
    "brackets": (b"a: " + b"[" * 5000, "nested more than 50"),
    "closed brackets": (b"a: " + b"[" * 100_000 + b"]" * 100_000, "nested more than 50"),
    "indentation": ("".join(f"{' ' * n}k:\n" for n in range(600)).encode(), "nested more than 50"),
    "alias bomb": (BOMB.encode(), r"alias, \*a"),
    "circle": (b"a: &a [*a]", r"alias, \*a"),
    "merge": (b"a: &a {x: 1}\nb: {<<: *a}\n", r"alias, \*a"),
    "python": (b"a: !!python/object/apply:os.system [id]", "constructor"),
    "bytes": (b"a: {b: [!!binary aGk=]}", r"a\.b\[0\] holds a bytes"),
    "set": (b"a: !!set {x, y}", "a holds a set"),
    "key": (b"? [1, 2]\n: 3\n", "key|tuple|unhashable"),
    "date tag": (b"a: !!timestamp 2020-01-01", "a holds a date"),
    "large": (b"a: " + b"x" * 1_000_001, "more than the 1,000,000"),
    "interpolation": (b"a: {b: ['${oc.env:HOME}']}", r"a\.b\[0\] holds .*is not resolved here"),
    "escaped": (b"a: '\\${oc.create:{}}'", "is not resolved here"),
    "digits": (b"a: " + b"9" * 10_000, "digits"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_configuration_is_a_sentence_at_once(name, tmp_path):
    content, reason = DAMAGED[name]
    (tmp_path / "config.yaml").write_bytes(content)
    start = time.monotonic()
    with pytest.raises(UserError, match=rf"(?s)config\.yaml is not readable YAML \(.*({reason})") as raised:
        read_config(tmp_path / "config.yaml")
    assert time.monotonic() - start < 5
    assert len(str(raised.value)) < 600


def test_no_file_and_special_files(tmp_path):
    with pytest.raises(UserError, match=r"is not a run folder: it has no config\.yaml"):
        read_config(tmp_path / "config.yaml")
    os.mkfifo(tmp_path / "config.yaml")
    with pytest.raises(UserError, match=r"it has no config\.yaml"):
        read_config(tmp_path / "config.yaml")


@pytest.mark.parametrize("file", sorted(FORMER.glob("*.yaml")), ids=lambda file: file.stem)
def test_it_is_read_as_omegaconf_reads_it(file):
    assert read_config(file) == renew_config(OmegaConf.to_container(OmegaConf.load(file)), silent)


def test_values_survive_being_written_and_read():
    values = [
        1e-5,
        1e22,
        -0.5,
        1.0,
        0,
        True,
        None,
        "1e-3",
        "1e5",
        "on",
        "2020-01-01",
        "08",
        "0x1f",
        "1_000",
        "",
        "é",
        "a: b",
    ]
    values += [float("inf"), "~", "null", "[x]", "&a", "*a", "3:25", "12e03", ".5", "nan"]
    config = OmegaConf.create({"a": values, "b": {str(value): value for value in values}})
    assert parse(OmegaConf.to_yaml(config)) == OmegaConf.to_container(config)

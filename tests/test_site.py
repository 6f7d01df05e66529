"""The site: every page is in its contents, every key in its reference, every crop drawn where the protocol looks."""

import importlib
import re

import pytest
import yaml
from docs.site_pages import components, crops, docstrings, key_pages, keys, meanings, pages

from depthbench.protocols import load_protocol

CONF = pages.ROOT / "conf"


class Settings(yaml.SafeLoader):
    """Reads mkdocs.yml without the libraries that its tags name."""


Settings.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)


def leaves(nav: object) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    return [leaf for part in (nav.values() if isinstance(nav, dict) else nav) for leaf in leaves(part)]


def test_the_contents_name_every_page_once():
    nav = leaves(yaml.load((pages.ROOT / "docs" / "mkdocs.yml").read_text(), Settings)["nav"])
    made = [*pages.sources().values(), *key_pages.key_pages(CONF), "reference/api.md", "reference/protocols.md"]
    made += [f"reference/{name}.md" for name in components.PAGES]
    assert sorted(nav) == sorted(made)


@pytest.mark.parametrize("path", pages.sources(), ids=lambda path: path.stem)
def test_links_lead_to_files_of_the_repository(path):
    assert pages.dead_links(path) == []


def nested(values: object, name: str = "") -> list[str]:
    if isinstance(values, list) and any(isinstance(value, dict) for value in values):
        values = dict(enumerate(values))
    if not isinstance(values, dict):
        return [name]
    found = [leaf for key, value in values.items() for leaf in nested(value, f"{name}.{key}".strip("."))]
    return [*([name] if name else []), *found]


FILES = [path for path in sorted(CONF.glob("*/*.yaml")) if path.parent.name not in key_pages.LEFT_OUT]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_the_keys_of_a_file_are_those_that_yaml_reads(path):
    text = path.read_text()
    wanted = {name for name in nested(yaml.safe_load(text) or {}) if name.split(".")[0] != "defaults"}
    shown = {key.name for key in keys.read_keys(text)[1]}
    flow = {name for name in wanted - shown if re.search(rf"{re.escape(name.split('.')[-1])}: ", text)}  # {a: 1}
    assert shown <= wanted
    assert wanted - shown == flow


def test_values_and_comments_are_taken_apart():
    text = (
        "# @package _global_\n# The head.\na: 1 # one\n# of both\nb:\n  c: '#3' # three\n  d: x#y\n\ne: [1, 2]\n"
        'defaults:\n  - f: 1\ng: "a # b"  # last | bar\nh:\n  - i: 1 # in a list\n    j: 2\n  - {k: 1}\nl: 0\n'
    )
    head, found = keys.read_keys(text)
    assert head == "The head."
    assert found == [
        ("a", "1", "one"),
        ("b", "", "of both"),
        ("b.c", "'#3'", "three"),
        ("b.d", "x#y", ""),
        ("e", "[1, 2]", ""),
        ("g", '"a # b"', "last | bar"),
        ("h", "", ""),
        ("h.0", "", ""),
        ("h.0.i", "1", "in a list"),
        ("h.0.j", "2", ""),
        ("h.1", "{k: 1}", ""),
        ("l", "0", ""),
    ]
    assert "last \\| bar |" in key_pages.table(found)


@pytest.mark.parametrize(
    ("name", "frame", "box"),
    [
        ("eigen", "NYUv2, 480x640", (20, 460, 24, 616)),
        ("garg", "KITTI, 375x1242", (153, 371, 44, 1197)),
        ("full", "NYUv2, 480x640", (0, 480, 0, 640)),
        ("c1", "truth at scored size, 460x345", (0, 460, 0, 345)),
    ],
)
def test_a_crop_is_drawn_to_scale(name, frame, box):
    drawn = crops.draw(load_protocol(name))
    assert frame in drawn
    top, bottom, left, right = box
    assert f"rows {top} to {bottom}, columns {left} to {right}" in drawn
    height, width = map(int, frame.rsplit(" ", 1)[1].split("x"))
    x, y, w, h = map(float, re.search(r'x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"', drawn).groups())
    scale = crops.WIDTH / width
    assert [x, y, w, h] == pytest.approx([v * scale for v in (left, top, right - left, bottom - top)], abs=0.06)
    assert f'height="{round(scale * height, 1)}"' in drawn


def test_every_protocol_has_a_section():
    page = crops.protocol_page()
    for path in (CONF / "protocol").glob("*.yaml"):
        assert f"\n## protocol={path.stem}\n" in page
    assert page.count("<svg") == len(list((CONF / "protocol").glob("*.yaml")))


def test_links_follow_their_pages():
    names = pages.sources()
    text = (
        "Read [the losses](docs/losses.md#sources) and\n- [x](https://a.example/b.md)\n```\n[no](docs/losses.md)\n```\n"
        "![p](docs/images/report.png) [cite](CITATION.cff) [here](#inside)\n"
    )
    found, files = pages.for_site(text, pages.ROOT / "README.md", names)
    assert found == (
        "Read [the losses](losses.md#sources) and\n\n- [x](https://a.example/b.md)\n```\n[no](docs/losses.md)\n```\n"
        "![p](files/docs/images/report.png) cite [here](#inside)\n"
    )
    assert files == [pages.ROOT / "docs/images/report.png"]
    deeper, _ = pages.for_site("[d](../../docs/losses.md)", pages.ROOT / "experiments/lee2020/README.md", names)
    assert deeper == "[d](../losses.md)\n"


def test_a_dead_link_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    page = tmp_path / "a.md"
    page.write_text("[b](b.md) [c](c.md#d) [e](https://e.example)\n```\n[f](f.md)\n```\n")
    (tmp_path / "b.md").write_text("")
    assert pages.dead_links(page) == ["a.md links to c.md#d, which is missing."]


@pytest.mark.parametrize("package", components.PAGES)
def test_every_public_component_is_in_the_reference(package):
    page = components.package_page(package)
    module = importlib.import_module(f"depthbench.{package}")
    for name in module.__all__:
        if callable(getattr(module, name)):
            assert f"\n## {name}\n\n::: depthbench." in page


def test_every_key_with_a_value_has_a_meaning():
    files = [CONF / "config.yaml", *FILES]
    silent = [
        f"{path.relative_to(CONF)}: {key.name}"
        for path, found in meanings.described_files(files).items()
        for key in found
        if key.value and not key.comment and key.name.split(".")[0] != "hydra"
    ]
    assert silent == []


def test_a_meaning_comes_from_the_comment_then_from_the_class_then_from_another_file(tmp_path):
    (tmp_path / "loss").mkdir()
    (tmp_path / "scale").mkdir()
    loss, scale = tmp_path / "loss" / "a.yaml", tmp_path / "scale" / "b.yaml"
    loss.write_text(
        "_target_: depthbench.losses.BerHu\nc: 0.2 # of mine\nthreshold: batch\ninner:\n"
        "  _target_: depthbench.losses.L1\n"
    )
    scale.write_text("# @package _global_\nloss:\n  c: 0.3\n  unheard: 1\n")
    found = meanings.described_files([loss, scale])
    named = {key.name: key for key in found[loss]}
    assert list(named) == ["c", "threshold", "inner"]
    assert named["c"].comment == "of mine"
    assert named["threshold"].comment.startswith("``batch`` (one c for the batch of all processes")
    assert named["inner"].value == "depthbench.losses.L1"
    assert named["inner"].comment.startswith("Mean of |e|")
    assert {key.name: key.comment for key in found[scale]} == {"loss": "", "loss.c": "of mine", "loss.unheard": ""}


def test_arguments_are_read_from_a_docstring():
    class Base:
        """Head.

        Args:
            a: of the base, on
                two lines.
            b (int): changed below.
        """

    class Made(Base):
        """Head: no argument.

        Args:
            b: see :func:`~x.y.plain`. More.
            **rest: others.

        Returns:
            c: nothing.
        """

    assert docstrings.arguments_of(Made) == {
        "a": "of the base, on two lines.",
        "b": "see `plain`. More.",
        "rest": "others.",
    }
    assert docstrings.first_sentence("e.g. a value. Another one.") == "e.g. a value."


@pytest.mark.parametrize("package", components.PAGES)
def test_no_reference_of_sphinx_is_left_in_a_table(package):
    assert not re.search(r":(?:class|func|meth|mod|data|attr|obj|exc):", components.package_page(package))

"""Compositions that tests share: Hydra needs a sixth of a second for one, and thousands of tests ask for the same."""

import io
import pickle
import re
import tempfile
from collections import OrderedDict
from contextlib import contextmanager

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore

from depthbench.config.compose import config_dir

KEPT = 1000  # compositions of 30 kB
# A folder of a test, as the value of a key that composes nothing: tests that differ in it alone share a composition.
PLACE = re.compile(rf"((?:data\.\w+|output)=)({re.escape(tempfile.gettempdir())}(?:/[\w.-]+)+)")


@contextmanager
def composed_once():
    """Within it, `conf` is composed once by the same words, and then copied; other folders are always read."""
    load, kept = ConfigLoaderImpl.load_configuration, OrderedDict()

    def load_once(self, config_name, overrides, run_mode, *arguments, **named):
        searched = [(place.provider, place.path) for place in self.config_search_path.get_path()]
        if any(_of_a_test(path) for _, path in searched):
            return load(self, config_name, overrides, run_mode, *arguments, **named)
        stored = [node for node in _stored(ConfigStore.instance().repo) if node.provider != "depthbench"]
        alike, places = _with_marks(overrides)
        key = (repr((searched, config_name, alike, run_mode, arguments, named)), *map(id, stored))
        if key not in kept:
            composed = load(self, config_name, alike, run_mode, *arguments, **named)
            file = io.BytesIO()
            _Keeping(file).dump(composed)
            kept[key] = file.getvalue(), stored
            if len(kept) > KEPT:
                kept.popitem(last=False)
        return _Copying(kept[key][0], places).load()

    ConfigLoaderImpl.load_configuration = load_once
    try:
        yield
    finally:
        ConfigLoaderImpl.load_configuration = load


def _with_marks(overrides):
    """The overrides with a mark in the place of each folder of a test, and the folders by mark."""
    alike, places = [], {}
    for override in overrides:
        if found := PLACE.fullmatch(override):
            mark = f"{MARK}{len(places):02d}"
            places[mark] = found[2]
            override = found[1] + mark
        alike.append(override)
    return alike, places


MARK = "/composed/for/tests/"


class _Keeping(pickle.Pickler):
    def persistent_id(self, value):
        return value if isinstance(value, str) and MARK in value else None


class _Copying(pickle.Unpickler):
    def __init__(self, kept, places):
        super().__init__(io.BytesIO(kept))
        self.places = places

    def persistent_load(self, text):
        for mark, place in self.places.items():
            text = text.replace(mark, place)
        return text


def _of_a_test(path):
    place = (path or "").removeprefix("file://")
    return place.startswith("/") and place != str(config_dir())


def _stored(repo):
    """Configurations that Python has made: with an option that a test adds, the same words compose something else."""
    for node in repo.values():
        if isinstance(node, dict):
            yield from _stored(node)
        else:
            yield node

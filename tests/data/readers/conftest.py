"""Made-up files that several tests of readers share."""

import pytest

from tests.data.published_sets import FORMS


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """Each form of each published set, written once: a function from its name to what it must deliver."""
    written = {}

    def write(name):
        if name not in written:
            written[name] = FORMS[name](tmp_path_factory.mktemp(name.replace(" ", "_")))
        return written[name]

    return write

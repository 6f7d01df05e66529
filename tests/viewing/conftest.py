from threading import Thread

import pytest

from depthbench.viewing.server import PageServer
from tests.browser import Browser


@pytest.fixture
def serve():
    """A function that serves files on this machine and returns the server."""
    running = []

    def start(files):
        server = PageServer(files)
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One browser for all tests of a file."""
    opened = Browser(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.close()


@pytest.fixture
def page(browser):
    """A page of the usual size."""
    browser.show()
    return browser

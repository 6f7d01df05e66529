"""A server of the standard library, for browsers on this machine and for nobody else."""

import os
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from depthbench.errors import UserError
from depthbench.viewing.page import Served

ADDRESS = "127.0.0.1"
_HOSTS = ("127.0.0.1", "localhost")  # another name that leads here is another page's trick: DNS rebinding
_SECONDS = 30  # that a browser may be silent in the middle of a request
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class PageServer(ThreadingHTTPServer):
    """Serves the given files below a path that can't be guessed, to browsers on this machine.

    Args:
        files: by name; no other name is answered, and no file of the disk is opened.
        port: 0 for any that is free.

    Attributes:
        url: of the page.

    Raises:
        UserError: if the port is in use or not allowed.

    Example:
        >>> from urllib.request import urlopen
        >>> from threading import Thread
        >>> from depthbench.viewing.page import Served
        >>> server = PageServer({"": Served("text/plain", b"hello")})
        >>> Thread(target=server.serve_forever).start()
        >>> urlopen(server.url).read()
        b'hello'
        >>> server.shutdown(); server.server_close()
    """

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # on Windows two programs would share the port

    def __init__(self, files: Mapping[str, Served], port: int = 0) -> None:
        self.root = f"/{secrets.token_urlsafe(12)}/"
        self.show(files)
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(f"Port {port} can't be taken ({reason}); leave --port out, or choose another.") from None
        self.url = f"http://{ADDRESS}:{self.server_port}{self.root}"

    def show(self, files: Mapping[str, Served]) -> None:
        """Serve other files."""
        self.files = {self.root + name: content for name, content in files.items()}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer is no error."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _SECONDS
    server_version, sys_version = "depthbench", ""
    server: PageServer

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def _answer(self, with_content: bool) -> None:
        host = self.headers.get("Host", "").rpartition(":")
        if (host[0] or host[2]) not in _HOSTS:
            self._send(HTTPStatus.FORBIDDEN, Served("text/plain", b"This page is only for this machine."), with_content)
            return
        found = self.server.files.get(self.path)
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, Served("text/plain", b"There is no such page."), with_content)
            return
        self._send(HTTPStatus.OK, found, with_content)

    def _send(self, status: HTTPStatus, served: Served, with_content: bool) -> None:
        self.send_response(status)
        text = served.media.startswith(("text/", "application/json"))
        self.send_header("Content-Type", f"{served.media}; charset=utf-8" if text else served.media)
        self.send_header("Content-Length", str(len(served.content)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if with_content:
            self.wfile.write(served.content)

    def log_message(self, *_: Any) -> None:
        """Nothing: the terminal is the user's."""

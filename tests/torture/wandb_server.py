"""A stand-in for W&B's server that answers what its client asks in a run, until it fails in a chosen way."""

import contextlib
import http.server
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

SLOW = 1.0  # seconds
ENTITY = {"id": "entity", "name": "me"}
PROJECT = {"id": "project", "name": "depthbench", "entity": ENTITY}
BUCKET = {"id": "bucket", "name": "run", "displayName": "run", "description": "", "config": "{}", "sweepName": "",
          "project": PROJECT, "historyLineCount": 0}  # fmt: skip
ANSWERS: dict[str, Any] = {
    "Viewer": {"viewer": {"id": "user", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}},
    "RunResumeStatus": {"model": {**PROJECT, "bucket": None}},
    "ServerFeaturesQuery": {"serverInfo": {"features": []}},
    "ServerInfo": {"serverInfo": {"cliVersionInfo": {"max_cli_version": "9"}, "latestLocalVersionInfo": None}},
}


class Server(http.server.ThreadingHTTPServer):
    """Serves until a request's number is reached; then it does what ``kind`` says."""

    daemon_threads = True

    def __init__(self, kind: str, last: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kind, self.last, self.asked = kind, last, list[str]()

    @property
    def failed(self) -> bool:
        """Whether it has reached the request at which it fails."""
        return len(self.asked) >= self.last

    def handle_error(self, *arguments: Any) -> None:
        pass


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")
        found = re.search(r"(?:query|mutation) (\w+)", body) if self.path.endswith("graphql") else None
        operation = found[1] if found else self.path
        self.server.asked.append(operation)
        kind = self.server.kind
        if kind == "slow":
            time.sleep(SLOW)
        if kind in ("slow", "healthy") or not self.server.failed:
            self._answer(200, {"data": _answer_to(operation, body, self.headers["Host"])} if found else {})
        elif kind == "dies":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._answer(403 if kind == "forbids" else 500, {"error": "no"})

    do_GET = do_POST = do_PUT = _serve

    def _answer(self, code: int, content: Any) -> None:
        data = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        pass


def _answer_to(operation: str, body: str, host: str) -> dict[str, Any]:
    variables = json.loads(body).get("variables") or {}
    if operation == "UpsertBucket":
        name = variables.get("name") or "run"
        return {"upsertBucket": {"bucket": BUCKET | {"name": name, "displayName": name}, "inserted": True}}
    if operation == "CreateRunFiles":
        named = enumerate(variables["files"])
        files = [{"name": name, "uploadUrl": f"http://{host}/storage/{index}"} for index, name in named]
        return {"createRunFiles": {"runID": "run", "uploadHeaders": [], "files": files}}
    return ANSWERS.get(operation, {})


@contextlib.contextmanager
def serve(kind: str, last: int) -> Iterator[tuple[str, list[str]]]:
    """A server's address, and a list of what it is asked.

    Args:
        kind: ``closed`` (nobody listens), ``silent`` (accepts, never answers), ``broken`` (answers 500), ``slow``,
            ``healthy``; and at the request ``last`` and from there on: ``dies`` (breaks off), ``breaks`` (answers 500),
            ``forbids`` (answers 403).
        last: number of that request, from 1; 0 for kinds that are bad from their beginning.
    """
    if kind in ("closed", "silent"):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            if kind == "closed":
                listening.close()
            yield address, []
        return
    server = Server(kind, last)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.asked
    finally:
        server.shutdown()
        server.server_close()

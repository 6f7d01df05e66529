"""A hub on this machine: repositories in memory, the few addresses that uploading and downloading need."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


class Hub(BaseHTTPRequestHandler):
    repositories: ClassVar[dict[str, dict[str, bytes]]] = {}
    asked: ClassVar[list[str]] = []

    def log_message(self, *args):
        pass

    def _answer(self, content, code=200, **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _here(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def _missing(self):
        self._answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")

    def do_POST(self):
        self.asked.append(self.path)
        body = self._body()
        if self.path.startswith("/api/repos/create"):
            told = json.loads(body)
            name = f"{told.get('organization') or 'somebody'}/{told['name']}"
            self.repositories.setdefault(name, {})
            self._answer({"url": f"{self._here()}/{name}", "name": name})
            return
        name, _, action = self.path.removeprefix("/api/models/").partition("/preupload/")
        if action:
            files = json.loads(body)["files"]
            modes = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in files]
            self._answer({"files": modes})
            return
        name, _, action = self.path.removeprefix("/api/models/").partition("/commit/")
        if action:
            for line in body.decode().splitlines():
                told = json.loads(line)
                if told["key"] == "file":
                    self.repositories[name][told["value"]["path"]] = base64.b64decode(told["value"]["content"])
            self._answer(
                {"commitUrl": f"{self._here()}/{name}/commit/{_sha(name)}", "commitOid": _sha(name), "success": True}
            )
            return
        self._answer({})

    def do_GET(self):
        self.asked.append(self.path)
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/"):
            name = "/".join(path.removeprefix("/api/models/").split("/")[:2])
            if name not in self.repositories:
                self._missing()
                return
            files = [
                {"rfilename": file, "type": "file", "path": file, "size": len(content), "oid": _hash(content)}
                for file, content in self.repositories[name].items()
            ]
            listed = files if "/tree/" in path else {"id": name, "sha": _sha(name), "siblings": files, "private": False}
            self._answer(listed)
            return
        parts = path.lstrip("/").split("/")
        if len(parts) >= 5 and parts[2] == "resolve" and "/".join(parts[:2]) in self.repositories:
            name, file = "/".join(parts[:2]), "/".join(parts[4:])
            content = self.repositories[name].get(file)
            if content is not None:
                self._answer(content, ETag=f'"{_hash(content)}"', X_Repo_Commit=_sha(name), Accept_Ranges="bytes")
                return
        self._missing()

    do_HEAD = do_GET


def _sha(name):
    content = b"".join(Hub.repositories[name][file] for file in sorted(Hub.repositories[name]))
    return _hash(content)


def _hash(content):
    return hashlib.sha1(content).hexdigest()


@contextmanager
def hub():
    """Its address."""
    Hub.repositories, Hub.asked = {}, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()

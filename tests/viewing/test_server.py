"""The server: only its own names, only this machine's browsers."""

import http.client
import json
import socket

import numpy as np
import pytest

from depthbench.errors import UserError
from depthbench.viewing.page import Served, page_files
from depthbench.viewing.scene import scene_of_runs
from depthbench.viewing.server import PageServer
from tests.report.conftest import write_run


def ask(server, path, method="GET", **headers):
    """Status, content and headers of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content, dict(answer.getheaders())


def test_only_its_own_names_are_served(serve, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text("secret")
    server = serve({"": Served("text/html", b"page"), "a": Served("image/png", b"picture")})
    assert ask(server, server.root)[:2] == (200, b"page")
    status, content, headers = ask(server, server.root + "a")
    assert (status, content, headers["Content-Type"]) == (200, b"picture", "image/png")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    below = server.root.rstrip("/")
    names = ["/secret", "/../secret", "/%2e%2e/secret", f"/{tmp_path}/secret", "/a?b", ""]
    for name in [*(below + name for name in names), "/", "/a", "/secret", "//etc/passwd"]:
        assert ask(server, name)[:2] == (404, b"There is no such page."), name
    assert ask(server, server.root, "HEAD")[:2] == (200, b"")
    assert ask(server, server.root, "POST")[0] == 501


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:8000", 200),  # through a tunnel it has another port
        ("evil.example", 403),
        ("evil.example:80", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:8000", 403),
        ("", 403),
    ],
)
def test_another_name_of_this_machine_is_refused(host, status, serve):
    server = serve({"": Served("text/html", b"page")})
    found, content, _ = ask(server, server.root, Host=host)
    assert found == status
    assert (content == b"page") == (status == 200)


def test_it_listens_on_this_machine_alone(serve):
    server = serve({"": Served("text/html", b"page")})
    assert server.server_address[0] == "127.0.0.1"
    other = PageServer({})
    other.server_close()
    assert other.root != server.root  # which no other user of this machine can guess
    assert len(server.root) > 16


def test_a_port_in_use_is_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} can't be taken .*; leave --port out, or choose another"):
            PageServer({}, port)


def test_the_files_of_a_run(tmp_path):
    """Maps as they are in the run, names as data, and no name of a file from it."""
    run = write_run(tmp_path, images=5)
    with np.load(run / "panels.npz") as file:
        kept = {key: file[key] for key in file.files}
    kept["name"][0] = "../x"
    kept["prediction"][0, 0, 0] = np.nan
    np.savez(run / "panels.npz", **kept)
    files = page_files(scene_of_runs([run]))
    frames = range(4)
    static = {"", "view.js", "points.js", "view.css", "scene.json"}
    assert set(files) == static | {f"{index}{part}" for index in frames for part in (".png", "-0", "-truth")}
    scene = json.loads(files["scene.json"].content)
    assert scene["frames"][0]["name"] == "../x"
    assert scene["frames"][1]["camera"] == pytest.approx([128 * 0.9, 128 * 0.9, 64, 48])
    for index in frames:
        for part, key in (("0", "prediction"), ("truth", "truth")):
            found = np.frombuffer(files[f"{index}-{part}"].content, "<f4").reshape(96, 128)
            np.testing.assert_array_equal(found, kept[key][index].astype(np.float32))
    for name in static - {"scene.json"}:
        assert b"http" not in files[name].content  # nothing from elsewhere

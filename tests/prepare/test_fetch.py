"""`prepare fetch` against a server of our own that interrupts, changes its mind and tells lies."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest

from depthbench.errors import UserError
from depthbench.prepare import fetch
from depthbench.prepare.__main__ import main
from depthbench.prepare.fetch_file import download
from depthbench.prepare.fetch_sources import SOURCES, File, Source

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Handler(BaseHTTPRequestHandler):
    """Serves ``server.mood.content``; closes the connection after ``cut`` bytes, as often as ``cuts`` says."""

    def do_GET(self):
        mood = self.server.mood
        asked = self.headers.get("Range")
        mood.asked.append(asked)
        if mood.fails:
            mood.fails -= 1
            self.send_error(mood.code)
            return
        start = 0
        if asked and mood.ranges and self.headers.get("If-Range") == mood.version:
            start = int(asked[len("bytes=") : -1])
        if start >= len(mood.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(mood.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(mood.content) - 1}/{len(mood.content)}")
        self.send_header("Content-Length", str(len(mood.content) - start))
        if mood.version:
            self.send_header("ETag", mood.version)
        self.end_headers()
        stop = len(mood.content)
        if mood.cuts:
            mood.cuts -= 1
            stop = start + mood.cut
        self.wfile.write(mood.content[start:stop])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    mood = SimpleNamespace(
        content=CONTENT, version='"1"', ranges=True, cuts=0, cut=700_000, fails=0, code=500, asked=[], url=""
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.mood = mood
        mood.url = f"http://127.0.0.1:{running.server_port}/data.zip"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield mood
        running.shutdown()
        thread.join()


def get(server, folder, digest=SHA, **options):
    return download(File(server.url, digest), folder, **{"tries": 2, "pause": 0.0} | options)


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_and_is_not_asked_for_again(server, tmp_path):
    told = []
    path = get(server, tmp_path, tell=lambda done, total: told.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert left(tmp_path) == ["data.zip"]
    get(server, tmp_path)
    assert server.asked == [None]


def test_cut_connections_lose_nothing(server, tmp_path):
    server.cuts = 3
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=700000-", "bytes=1400000-", "bytes=2100000-"]


def test_stopped_and_started_again(server, tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(server, tmp_path, tell=interrupt)
    assert left(tmp_path) == ["data.zip.part", "data.zip.version"]
    have = (tmp_path / "data.zip.part").stat().st_size
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={have}-"]


def test_a_file_that_changed_meanwhile_is_taken_from_its_beginning(server, tmp_path):
    (tmp_path / "data.zip.part").write_bytes(b"old" * 1000)
    (tmp_path / "data.zip.version").write_text('"0"')
    assert get(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("version", ['"1"', None, 'W/"1"'])
def test_a_server_without_ranges(server, tmp_path, version):
    server.ranges, server.version, server.cuts = False, version, 1
    assert get(server, tmp_path).read_bytes() == CONTENT


def test_complete_but_not_yet_renamed(server, tmp_path):
    (tmp_path / "data.zip.part").write_bytes(CONTENT)
    (tmp_path / "data.zip.version").write_text('"1"')
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT)}-"]


def test_a_rest_that_is_too_long(server, tmp_path):
    (tmp_path / "data.zip.part").write_bytes(CONTENT + b"more")
    (tmp_path / "data.zip.version").write_text('"1"')
    assert get(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "md5:" + "0" * 32])
def test_a_wrong_checksum(server, tmp_path, digest):
    with pytest.raises(UserError, match="is not the expected file"):
        get(server, tmp_path, digest)
    assert left(tmp_path) == []


def test_without_a_published_checksum_the_first_is_kept(server, tmp_path):
    get(server, tmp_path, None).unlink()
    assert SHA.endswith((tmp_path / "data.zip.sha256").read_text().split()[0])
    server.content = CONTENT[:-1] + b"x"
    with pytest.raises(UserError, match="is not the expected file"):
        get(server, tmp_path, None)


def test_a_wrong_size(server, tmp_path):
    with pytest.raises(UserError, match="3,000,000 bytes instead of 5"):
        download(File(server.url, SHA, 5), tmp_path)


def test_not_found(server, tmp_path):
    server.fails, server.code = 9, 404
    with pytest.raises(UserError, match="404"):
        get(server, tmp_path)
    assert server.asked == [None]


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.fails, server.code = 1, 503
    assert get(server, tmp_path).read_bytes() == CONTENT
    (tmp_path / "data.zip").unlink()
    server.fails = 9
    with pytest.raises(UserError, match="run the same command again later"):
        get(server, tmp_path)


def test_nobody_there(tmp_path):
    with pytest.raises(UserError, match="can't be reached"):
        download(File("http://127.0.0.1:9/data.zip"), tmp_path, tries=1)
    with pytest.raises(UserError, match="not an address"):
        download(File("file:///etc/passwd"), tmp_path)


def test_the_command(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(fetch.SOURCES, "own", Source("the page", "the terms", (File(server.url, SHA),), "Unpack it."))
    where = ["fetch", "data=own", f"output={tmp_path / 'new'}"]
    assert main(where) == 2
    assert "then append terms=accepted" in capsys.readouterr().err
    assert server.asked == []
    assert main([*where, "terms=accepted"]) == 0
    said = capsys.readouterr().out
    assert "the terms" in said
    assert said.endswith("Unpack it.\n")
    assert (tmp_path / "new" / "data.zip").read_bytes() == CONTENT


def test_every_data_set_is_described(capsys):
    assert main(["fetch"]) == 0
    said = capsys.readouterr().out
    for name, source in SOURCES.items():
        assert f"data={name}\n" in said
        assert source.page in said
        assert source.terms in said
        for file in source.files:
            assert file.name


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["data=nyu_labelled"], "did you mean nyu_labeled"),
        (["data=matterport3d", "output=x", "terms=accepted"], "can't be downloaded by a program"),
        (["output=x"], "append data=NAME"),
        (["nonsense"], "data=..., output=..., terms=..."),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments, says, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["fetch", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert left(tmp_path) == []

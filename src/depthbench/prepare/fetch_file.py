"""Download one file so that an interruption loses nothing and a wrong content is never taken for the right one."""

import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from depthbench.errors import UserError
from depthbench.files import write_atomically
from depthbench.prepare.fetch_sources import File

_CHUNK = 1 << 20
_SECONDS = 60.0
_RANGE_UNUSABLE = 416
_RETRIED = (http.client.HTTPException, ConnectionError, TimeoutError)

Tell = Callable[[int, int | None], None]


def download(file: File, folder: Path, tell: Tell = lambda done, total: None, tries: int = 5, pause: float = 2) -> Path:
    """The file in the folder, downloaded if it is not there.

    Received bytes are kept in ``NAME.part``, and the server's version of the file in ``NAME.version``. The next start
    asks for the rest if the file is still the same. If no digest is published, that of the first download is kept in
    ``NAME.sha256``.

    Args:
        file: to download.
        folder: where to.
        tell: called with the bytes that are there and the total, if known.
        tries: in a row without a single new byte.
        pause: seconds between them, doubled each time.

    Raises:
        UserError: if the server refuses or can't be reached, the content is not the expected one, or the disk is full.
    """
    if not file.url.startswith(("http://", "https://")):
        raise UserError(f"{file.url} is not an address of http or https.")
    target, part = folder / file.name, folder / f"{file.name}.part"
    if target.exists():
        return target
    failures = 0
    while True:
        before = _size(part)
        try:
            _receive(file, part, tell)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise UserError(
                    f"{file.url} can't be downloaded: {error.code} {error.reason}; look at its page."
                ) from None
            problem: Exception = error
        except (urllib.error.URLError, *_RETRIED) as error:
            problem = error
        failures = 0 if _size(part) > before else failures + 1
        if failures >= tries:
            told = getattr(problem, "reason", problem)
            raise UserError(
                f"{file.url} can't be reached ({told}); run the same command again later; it continues where it "
                "stopped."
            )
        time.sleep(pause * 2 ** max(0, failures - 1))
    _check(file, part)
    part.replace(target)
    _version(part).unlink(missing_ok=True)
    return target


def _receive(file: File, part: Path, tell: Tell) -> None:
    """Everything that is still missing; raises one of ``_RETRIED`` if the connection ends before that."""
    have, known = _size(part), _version(part)
    headers = {"User-Agent": "depthbench", "Accept-Encoding": "identity"}
    if have and known.exists():
        # If the file has changed since, the server sends it from its beginning.
        headers |= {"Range": f"bytes={have}-", "If-Range": known.read_text()}
    try:
        response = urllib.request.urlopen(urllib.request.Request(file.url, headers=headers), timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        total = (error.headers.get("Content-Range") or "").rpartition("/")[2]
        if error.code != _RANGE_UNUSABLE or not have:
            raise
        if total == str(have):
            return
        part.unlink()
        raise ConnectionError("the earlier part is longer than the file") from None
    with response:
        goes_on = response.status == http.HTTPStatus.PARTIAL_CONTENT
        if goes_on and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.unlink()
            raise ConnectionError("the server sent a part that was not requested")
        start = have if goes_on else 0
        length = response.headers.get("Content-Length")
        total_bytes = start + int(length) if length and length.isdigit() else None
        if file.size is not None and total_bytes not in (None, file.size):
            raise UserError(f"{file.url} has {total_bytes:,} bytes instead of {file.size:,}; it was replaced or moved.")
        if total_bytes and total_bytes - start > shutil.disk_usage(part.parent).free:
            raise UserError(f"{part.parent} has no room for the {(total_bytes - start) / 1e9:.1f} GB of {file.name}.")
        version = response.headers.get("ETag") or response.headers.get("Last-Modified")
        # A weak ETag promises no equal bytes.
        if version and not version.startswith("W/"):
            write_atomically(known, version)
        elif not goes_on:
            known.unlink(missing_ok=True)
        with part.open("ab" if goes_on else "wb") as out:
            while chunk := response.read(_CHUNK):
                out.write(chunk)
                start += len(chunk)
                tell(start, total_bytes)
    if total_bytes is not None and start < total_bytes:
        raise ConnectionError(f"the connection ended after {start:,} of {total_bytes:,} bytes")


def _check(file: File, part: Path) -> None:
    """Size and digest; a wrong file is deleted, because its download can't be continued."""
    size, digest = _size(part), file.digest
    memory = part.with_name(f"{file.name}.sha256")
    if digest is None and memory.exists():
        digest = f"sha256:{memory.read_text().split()[0]}"
    kind, _, wanted = (digest or "sha256:").partition(":")
    with part.open("rb") as content:
        found = hashlib.file_digest(content, kind).hexdigest()
    if (file.size is not None and size != file.size) or (wanted and found != wanted):
        part.unlink()
        _version(part).unlink(missing_ok=True)
        want = wanted or f"{file.size:,} bytes"
        raise UserError(
            f"{file.url} is not the expected file ({kind} {found}, {size:,} bytes; expected {want}); deleted."
        )
    if not digest:
        write_atomically(memory, f"{found}  {file.name}\n")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _version(part: Path) -> Path:
    return part.with_suffix(".version")

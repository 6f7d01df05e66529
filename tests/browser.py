"""A real browser without a window, driven by its DevTools protocol over a pipe: no package, no port."""

import base64
import json
import os
import shutil
import subprocess
import time
from itertools import count
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FOUND = next((path for name in NAMES if (path := shutil.which(name))), None)
MISSING = "no Chromium or Chrome is installed"
PATIENCE = 60  # seconds


class Browser:
    """One browser with one page.

    Args:
        profile: a folder for its files.
    Attributes:
        complaints: errors and warnings of the page's scripts.
        requested: addresses that the page asked for.
    """

    def __init__(self, profile: Path) -> None:
        assert FOUND, MISSING
        read, self._write = os.pipe()
        self._read, write = os.pipe()

        def give_pipes() -> None:  # the browser reads commands from 3 and writes answers to 4
            ends = os.dup(read), os.dup(write)
            for place, end in zip((3, 4), ends, strict=True):
                os.dup2(end, place)

        self._process = subprocess.Popen(
            [
                FOUND,
                "--headless",
                "--no-sandbox",
                "--remote-debugging-pipe",
                "--enable-unsafe-swiftshader",
                "--disable-background-networking",
                "--no-first-run",
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            preexec_fn=give_pipes,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read)
        os.close(write)
        os.set_blocking(self._read, False)
        self._ids, self._rest, self._session = count(1), b"", None
        self.complaints: list[str] = []
        self.requested: list[str] = []
        target = next(one for one in self("Target.getTargets")["targetInfos"] if one["type"] == "page")
        attached = self("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self(f"{domain}.enable")
        self.show()

    def show(self, size: tuple[int, int] = (1280, 800), dark: bool = False) -> None:
        """The size of the page, and whether its reader prefers dark colors; nothing moves by itself."""
        self("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        features.append({"name": "prefers-reduced-motion", "value": "reduce"})
        self("Emulation.setEmulatedMedia", features=features)

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its answer."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for answer in self._answers():
                if answer.get("id") == number:
                    assert "error" not in answer, answer
                    return answer["result"]
        raise TimeoutError(method)

    def _answers(self) -> list[dict[str, Any]]:
        try:
            self._rest += os.read(self._read, 1 << 20)
        except BlockingIOError:
            time.sleep(0.01)
        *whole, self._rest = self._rest.split(b"\0")
        found = [json.loads(text) for text in whole]
        for event in found:
            self._note(event)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        about = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(about["exceptionDetails"]["text"])
        elif event.get("method") == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            if "GPU stall" not in about["entry"]["text"]:  # of the renderer in software, when a picture is taken
                self.complaints.append(about["entry"]["text"])
        elif event.get("method") == "Network.requestWillBeSent":
            self.requested.append(about["request"]["url"])

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression in the page, awaited where it is a promise."""
        found = self("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + PATIENCE
        while not self.evaluate(script):
            assert time.monotonic() < until, f"never: {script}"
            time.sleep(0.05)

    def open(self, url: str, ready: str) -> None:
        """Open a page, until an expression is true in it; complaints and addresses are of this page from then on."""
        self.complaints, self.requested = [], []
        self("Page.navigate", url=url)
        self.wait(ready)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """``mousePressed``, ``mouseMoved``, ``mouseReleased`` at a place of the page."""
        self("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1, **more)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press, move and release the mouse."""
        self.mouse("mousePressed", *start)
        self.mouse("mouseMoved", *end, buttons=1)
        self.mouse("mouseReleased", *end)

    def picture(self, path: Path | None = None) -> bytes:
        """A PNG of the visible part of the page."""
        content = base64.b64decode(self("Page.captureScreenshot", format="png")["data"])
        if path:
            path.write_bytes(content)
        return content

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

"""A viewer's server, asked without a network."""

from __future__ import annotations

import asyncio
import atexit
import base64
import functools
import io
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from stylize.viewer.server import Viewer
from tests.support.made_rows import row

ID = "0123456789abcdef" * 2


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """One loop, with its thread, for all requests: of their own they would take most of a request's time."""
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop


class Opened:
    """A viewer over some runs, asked as a browser on this machine would ask it."""

    def __init__(self, *outs: str, cache: Path, trusted: bool = False, folders: dict[Path, str] | None = None) -> None:
        runs = folders or {Path(out): out for out in outs}
        self.viewer = Viewer(runs, cache, trusted=trusted)
        transport = httpx.ASGITransport(self.viewer.app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8340")

    def ask(self, verb: str, path: str, **more: Any) -> httpx.Response:
        return _loop().run_until_complete(self._client.request(verb, path, **more))

    def get(self, path: str = "", **more: Any) -> httpx.Response:
        return self.ask("GET", f"/{self.viewer.token}/{path}", **more)

    def data(self, path: str) -> Any:
        """What a data file hands to the page."""
        path = path if path == "index" else f"{self.viewer.site.base}{path}"
        answer = self.get(f"{path}.js")
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text.partition(", ")[2].removesuffix(");\n"), parse_constant=str)

    def texts(self, name: str) -> list[str | None]:
        """A column of texts."""
        raw = self.data(f"columns/{name}")
        codes = np.frombuffer(base64.b64decode(raw["data"]), "<u4")
        return [None if code == 0xFFFFFFFF else raw["names"][code] for code in codes]

    def picture(self, path: str) -> Image.Image | None:
        answer = self.get(f"{self.viewer.site.base}{path}")
        return Image.open(io.BytesIO(answer.content)) if answer.status_code == 200 else None

    def vote(self, choice: str = "left", headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        body = {"vote_id": ID, "voter": "Ada", "choice": choice, **on(2, 3)} | more
        told = {"Content-Type": "application/json"} | (headers or {})
        return self.ask("POST", f"/{self.viewer.token}/votes", content=json.dumps(body), headers=told)


def on(left: int, right: int) -> dict[str, Any]:
    """What a vote says of the rows of these numbers."""
    sides = (("left", left), ("right", right))
    return {
        name: value
        for side, number in sides
        for name, value in ((f"{side}_run_id", "r"), (f"{side}_task_id", row(number)["task_id"]))
    }

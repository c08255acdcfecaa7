"""A viewer's server, asked without a network."""

from __future__ import annotations

import asyncio
import base64
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


class Opened:
    """A viewer over some runs, asked as a browser on this machine would ask it."""

    def __init__(self, *outs: str, cache: Path, trusted: bool = False, folders: dict[Path, str] | None = None) -> None:
        runs = folders or {Path(out): out for out in outs}
        self.viewer = Viewer(runs, cache, trusted=trusted)

    def ask(self, verb: str, path: str, **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.viewer.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8340") as client:
                return await client.request(verb, path, **more)

        return asyncio.run(asked())

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

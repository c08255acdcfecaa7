"""The page's server: on the loopback address, for who knows its token, and read-only but for votes."""

from __future__ import annotations

import hmac
import re
import secrets
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from stylize.errors import CannotContinueError, StylizeError, UsageError
from stylize.io.location import LocalPath, as_location
from stylize.results.parts import part_paths
from stylize.viewer.ballot import Ballot
from stylize.viewer.media import Media
from stylize.viewer.site import Site
from stylize.viewer.table import Table

HOSTS = {"127.0.0.1", "localhost", "[::1]"}
MOST_BODY_BYTES = 10_000
_HOST = re.compile(r"(\[[0-9a-f:]+\]|[^:]+)(:\d{1,5})?")
_HEADERS = {
    # The pages run their own scripts alone, and nothing of them is put into other pages.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_WRONG_ADDRESS = (
    "wrong address: a viewer has a new one each time it is started. Open the one that it printed last, in this "
    "browser, which has kept votes that were not taken"
)
_GONE = "the rows have changed: reload the page"


class Viewer:
    """The ASGI application `app`, of HTTP alone, over some runs; `token` is the first part of every path.

    runs: the folder with a run's rows -> its OUT. trusted, stores: as `Media` has them. Raises as `Table` does.
    """

    def __init__(
        self, runs: Mapping[Path, str], cache: Path, *, trusted: bool = False, stores: Sequence[str] = ()
    ) -> None:
        self.token = secrets.token_urlsafe(24)
        self._runs, self._cache, self._trusted, self._stores = dict(runs), cache, trusted, stores
        self._lock = threading.Lock()
        self._version = 0
        self._load()
        self._pages = Starlette(
            routes=[
                Route("/{token}/votes", self._votes, methods=["GET"]),
                Route("/{token}/votes", self._vote, methods=["POST"]),
                Route("/{token}/{path:path}", self._get, methods=["GET"]),
            ],
            exception_handlers={StylizeError: _told},
        )

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer who may ask, in threads, as pictures take a moment; every answer keeps other pages out."""

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await (self._refusal(Request(scope)) or self._pages)(scope, receive, secured)

    def _refusal(self, request: Request) -> Response | None:
        host = _HOST.fullmatch(request.headers.get("host", "").lower())
        # A name that leads here may be another's, whose pages would then have this one's origin.
        if host is None or host[1] not in HOSTS:
            return PlainTextResponse("this is served to this machine alone: open it as 127.0.0.1", 403)
        token = request.scope["path"].removeprefix("/").partition("/")[0]
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            return PlainTextResponse(_WRONG_ADDRESS, 403)
        return None

    def _load(self) -> None:
        # Seen before they are read, as others may come meanwhile; those that cannot be read are tried again.
        seen = self._parts()
        table = Table(self._runs)
        self._seen = seen
        self._version += 1
        media = Media(table, self._cache, trusted=self._trusted, stores=self._stores)
        self.site, self.ballot = Site(table, media, version=self._version, live=True), Ballot(table)

    def _parts(self) -> list[tuple[Path, int, int]]:
        """Return what tells whether rows have come since. Copies of those in a store stay as they are."""
        homes = [folder for folder, home in self._runs.items() if isinstance(as_location(home), LocalPath)]
        try:
            paths = [path for folder in homes for path in part_paths(folder / "rows")]
            return [(path, status.st_mtime_ns, status.st_size) for path in paths for status in (path.stat(),)]
        except OSError:
            return []  # as a compaction removes one

    def _get(self, request: Request) -> Response:
        path = request.path_params["path"]
        if path in ("", "index.html"):
            with self._lock:
                if (now := self._parts()) and now != self._seen:
                    self._load()
        site = self.site
        file = site.get(path)
        if file is None:
            gone = re.match(r"v\d+/", path) and not path.startswith(site.base)
            return PlainTextResponse(_GONE if gone else "no such file", 410 if gone else 404)
        kept = path.startswith(site.base) and "text/" not in file.type
        caching = "private, max-age=86400" if kept else "no-store"
        return Response(file.data, media_type=file.type, headers={"Cache-Control": caching})

    def _votes(self, request: Request) -> Response:
        # They name rows by number: to a page of older rows those would be others.
        if request.query_params.get("of", self.site.base) != self.site.base:
            return PlainTextResponse(_GONE, 410)
        return JSONResponse(self.ballot.votes())

    async def _vote(self, request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{request.headers.get('host')}":
            return PlainTextResponse("votes are taken from the page alone", 403)
        if request.headers.get("content-type") != "application/json":
            return PlainTextResponse("expected JSON", 415)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BODY_BYTES:
                return PlainTextResponse("too long for a vote", 413)
        answer = await run_in_threadpool(self.ballot.add, body)
        if answer == "of other runs":
            return PlainTextResponse("these rows are not of the runs that are shown", 409)
        return JSONResponse({"taken": answer == "taken"})


def _told(request: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 400 if isinstance(error, UsageError) else 503)


def listening(port: int) -> socket.socket:
    """Return a socket on the loopback address; port 0 for any that is free. Raises CannotContinueError."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
        sock.listen(128)  # from now on: who opens the address a moment too early waits
    except OSError as error:
        sock.close()
        raise CannotContinueError(f"port {port} is not free ({error.strerror}): give another --port") from None
    return sock


def server(viewer: Viewer) -> uvicorn.Server:
    """Return what answers once it is run, until Ctrl-C, SIGTERM or its `should_exit`."""
    return uvicorn.Server(
        uvicorn.Config(
            viewer.app,
            interface="asgi3",
            ws="none",
            lifespan="off",
            log_level="error",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )

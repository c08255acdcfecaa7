"""An S3 server on the loopback address, and a proxy before it that puts faults in between."""

from __future__ import annotations

import contextlib
import http.client
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from stylize.io import retry, store_kinds
from stylize.io.retry import RetryPolicy

QUICK = RetryPolicy(attempts=7, first_pause_s=0.02, longest_pause_s=0.1, total_s=60, request_s=60)
"""What this process waits with meanwhile; jobs that it starts wait as they always do."""
REFUSED = b"<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>KEY-ID-HERE</AWSAccessKeyId></Error>"


class Answering(BaseHTTPRequestHandler):
    """One connection of a `Proxy`."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Answer a request of any verb."""
        raise NotImplementedError

    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes, cut: bool = False) -> None:
        """Send an answer, or with `cut` half of its body. To HEAD goes no body: it would pass for the next answer."""
        self.send_response_only(status)
        length = str(len(body))
        for name, value in headers:
            if name.lower() == "content-length":
                length = value if self.command == "HEAD" else length
            elif name.lower() not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(ConnectionError):  # of several parts that go at once, one's failure ends all
                self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = cut

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = lambda self: self.answer()  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


class Proxy:
    """A server on the loopback address, in threads of this process; `url` leads to it."""

    def __init__(self, handler: type[Answering]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        # How often it looks whether it is to end, which `close` waits for.
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


class FaultyS3(Proxy):
    """`url` leads to the server through the proxy.

    `faults` are used up one per request: a status, the body of a 403, seconds to wait, "cut" a body, "lose" the answer,
    something to call before the server is asked, or None. All requests whose verb and path hold `failing` get a 503.
    """

    def __init__(self, target: int) -> None:
        self.faults: list[int | float | str | bytes | Callable[[], object] | None] = []
        self.failing: str | None = None
        self.requests = 0
        self.authorizations: list[str] = []
        self.ranges: list[str | None] = []
        outer = self

        class Handler(Answering):
            def answer(self) -> None:
                outer.requests += 1
                outer.authorizations.append(self.headers.get("Authorization") or "")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fault = outer.faults.pop(0) if outer.faults else None
                if outer.failing is not None and outer.failing in f"{self.command} {self.path}":
                    fault = 503
                outer.ranges.append(self.headers.get("Range"))
                if callable(fault):
                    fault()
                if isinstance(fault, float):
                    time.sleep(fault)
                if isinstance(fault, int | bytes):
                    self.reply(*((fault, [], REFUSED) if isinstance(fault, int) else (403, [], fault)))
                    return
                with_server = http.client.HTTPConnection("127.0.0.1", target, timeout=30)
                with_server.request(self.command, self.path, body, dict(self.headers))
                answer = with_server.getresponse()
                if fault == "lose":
                    answer.read()
                    self.reply(503, [], b"")
                    return
                self.reply(answer.status, answer.getheaders(), answer.read(), cut=fault == "cut")
                with_server.close()

        super().__init__(Handler)


class Bucket:
    """A bucket of its own on the server, seen by this process as AWS's environment variables say."""

    name = "pictures"

    def __init__(self, s3: FaultyS3, client: Any) -> None:
        self.s3 = s3
        self.client = client

    def upload(self, folder: Path, prefix: str) -> str:
        """All files below `folder`; returns the URI."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return f"s3://{self.name}/{prefix}"

    def put(self, key: str, data: bytes) -> str:
        """One object; returns its URI."""
        self.client.put_object(Bucket=self.name, Key=key, Body=data)
        return f"s3://{self.name}/{key}"


@contextmanager
def bucket() -> Iterator[Bucket]:
    """A server with an empty bucket; the environment names it meanwhile."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    # What it holds is the process's, not the server's: another test's bucket would be there.
    reset = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    reset.request("POST", "/moto-api/reset")
    assert reset.getresponse().status == 200
    reset.close()
    faulty = FaultyS3(port)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "KEY-ID-HERE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET-HERE")
        patch.setenv("AWS_ENDPOINT_URL", faulty.url)
        for name in ("DEFAULT", "GUARDED", "TAKE"):
            patch.setattr(retry, name, QUICK)
        store_kinds.open_bucket.cache_clear()
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=Bucket.name)
        faulty.requests = 0
        try:
            yield Bucket(faulty, client)
        finally:
            store_kinds.open_bucket.cache_clear()
            faulty.close()
            threading.Thread(target=server.stop).start()  # takes half a second, which nobody need wait for

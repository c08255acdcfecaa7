"""Google's XML API on the loopback address: the S3 server of `support.s3`, whose protocol is the same but for versions.

A proxy before it adds what differs: an object's version is its generation, conditions are on generations, and
deleting what is not there is an error. What it does follows Google's reference; the service itself was not asked.
"""

from __future__ import annotations

import http.client
import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from stylize.io import store_kinds
from tests.support.s3 import Answering, Bucket, Proxy, bucket

SIGNED = "AWS4-HMAC-SHA256 Credential=K/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
"""The server behind looks whether requests are signed, not how."""
CONDITION = "x-goog-if-generation-match"


class Generations(Proxy):
    """The proxy before the server at `target`."""

    def __init__(self, target: str) -> None:
        numbers = itertools.count(1)
        of: dict[str, int] = {}
        one_at_a_time = threading.Lock()
        self.conditions: list[str] = []
        self.authorizations: set[str] = set()
        outer = self

        class Handler(Answering):
            def ask(self, verb: str, body: bytes | None = None) -> tuple[int, list[tuple[str, str]], bytes]:
                left_out = ("host", "authorization", "content-length")
                headers = {k: v for k, v in self.headers.items() if k.lower() not in left_out}
                headers["Authorization"] = SIGNED
                behind = http.client.HTTPConnection(urlsplit(target).netloc, timeout=30)
                try:
                    behind.request(verb, self.path, body, headers)
                    answer = behind.getresponse()
                    return answer.status, answer.getheaders(), answer.read()
                finally:
                    behind.close()

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.authorizations.add(self.headers.get("Authorization") or "")
                with one_at_a_time:
                    self.reply(*self.judged(body))

            def judged(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
                path = urlsplit(self.path).path
                wanted = self.headers.get(CONDITION)
                deletes = self.command == "DELETE" and "uploadId" not in self.path  # else it ends an upload in parts
                if wanted is not None or deletes:
                    there = self.ask("HEAD")[0] == 200
                    if deletes and not there:
                        return 404, [], b"<Error><Code>NoSuchKey</Code></Error>"
                    if wanted is not None:
                        outer.conditions.append(wanted)
                        if int(wanted) != (of.setdefault(path, next(numbers)) if there else 0):
                            return 412, [], b"<Error><Code>PreconditionFailed</Code></Error>"
                status, headers, data = self.ask(self.command, body)
                if status == 200 and self.command in ("PUT", "POST") and "partNumber" not in self.path:
                    of[path] = next(numbers)
                if status in (200, 206):
                    headers.append(("x-goog-generation", str(of.setdefault(path, next(numbers)))))
                return status, headers, data

        super().__init__(Handler)


@contextmanager
def google_bucket() -> Iterator[tuple[Bucket, Generations]]:
    """An empty bucket, gs://pictures, and the proxy before it; the environment names it meanwhile, with a token."""
    with bucket() as made, pytest.MonkeyPatch.context() as patch:
        proxy = Generations(made.s3.url)
        for name in [name for name in os.environ if name.startswith(("GOOGLE_", "AWS_"))]:
            patch.delenv(name)
        patch.setenv("GOOGLE_BASE_URL", proxy.url)
        patch.setenv("GOOGLE_BEARER_TOKEN", "SECRET-HERE")
        store_kinds.open_bucket.cache_clear()
        try:
            yield made, proxy
        finally:
            store_kinds.open_bucket.cache_clear()
            proxy.close()

"""Notices that a cluster's head is lost, and ends the run with a line that says so."""

from __future__ import annotations

import _thread
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time

from jobs.scheduler.shutdown import shutdown
from stylize.terminal import say

HEAD_SILENT_S = 20.0
"""How long the head may be out of reach. Ray itself would end this process after 60 s, without a line."""
PROBE_S = 2.0
"""How long one look at the head may take."""
END_S = 10.0
"""How long the main thread has to end the run after the head was lost, before the watch ends the process."""


class HeadWatch:
    """A thread that ends the run when the cluster's head is lost: calls of Ray would hang, then end the process.

    It notes the loss in `shutdown`, calls SIGTERM's handler in the main thread and gives the run END_S to end.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._address = host.strip("[]"), int(port)
        self._stopped = threading.Event()
        threading.Thread(target=self._watch, name="head-watch", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _watch(self) -> None:
        how = self._wait_for_loss()
        if how is None:
            return
        host, port = self._address
        message = (
            f"Ray's head at {host}:{port} {how}: start the cluster again, then run the same command again: it resumes"
        )
        shutdown.lose_head(message)
        _thread.interrupt_main(signal.SIGTERM)
        if self._outlasts():
            # The main thread hangs in a call of Ray, or has said its last line and hangs in Ray's own end.
            if not shutdown.message_passed_on:
                say(f"cannot go on: {message}", file=sys.stderr)
            os._exit(1)

    def _outlasts(self) -> bool:
        """Return whether the run still goes on END_S later, or when another head is there and it has heard nothing.

        That one would answer the call of Ray that the run hangs in, and Ray then ends the process without a line.
        """
        until = time.monotonic() + END_S
        while not self._stopped.wait(PROBE_S / 20):
            if time.monotonic() > until:
                return True
            if not shutdown.message_passed_on:
                with contextlib.suppress(OSError), socket.create_connection(self._address, timeout=PROBE_S):
                    return True
        return False

    def _wait_for_loss(self) -> str | None:
        """Return how the head was lost, once it is; None once the watch was stopped.

        A head that was started again is another one, and Ray ends a process that asks it as if it were the old one: so
        the end of its process, which ends connections and refuses new ones, counts at once.
        """
        heard_at = time.monotonic()
        while not self._stopped.is_set():
            try:
                with socket.create_connection(self._address, timeout=PROBE_S) as connection:
                    if _is_held(connection):
                        heard_at = time.monotonic()
                        continue
            except ConnectionRefusedError:
                return "has ended"
            except OSError as error:
                logging.getLogger(__name__).debug("the head: %s", error)
            if time.monotonic() - heard_at > HEAD_SILENT_S:
                return f"has not answered for {HEAD_SILENT_S:.0f} s"
            self._stopped.wait(PROBE_S / 4)
        return None


def _is_held(connection: socket.socket) -> bool:
    """Return whether the other end keeps a connection for its time-out: a proxy closes it where no head is behind."""
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return True
    except OSError:
        pass
    return False

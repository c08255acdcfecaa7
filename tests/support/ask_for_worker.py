"""Run by the tests' Ray in place of its own setup_worker.py: has a worker forked instead of started.

It imports next to nothing, as that is what it saves.
"""

import json
import os
import socket
import sys

FORKS = "STYLIZE_TEST_FORKS"
"""The environment variable with the socket of `forked_workers.py`."""


def split(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """What Ray adds to the worker's environment, and the worker's own command line."""
    context, command = "{}", []
    for word in words:
        name, _, value = word.partition("=")
        if name == "--serialized-runtime-env-context":
            context = value
        elif name != "--language":
            command.append(word)
    added: dict[str, str] = json.loads(context).get("env_vars") or {}
    return added, command


def forked(added: dict[str, str], command: list[str]) -> bool:
    """Hand over all that makes the worker what it is; whether there is one then."""
    folder = os.getcwd()  # noqa: PTH109 (pathlib is slow to import)
    asked = {"command": command, "environment": {**os.environ, **added}, "folder": folder}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        try:
            server.connect(os.environ[FORKS])
            socket.send_fds(server, [json.dumps(asked).encode()], [1, 2])
            return server.recv(1) == b"1"
        except OSError:
            return False


if __name__ == "__main__":
    added, command = split(sys.argv[1:])
    if not forked(added, command):
        # Where the modules to be imported are broken, the worker is to say so itself.
        real = os.path.join(os.path.dirname(command[0]), "setup_worker.py")  # noqa: PTH118, PTH120
        os.execv(sys.executable, [sys.executable, real, *sys.argv[1:]])

"""The main job several times in one process other than the tests': its start takes 3 s of a core."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from tests.support.main_job import LIMIT_S, call, environment
from tests.support.samples import ROOT


def jobs_apart(calls: Sequence[Sequence[object]]) -> list[subprocess.CompletedProcess[str]]:
    """Run the main job with each of `calls`' words, one after the other; what each ended with and printed."""
    command = [sys.executable, "-m", __name__]
    given = json.dumps([list(map(str, words)) for words in calls])
    done = subprocess.run(
        command, input=given, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode == 0, done.stderr
    ends = json.loads(done.stdout.splitlines()[-1])
    return [subprocess.CompletedProcess(command, *end) for end in ends]


if __name__ == "__main__":
    from jobs.stylize_folder import main

    ended = [call(main, *words) for words in json.load(sys.stdin)]
    print(json.dumps([(one.returncode, one.stdout, one.stderr) for one in ended]))

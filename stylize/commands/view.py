"""`python -m stylize view OUT`: a page on this machine over every row and picture of runs, with blind votes."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stylize import cli
from stylize.errors import UsageError, counted, one_line
from stylize.io.location import absolute, local_path
from stylize.io.store_kinds import SCHEMES
from stylize.results.trusted import PATHS, STORE, add_options, refuse_store_alone
from stylize.terminal import say

if TYPE_CHECKING:
    from stylize.viewer.site import Site

PORT = 8340
NAMED = 3
"""Pictures that an export leaves out and names."""
_NEEDED = ("starlette", "uvicorn")


def main(argv: Sequence[str]) -> int:
    """Serve the page until Ctrl-C, or write it; returns the exit status."""
    given = parser().parse_args(argv)
    if not given.outs:
        raise UsageError("give the OUT of a run: stylize view OUT")
    refuse_store_alone(given.trust_paths, given.trust_store)
    if given.export is None and any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise UsageError("the viewer needs two more packages: pip install 'stylize[view]'")
    if given.export is not None and given.port is not None:
        raise UsageError("--port is of the page that is served; leave it or --export out")
    if given.port is None:
        given.port = PORT
    if not 0 <= given.port < 65536:
        raise UsageError("--port: give a number from 0, any that is free, to 65535")
    folder = None if given.export is None else absolute(local_path(given.export, "--export"))
    # Heavier than the rest of the command line: pandas and the readers of images.
    from stylize.results.copies import run_folders
    from stylize.viewer import export, media

    if folder is not None:
        export.check_folder(folder)
    with run_folders(given.outs) as runs:
        cache = media.cache_folder()
        media.prune(cache)
        if folder is None:
            return _serve(runs, cache, given)
        from stylize.viewer.site import Site
        from stylize.viewer.table import Table

        table = Table(runs)
        pictures = media.Media(table, cache, trusted=given.trust_paths, stores=given.trust_store)
        site = Site(table, pictures, version=0, live=False)
        return _export(site, folder, given.trust_paths)


def parser() -> cli.Parser:
    """Return the command line."""
    parser = cli.Parser(
        prog="stylize view",
        usage="stylize view OUT [OUT ...] [options]",
        description="Look at every row and picture of runs in a browser, and vote on pairs of results.",
        epilog="Exit status: 0 ended by Ctrl-C or done, 2 a wrong call, 1 could not go on.",
    )
    inputs = parser.group("inputs")
    inputs.add_argument("outs", nargs="*", metavar="OUT", help=f"folders of runs; {SCHEMES}, too")
    add_options(inputs.add_argument, "show the photos and artworks that rows name outside of OUT, too")
    output = parser.group("output")
    output.add_argument("--export", metavar="PATH", help="write the page into this folder instead, to be published")
    output.add_argument("--port", type=int, metavar="N", help=f"port on 127.0.0.1; 0: any free one (default {PORT})")
    return parser


def _serve(runs: dict[Path, str], cache: Path, given: Namespace) -> int:
    from stylize.viewer.server import Viewer, listening, server

    sock = listening(given.port)
    viewer = Viewer(runs, cache, trusted=given.trust_paths, stores=given.trust_store)
    viewer.ballot.compact()
    say(f"{counted(len(viewer.site.table), 'row')}: http://127.0.0.1:{sock.getsockname()[1]}/{viewer.token}/")
    if not given.trust_paths:
        say(f"photos and artworks that lie outside of OUT are not shown; {PATHS} shows them")
    say("Ctrl-C ends it")
    with contextlib.suppress(KeyboardInterrupt):
        server(viewer).run([sock])
    return cli.EXIT_OK


def _export(site: Site, folder: Path, trusted: bool) -> int:
    """Write the page and say what is missing; the exit status is 1 where no result could be taken along."""
    from stylize.viewer.export import LIST, export

    written, left_out = export(site, folder, lambda number: say(f"{counted(number, 'file')}", file=sys.stderr))
    gone = f"their files are not there, cannot be read, or lie in a bucket that no {STORE} names"
    outside = f"they lie outside of OUT; {PATHS} takes them along"
    inputs, results = {kind: left_out.get(kind, []) for kind in ("photo", "artwork")}, left_out.get("result", [])
    if any(inputs.values()):
        told = [_some(uris, kind, named=trusted) for kind, uris in inputs.items() if uris]
        say(f"left out, as {gone if trusted else outside}: {', '.join(told)}")
    if results:
        say(f"left out, as the files are not there or cannot be read: {_some(results, 'result')}")
    if left_out:
        say(f"all that is left out: {one_line(folder / site.base / LIST)}")
    say(f"{counted(written, 'file')}: {one_line(folder / 'index.html')}")
    if results and len(results) == len(site.table) - site.table.rows["picture"].null_count:
        say("the page has none of the results: look for why, then run the same command again", file=sys.stderr)
        return cli.EXIT_CANNOT_CONTINUE
    return cli.EXIT_OK


def _some(uris: Sequence[str], kind: str, named: bool = True) -> str:
    """Return `5 photos (a.jpg, b.jpg, c.jpg, ...)`."""
    names = ", ".join([*uris[:NAMED], *["..."] * (len(uris) > NAMED)])
    return counted(len(uris), kind) + f" ({names})" * named

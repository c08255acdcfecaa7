"""`make demo`: the main job on real photos and the project's own artworks, on a local Ray."""

from __future__ import annotations

from collections.abc import Sequence

from jobs import stylize_folder
from jobs.run.output_dir import absolute_out
from stylize import cli
from stylize.errors import counted, one_line
from stylize.gallery import write_demo_photos, write_demo_styles
from stylize.io.files import writing
from stylize.io.out_folder import RUN, refuse_filled
from stylize.terminal import say

_MARK = ".stylize-demo"
"""By it a folder is known as a demo's: another one's content/ and styles/ may hold somebody's own pictures."""


def main(argv: Sequence[str]) -> int:
    """Write the inputs to PATH, restyle them, draw a sheet of the results; returns the job's exit status."""
    parser = cli.Parser(
        prog="demo",
        usage="python -m jobs.demo [PATH]",
        description="Restyle scikit-image's photos with the project's own artworks.",
        epilog=cli.EXITS_OF_A_RUN,
    )
    parser.group("output").add_argument(
        "folder", nargs="?", default="demo", metavar="PATH", help="folder for inputs and results (default demo)"
    )
    root = absolute_out(parser.parse_args(argv).folder, "PATH")
    if not ((root / _MARK).is_file() or (root / "out" / RUN).is_file()):
        refuse_filled(root, "PATH", "an earlier demo")
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        (root / _MARK).touch()
        photos = write_demo_photos(root / "content")
        styles = write_demo_styles(root / "styles")
    out = root / "out"
    say(f"{counted(len(photos), 'photo')} x {counted(len(styles), 'artwork')}, long side 512 px, on a local Ray")
    paths = [str(root / "content"), str(root / "styles"), str(out)]
    status = stylize_folder.main([*paths, "--resolution-px", "512", "--address", "local"])
    from stylize.report.page.sheet import write_sheet

    sheet = write_sheet(out, out / "sheet.jpg")
    if sheet is not None:
        say(f"sheet:   {one_line(sheet.resolve())}")
    return status


if __name__ == "__main__":
    cli.run(main)

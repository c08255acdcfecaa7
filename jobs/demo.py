"""`make demo`: the main job on real photos and the project's own artworks, on a local Ray."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jobs import stylize_folder
from stylize import cli
from stylize.errors import counted, one_line
from stylize.gallery import write_demo_photos, write_demo_styles
from stylize.io.files import writing
from stylize.terminal import say


def main(argv: Sequence[str]) -> int:
    """Write the inputs to `demo/`, restyle them, draw a sheet of the results; returns the job's exit status."""
    parser = cli.Parser(
        prog="demo",
        usage="python -m jobs.demo [PATH]",
        description="Restyle scikit-image's photos with the project's own artworks.",
    )
    parser.group("output").add_argument(
        "folder", nargs="?", default="demo", metavar="PATH", help="folder for inputs and results (default demo)"
    )
    root = Path(parser.parse_args(argv).folder)
    with writing(root):
        photos = write_demo_photos(root / "content")
        styles = write_demo_styles(root / "styles")
    out = root / "out"
    say(f"{counted(len(photos), 'photo')} x {counted(len(styles), 'artwork')}, long side 512 px, on a local Ray")
    status = stylize_folder.main([str(root / "content"), str(root / "styles"), str(out), "--resolution-px", "512"])
    from stylize.report.page.sheet import write_sheet

    sheet = write_sheet(out, out / "sheet.jpg")
    if sheet is not None:
        say(f"sheet:   {one_line(sheet.resolve())}")
    return status


if __name__ == "__main__":
    cli.run(main)

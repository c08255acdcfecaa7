"""`python -m tools.draw_styles OUT` draws every style image into OUT/<type>/<name>.jpg."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tools.draw_styles import NAMES, draw, style_path

JPEG: dict[str, Any] = {"quality": 86, "optimize": True}


def main(arguments: list[str]) -> int:
    """Write every style image; the exit status: 0, or 2 where OUT is not given."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m tools.draw_styles OUT", file=sys.stderr)
        return 2
    for name in NAMES:
        target = Path(arguments[0]) / style_path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        draw(name).save(target, **JPEG)
        print(f"{target} {target.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

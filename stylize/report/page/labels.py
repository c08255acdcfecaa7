"""Labels beside the points of a plot, where neither another label nor a point is."""

from __future__ import annotations

from typing import Any

_POINTS = 8


def put(axes: Any, points: list[tuple[float, float]], texts: list[str]) -> None:
    """Put a label beside each point, in the first place around it that no other label or point takes."""
    height = 2 * _POINTS * 1.25
    scale = 72 / axes.figure.dpi
    centres = [axes.transData.transform(point) * scale for point in points]
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in centres]
    left, _, right, _ = (value * scale for value in axes.get_window_extent().extents)
    for (x, y), point, text in zip(centres, points, texts, strict=True):
        width = 0.6 * _POINTS * max(map(len, text.splitlines()))
        rises = (-2, -height - 2, height, -2 * height, 2 * height, -3 * height, 3 * height)
        places = [(dx, dy) for dy in rises for dx in (7, -7 - width)]
        boxes = [(x + dx, y + dy, x + dx + width, y + dy + height) for dx, dy in places]
        free = [
            number for number, box in enumerate(boxes)
            if left <= box[0] and box[2] <= right and not any(_overlap(box, other) for other in taken)
        ]  # fmt: skip
        best = free[0] if free else 0
        taken.append(boxes[best])
        axes.annotate(text, point, xytext=places[best], textcoords="offset points", fontsize=_POINTS)


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]

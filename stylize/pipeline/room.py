"""Lets images into a worker in order, no more at once than there is memory for."""

from __future__ import annotations

import threading
from dataclasses import dataclass

BYTES_PER_THREAD = 256 * 2**20
"""Of pictures in a worker at once, for each thread that reads: those of three images of 12 megapixels."""
SHARE_OF_LIMIT = 8
"""The part of a limit on an image's memory that pictures read ahead may take."""


def ahead_bytes(threads: int, max_memory: int | str) -> int:
    """Return how many bytes of pictures a worker may hold at once, beyond a single image's."""
    most = BYTES_PER_THREAD * threads
    return min(most, max_memory // SHARE_OF_LIMIT) if isinstance(max_memory, int) else most


@dataclass(eq=False)
class Place:
    """An image's place in the queue. group: images that go through the network together."""

    group: object
    size_bytes: int | None = None
    """What it holds; None until it was let in."""


class Room:
    """At most `most` images, and `limit_bytes` of pictures, but always a group of images that go together.

    Images are let in in the order of their places, so that a later one never keeps an earlier one out.
    """

    def __init__(self, most: int, limit_bytes: int) -> None:
        self.most, self._limit = most, limit_bytes
        self._places: dict[Place, None] = {}  # in order
        self._changed = threading.Condition()

    def places(self, count: int) -> list[Place]:
        """Wait until `count` images more are few enough, and return their places, as of one group."""
        group = object()
        with self._changed:
            self._changed.wait_for(lambda: len(self._places) + count <= self.most)
            places = [Place(group) for _ in range(count)]
            self._places.update(dict.fromkeys(places))
            return places

    def enter(self, place: Place, size_bytes: int) -> None:
        """Wait until it is an image's turn and there is room for what it will hold."""
        with self._changed:
            self._changed.wait_for(lambda: self._fits(place, size_bytes))
            place.size_bytes = size_bytes
            self._changed.notify_all()

    def settle(self, place: Place, size_bytes: int) -> None:
        """Say what an image holds now, at most what it came in with; 0 for one that failed, let in or not."""
        with self._changed:
            place.size_bytes = size_bytes
            self._changed.notify_all()

    def leave(self, place: Place) -> None:
        """Give an image's place free."""
        with self._changed:
            self._places.pop(place, None)
            self._changed.notify_all()

    def _fits(self, place: Place, size_bytes: int) -> bool:
        others = own = 0
        for one in self._places:
            if one is place:
                break
            if one.size_bytes is None:
                return False
            if one.group is place.group:
                own += one.size_bytes
            else:
                others += one.size_bytes
        return not others or others + own + size_bytes <= self._limit

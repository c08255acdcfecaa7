"""A task on its way through the stages of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from stylize.images import Carried, Pixels
from stylize.pipeline.scored import OnItsWay
from stylize.pipeline.style_cache import CachedStyle
from stylize.pipeline.transfers import Upload
from stylize.results.schema import Row
from stylize.tasks.task import Task


@dataclass(slots=True)
class InFlight:
    """A task, the row that the stages fill, and the pictures that the next stage needs.

    `began_s` is when it was begun, by `perf_counter`.
    """

    task: Task
    row: Row
    began_s: float
    style: CachedStyle | None = None
    content: Pixels | None = None
    carried: Carried | None = None
    """What the photo's file held beside its colours, and its result keeps."""
    uploaded: Upload | None = None
    """The photo on its way to the device."""
    result: Pixels | None = None
    coming: OnItsWay | None = None
    """The result, from an accelerator."""
    ran_out: Exception | None = None
    """Why it is now taken in strips: whole, it took more memory than there was."""
    failed: bool = False

    @property
    def picture_bytes(self) -> int:
        """Return what its photo takes, and will with its result; 0 where there is none."""
        alpha = None if self.carried is None else self.carried.alpha
        return sum(2 * pixels.nbytes for pixels in (self.content, alpha) if pixels is not None)

    def fail(self, status: str, error: str) -> None:
        """Put status and error into the row, and let go of the pictures."""
        self.row.update(status=status, error=error)
        self.failed = True
        self.drop_pictures()

    def receive(self) -> None:
        """Take the result from the accelerator, where it was made on one. Raises NotFiniteError."""
        if self.coming is not None:
            coming, self.coming = self.coming, None
            self.result = coming.take(self.row)

    def drop_pictures(self) -> None:
        """Let go of the pictures: futures keep the rest until the batch is done."""
        self.content = self.carried = self.result = self.uploaded = self.coming = None

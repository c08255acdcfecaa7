"""Folders of images as random square crops."""

from __future__ import annotations

import contextlib
import hashlib
import math
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylize import images
from stylize.errors import (
    CannotContinueError,
    StylizeError,
    UnsupportedImageError,
    UsageError,
    beside,
    counted,
    message_of,
    one_line,
)
from stylize.io.files import read_bytes
from stylize.io.location import LocalPath, local_path
from stylize.tasks.left_out import LeftOut
from stylize.tasks.listing import some_files_in

BROKEN_IN_A_ROW = 200
LEAST_STYLE_PX = 8
"""VGG19 halves a picture three times on its way to relu4_1."""


@dataclass(frozen=True)
class Folder:
    """The images below a folder, and one SHA-256 over their names and contents."""

    files: tuple[Path, ...]
    sha256: str
    unreadable: tuple[Path, ...] = ()
    left_out: LeftOut = field(default_factory=LeftOut)

    def __str__(self) -> str:
        return f"{counted(len(self.files), 'image')}, sha256 {self.sha256}"


def read_folder(folder: Path, crop_px: int = 1) -> Folder:
    """Return every image below `folder`, by name, each read once.

    Raises UsageError if none can be read, or none can be as large as a crop.
    """
    left_out = LeftOut()
    if folder.is_file():
        paths = [folder]
    elif folder.is_dir():
        paths = [local_path(one.uri) for one in some_files_in(LocalPath(folder), left_out=left_out)]
    else:
        raise UsageError(f"{one_line(folder)}: no such folder")
    with ThreadPoolExecutor(8) as pool:
        looked_at = list(pool.map(_sha256_and_size, paths))
    digest = hashlib.sha256()
    good: list[Path] = []
    bad: list[Path] = []
    fits = False
    for path, one in zip(paths, looked_at, strict=True):
        (bad if isinstance(one, str) else good).append(path)
        if not isinstance(one, str):
            sha256, size = one
            digest.update(f"{sha256}  {path.name}\n".encode(errors="surrogateescape"))  # a name may be no UTF-8
            fits = fits or not _too_thin(*size, max(crop_px, min(size)))
    if not good and folder.is_file():
        raise UsageError(f"{one_line(folder)}: {looked_at[0]}; give another one, or a folder of images")
    if not good:
        first = f"{one_line(paths[0].name)}: {looked_at[0]}"
        raise UsageError(f"{one_line(folder)}: none of its images can be read ({len(paths)}); the first, {first}")
    if not fits:
        less = f"none of its images can be enlarged to {crop_px} px; give a smaller --crop-px"
        raise UsageError(f"{one_line(folder)}: {less}")
    return Folder(tuple(good), digest.hexdigest(), tuple(bad), left_out)


def _sha256_and_size(path: Path) -> tuple[str, tuple[int, int]] | str:
    """Return an image's hash and size, or why it cannot be read."""
    try:
        data = read_bytes(LocalPath(path))
        size = images.header_size(data)
    except (OSError, StylizeError) as error:
        return beside(one_line(path), message_of(error))
    return hashlib.sha256(data).hexdigest(), size


def _too_thin(width: int, height: int, wanted: float) -> bool:
    """Return whether a picture whose short side is to be so long would have more pixels than are allowed."""
    return _long_side(width, height, wanted) * wanted > max(images.MAX_PIXELS, width * height)


def _long_side(width: int, height: int, wanted: float) -> int:
    return math.ceil(wanted * max(width, height) / min(width, height))


def style_image(path: Path, long_side_px: int) -> Tensor:
    """Return the picture that is to be the only style, (1, 3, H, W) in [0, 1]. Raises UsageError where it cannot be."""
    try:
        pixels = images.decode(read_bytes(LocalPath(path)), long_side_px=long_side_px).pixels
    except (OSError, StylizeError) as error:
        name = one_line(path)
        raise UsageError(f"{name}: {beside(name, one_line(error))}; give another style image") from None
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST_STYLE_PX:
        raise UsageError(
            f"{one_line(path)}: {width} x {height} px at a long side of {long_side_px} is too thin to learn a style "
            "from; give another style image"
        )
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


class Crops:
    """Batches of square crops at random scale, mirrored half of the time. A batch depends on `seed` and its key alone.

    A file that turns out to be broken costs a draw; CannotContinueError after BROKEN_IN_A_ROW such.
    """

    def __init__(self, files: tuple[Path, ...], size: int, largest: float, seed: str) -> None:
        self.files = files
        self.size = size
        self.largest = largest
        self.seed = seed

    def batch(self, key: int, count: int) -> Tensor:
        """Return (count, 3, size, size) in [0, 1]."""
        rng = random.Random(f"{self.seed}/{key}")
        return torch.stack([self._draw(rng) for _ in range(count)])

    def spread(self, count: int) -> list[Tensor]:
        """Return a crop (3, size, size) in [0, 1] of each of `count` equal parts of the files, the same each time.

        It is of the part's first file that is not broken; a part without one is left out.
        """
        part = max(1, len(self.files) // count)
        crops: list[Tensor] = []
        for start in range(0, len(self.files), part)[:count]:
            for path in self.files[start : start + part]:
                with contextlib.suppress(OSError, StylizeError):
                    crops.append(self._crop(read_bytes(LocalPath(path)), random.Random(self.seed)))
                    break
        return crops

    def _draw(self, rng: random.Random) -> Tensor:
        for _ in range(BROKEN_IN_A_ROW):
            path = rng.choice(self.files)
            try:
                return self._crop(read_bytes(LocalPath(path)), rng)
            except (OSError, StylizeError) as error:
                reason = f"{one_line(path)}: {beside(one_line(path), one_line(error))}"
        raise CannotContinueError(f"{BROKEN_IN_A_ROW} images in a row are broken, such as {reason}")

    def _crop(self, data: bytes, rng: random.Random) -> Tensor:
        width, height = images.header_size(data)
        short = min(width, height)
        wanted = min(self.size * rng.uniform(1.0, self.largest), max(short, self.size))
        long_side_px = _long_side(width, height, wanted)
        if _too_thin(width, height, wanted):
            raise UnsupportedImageError(f"{width} x {height} px is too thin to be enlarged to {round(wanted)} px")
        # Decoded at the size it is needed in: JPEG does most of the shrinking as it decodes.
        pixels = images.decode(data, long_side_px=long_side_px).pixels
        left, top = (rng.randint(0, pixels.shape[axis] - self.size) for axis in (1, 0))
        crop = pixels[top : top + self.size, left : left + self.size]
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(crop)).permute(2, 0, 1).float() / 255

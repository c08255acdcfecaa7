"""Whether a row that was made again agrees with the recorded one: its image, its scores, and if not, what differs."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, get_args

import numpy as np

from stylize import images
from stylize.config import Device
from stylize.errors import StylizeError, UsageError, one_line
from stylize.images.formats import FORMATS_READ, HEAD_BYTES, kind_of
from stylize.io.files import read_bytes
from stylize.measure import hardware
from stylize.results.pictures import picture_in
from stylize.results.run_record import RunRecord
from stylize.results.settings_json import read_settings
from stylize.stylizers import own_code

LOSSES = ("content_loss", "style_loss", "variation_loss")
SCORES = (
    "ssim", "ssim_uniform", "content_distance", "gram_distance", "moments_distance", "cfsd", "lpips", "flicker",
    *LOSSES, "output_edge_density", "output_colourfulness", "output_entropy_bits",
)  # fmt: skip
ROOM = 1e-3
"""Scores that differ by less, relative to the recorded one, agree: another processor sums in another order."""
NEAR = {"png": (2, 0.1), "jpg": (8, 0.25), "webp": (24, 2.5)}
"""Levels of 255 by which files may differ, at most and on average, where kernels may have added in another order: in a
batch then and alone now, or on an accelerator. Encoding with loss makes more of the same differences."""
NEAR_ROOM = 1e-2
"""By how much scores may differ there, relative to the recorded one."""
LOSS_ROOM = 0.1
"""By how much an optimisation's losses may differ on an accelerator, where it ends elsewhere each time."""


@dataclass
class Told:
    """What is to be said, and whether the rows agree."""

    lines: list[str] = field(default_factory=list)
    agrees: bool = True

    def say(self, what: str, same: bool, detail: str = "") -> None:
        self.agrees &= same
        self.lines.append(f"{'same' if same else 'DIFFERS':<8}{what}{': ' + detail if detail else ''}")


def device_of(row: dict[str, Any]) -> str:
    """Return the kind of device that a row names; the CPU for one that none lived to name."""
    kind = str(row["device"]).partition(":")[0]
    return kind if kind in get_args(Device) else "cpu"


def _recorded_picture(out: str, output_uri: str | None) -> bytes:
    where = picture_in(out, output_uri or "")
    if where is None:
        raise UsageError(f"{one_line(output_uri)} is not below OUT/images")
    look = partial(images.refuse_too_large, long_side_px=None, max_pixels=images.MAX_PIXELS)
    return read_bytes(where, look)


def compare_images(told: Told, out: str, row: dict[str, Any], new: dict[str, Any], pixels: Any) -> None:
    """Say whether the image is the recorded one, and where the file in OUT is no longer that."""
    same = new["output_sha256"] == row["output_sha256"]
    if same:
        told.say("image", True, "the same bytes")
    try:
        data = _recorded_picture(out, row["output_uri"])
        old = None if same else images.decode(data).pixels
    except (StylizeError, OSError) as error:
        if same:
            told.lines.append(f"        its file in OUT cannot be read: {one_line(error)}")
        else:
            told.say("image", False, f"other bytes, and the recorded one cannot be read: {one_line(error)}")
        return
    if old is not None:
        _compare_pixels(told, row, new, old, pixels, data)
    if row["output_sha256"] is not None and hashlib.sha256(data).hexdigest() != row["output_sha256"]:
        told.lines.append("        its file in OUT is another than the row tells of: it was changed since")


def _compare_pixels(
    told: Told, row: dict[str, Any], new: dict[str, Any], old: images.Pixels, pixels: images.Pixels, data: bytes
) -> None:
    if old.shape != pixels.shape:
        told.say("image", False, f"{old.shape[1]} x {old.shape[0]} px then, {pixels.shape[1]} x {pixels.shape[0]} now")
        return
    if np.array_equal(old, pixels):
        told.say("image", True, "the same pixels; what the file says beside them differs, such as versions")
        return
    off = np.abs(old.astype(int) - pixels.astype(int))
    kind = FORMATS_READ.get(kind_of(data[:HEAD_BYTES]) or "")
    # No run writes a file of another kind: it is somebody's own, and agrees by the same pixels alone.
    most, mean = next((room for name, room in NEAR.items() if kind and f".{name}" in kind.suffixes), (0, 0.0))
    near = _adds_in_another_order(row, new) and off.max() <= most and off.mean() <= mean
    allowed = f"; {mean} and {most} are allowed in a batch, in strips or on an accelerator" if near else ""
    differ = f"values differ by {off.mean():.3f} levels on average, {off.max()} at most{allowed}"
    told.say("image", bool(near), f"other bytes; {differ}")


def _adds_in_another_order(row: dict[str, Any], new: dict[str, Any]) -> bool:
    parts = any((one[name] or 1) > 1 for one in (row, new) for name in ("batch_size", "strips"))
    return parts or any(device_of(one) != "cpu" for one in (row, new))


def wanders(row: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether a picture was optimised on an accelerator, which amplifies the last digit of sums in any order."""
    return row["iterations"] is not None and any(device_of(one) != "cpu" for one in (row, new))


def compare_scores(told: Told, row: dict[str, Any], new: dict[str, Any]) -> None:
    wandered = wanders(row, new)
    room = LOSS_ROOM if wandered else NEAR_ROOM if _adds_in_another_order(row, new) else ROOM
    for name in LOSSES if wandered else SCORES:
        then, now = row.get(name), new.get(name)
        if then is None:
            continue
        if now is None:
            told.say(name, False, f"{then:.6g} then, not measured now")
        else:
            told.say(name, math.isclose(then, now, rel_tol=room, abs_tol=1e-6), f"{then:.6g} then, {now:.6g} now")


def differences(row: dict[str, Any], new: dict[str, Any], record: RunRecord) -> Iterator[str]:
    """Yield what may be why."""
    for name in ("content_sha256", "style_sha256", "weights_sha256", "precision", "device_name", "threads",
                 "batch_size", "perceptual_variant", "lpips_variant"):  # fmt: skip
        if row.get(name) != new.get(name):
            yield f"        {name}: {row.get(name)} then, {new.get(name)} now"
    name = read_settings(row["settings_json"]).get("stylizer", "")
    if name in record.own_code and record.own_code[name] != (now_code := own_code([name]).get(name)):
        yield f"        code of {name}: {record.own_code[name]} then, {now_code} now"
    then, now = record.environment, hardware.describe()
    if not then:
        yield "        run.json says nothing of the environment then"
        return
    for name, value in _flat(then).items():
        if (other := _flat(now).get(name)) != value:
            yield f"        {name}: {value} then, {other} now"
    code = hardware.running_code()
    if record.code_sha256 is not None and record.code_sha256 == code["code_sha256"]:
        return
    if code["git_commit"] != record.git_commit:
        yield f"        git_commit: {record.git_commit} then, {code['git_commit']} now"


def _flat(facts: dict[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in facts.items():
        flat |= _flat(value, f"{above}{name}.") if isinstance(value, dict) else {f"{above}{name}": value}
    return flat

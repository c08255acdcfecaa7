"""One photo, one or more artworks, one result: `python -m stylize PHOTO ARTWORK [ARTWORK ...] RESULT`."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from stylize import cli, no_effect, stylizers
from stylize.commands.call import FORMATS, Call, Options, parse
from stylize.errors import (
    CannotContinueError,
    ImageError,
    NoRoomError,
    NotFiniteError,
    UnsupportedImageError,
    UsageError,
    counted,
    one_line,
)
from stylize.images import (
    Decoded,
    MadeBy,
    Pixels,
    decode,
    decode_safely,
    decoding_bytes,
    encode,
    pixel_bytes,
    refuse_too_large,
    shows_all,
)
from stylize.io.files import local_path, read_bytes, write_atomic, writing
from stylize.terminal import say

if TYPE_CHECKING:
    from stylize.stylizers.base import Stylizer

_ROOM = " (--max-memory, --resolution-px)"
"""What decides whether an image fits, after what is said of one that does not."""


def main(argv: Sequence[str]) -> int:
    """Restyle one image and say where it is; returns the exit status."""
    call = parse(argv)
    with _memory():
        _restyle(call)
    return cli.EXIT_OK


def _restyle(call: Call) -> None:
    options = call.options
    method = stylizers.find(options.stylizer)
    _check_artworks(method, call)
    format = FORMATS[call.result.suffix.lower()]
    alone = None if len(call.artworks) > 1 else "one artwork has all of it"
    reasons = {**no_effect.of_method(method), **no_effect.of_format(format), "style_weights": alone}
    for line in no_effect.no_effect(options, reasons):
        say(line)
    decoded, content_sha256 = _read(call.photo, options.resolution_px, options, carry=not options.strip)
    if format == "jpg" and decoded.carried is not None and decoded.carried.alpha is not None:
        say("the photo's transparency is left out, as JPEG has none: .png and .webp keep it")
    photo = decoded.pixels
    height, width = photo.shape[:2]
    if min(height, width) < method.least_px:
        raise UnsupportedImageError(f"{width} x {height} px: {method.name} needs {method.least_px} px a side")
    artworks = [] if method.styles_are_weights else [
        _read(artwork, options.style_resolution_px, options, whole=True) for artwork in call.artworks
    ]  # fmt: skip
    with _status(f"loading {method.name}"), stylizers.own_errors(options.stylizer):
        stylizer = _loaded(options)
        code, weights_sha256 = _code(stylizer, call, [artwork.pixels for artwork, _ in artworks])
    with stylizers.own_errors(options.stylizer):
        result, seconds, ran = _stylized(stylizer, photo, code, format)
        losses = {} if weights_sha256 == stylizers.RANDOM else dict(stylizer.outcome() or {})
    with writing(call.result):
        style_sha256 = [sha256 for _, sha256 in artworks]
        made_by = _made_by(stylizer, ran, call, weights_sha256, content_sha256, style_sha256)
        data = encode(result, format, options.quality, carried=decoded.carried, made_by=made_by)
        write_atomic(call.result, data)
    if not shows_all(format, decoded.carried):
        most = result.size
        del result
        result = decode(data, max_pixels=most, most_in_memory=_most_of_picture(most, options)).pixels
    _report(call.result, stylizer, ran, photo, result, seconds)
    if losses:
        say(", ".join(f"{name} {_short(value)}" for name, value in losses.items()))


def _check_artworks(method: type[Stylizer], call: Call) -> None:
    """Raise UsageError for several artworks or shares where the method does not mix; nothing is loaded for that."""
    if not method.mixes and (len(call.artworks) > 1 or call.shares):
        able = [name for name in stylizers.names() if stylizers.find(name).mixes]
        raise UsageError(f"{method.name} takes one ARTWORK and no --style-weights; methods that mix: {', '.join(able)}")


def _loaded(options: Options) -> Stylizer:
    from stylize.machine.devices import forbid_tf32

    forbid_tf32()
    return stylizers.load(
        options.stylizer,
        device=options.device,
        precision=options.precision,
        runtime=options.runtime,
        weights=options.weights,
        style_resolution_px=None,  # they are so by now
        max_memory=options.max_memory,
        **options.settings,
    )


def _read(
    uri: str, long_side_px: int | None, options: Options, *, whole: bool = False, carry: bool = False
) -> tuple[Decoded, str]:
    """Return an image, with what else its file carries if that is wanted, and the file's SHA-256."""

    def look(file: IO[bytes] | None, size_bytes: int) -> None:
        with _named(uri):
            refuse_too_large(file, size_bytes, long_side_px=long_side_px, max_pixels=options.max_pixels)

    data = read_bytes(uri, look)
    with _named(uri):
        size_bytes = decoding_bytes(data, long_side_px=long_side_px, max_pixels=options.max_pixels)
        decoded = decode_safely(
            data,
            long_side_px=long_side_px,
            max_pixels=options.max_pixels,
            whole=whole,
            metadata=carry,
            alpha=carry,
            most_in_memory=_most_of_picture(size_bytes, options),
        )
    return decoded, hashlib.sha256(data).hexdigest()


def _most_of_picture(size_bytes: int, options: Options) -> int | None:
    from stylize.machine.memory_limit import most_of_picture  # imports torch

    return most_of_picture(size_bytes, options.max_memory)


@contextlib.contextmanager
def _named(uri: str) -> Iterator[None]:
    """Put the image's name before what is wrong with it."""
    try:
        yield
    except ImageError as error:
        raise type(error)(f"{one_line(uri)}: {error}") from None


def _code(stylizer: Stylizer, call: Call, pictures: list[Pixels]) -> tuple[Any, str | None]:
    """Return the code of the artworks, and the weights' SHA-256.

    Where styles are weights, the artwork is a file of such, or a name in `--weights`.
    """
    import torch

    artwork, weights = call.artworks[0], call.options.weights
    with torch.inference_mode():
        if stylizer.styles_are_weights and weights is None:
            data = read_bytes(artwork)
            return stylizer.read_style(data, local_path(artwork)), hashlib.sha256(data).hexdigest()
        if stylizer.styles_are_weights:
            code = stylizer.code(stylizers.RANDOM if weights == stylizers.RANDOM else artwork)
        elif len(pictures) > 1:
            code = stylizer.mix([stylizer.code(one) for one in pictures], _shares(call))
        else:
            code = stylizer.code(pictures[0])
    return code, stylizer.weights_sha256


def _made_by(
    stylizer: Stylizer,
    ran: dict[str, str],
    call: Call,
    weights_sha256: str | None,
    content_sha256: str,
    style_sha256: list[str],
) -> MadeBy:
    from stylize.pipeline.made_by import made_by

    names = ("resolution_px", "style_resolution_px", "quality", "strip")
    mixed = {"style_weights": _shares(call)} if len(style_sha256) > 1 else {}
    facts = {
        "content_sha256": content_sha256,
        "style_sha256": style_sha256[0] if len(style_sha256) == 1 else style_sha256 or None,
        "weights_sha256": weights_sha256,
        **ran,
        "settings": call.options.model_dump(include=set(names)) | mixed | stylizer.settings.as_json(),
    }
    return made_by(stylizer.name, facts)


def _shares(call: Call) -> list[float]:
    return call.shares or [1.0] * len(call.artworks)


def _stylized(stylizer: Stylizer, photo: Pixels, code: Any, format: str) -> tuple[Pixels, float, dict[str, str]]:
    """Return the result, (H, W, 3) uint8 like the photo, the seconds it took, and what ran it in which precision."""
    import torch

    from stylize.measure.clock import timed

    height, width = photo.shape[:2]
    of_pixel = pixel_bytes(photo, format)
    with torch.inference_mode(), _steps(stylizer), timed(str(stylizer.device)) as watch:
        try:
            plan = stylizer.plan_within(width, height, code, pixel_bytes=of_pixel)
        except NoRoomError as no_room:
            raise NoRoomError(f"{no_room}{_ROOM}") from None
        try:
            image = stylizer.restyle(photo, code, plan)
        except (MemoryError, RuntimeError) as error:
            if plan.in_parts:
                raise
            try:
                plan = stylizer.plan_within(width, height, code, pixel_bytes=of_pixel, after=error)
            except NoRoomError as no_room:
                raise CannotContinueError(f"memory ran out: {no_room}{_ROOM}") from None
            image = stylizer.restyle(photo, code, plan)
    if image is None:
        raise CannotContinueError(str(NotFiniteError()))
    if plan.in_parts:
        by = "" if stylizer.runtime == "torch" else ", by torch"
        how = f"in {counted(plan.strips, 'strip')}, {counted(plan.passes, 'pass', 'passes')}{by}"
        say(f"{how}: at once it would take too much memory")
    return image.numpy(), watch.seconds, stylizer.ran(plan)


@contextlib.contextmanager
def _steps(stylizer: Stylizer) -> Iterator[None]:
    """Show a bar of the steps of a method that has them, on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not hasattr(stylizer, "on_step") or not console.is_terminal:
        yield
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(TextColumn(stylizer.name), *columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        stylizer.on_step = lambda step, total, terms: progress.update(task, completed=step, total=total)
        yield


def _status(text: str) -> contextlib.AbstractContextManager[Any]:
    """Show `text` on a terminal for as long as the block lasts: weights may be downloaded."""
    from rich.console import Console

    console = Console(stderr=True)
    return console.status(text) if console.is_terminal else contextlib.nullcontext()


def _report(path: Path, stylizer: Stylizer, ran: dict[str, str], photo: Pixels, result: Pixels, seconds: float) -> None:
    from stylize.measure.hardware import device_name
    from stylize.measure.ssim import ssim

    height, width = result.shape[:2]
    device = str(stylizer.device)
    if stylizer.weights_sha256 == stylizers.RANDOM:
        kept = ", untrained weights"
    else:
        score = ssim(photo, result)
        kept = "" if score is None else f", SSIM {score:.3f} against the photo"
    say(f"{one_line(path)}: {width} x {height} px")
    how = ran["precision"] if ran["runtime"] == "torch" else f"{ran['precision']} in {ran['runtime']}"
    say(f"{stylizer.name}, {how} on {device} ({device_name(device)}): {_time(seconds)}{kept}")


def _time(seconds: float) -> str:
    """Return 0.35 s, or 2.71 ms: what a card takes is no 0.00 s."""
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1000:.3g} ms"


def _short(value: Any) -> str:
    """Return a loss with four digits; what a method of somebody's own gives in place of a number, as it is."""
    try:
        return f"{float(value):.4g}"
    except (TypeError, ValueError):
        return str(value)


@contextlib.contextmanager
def _memory() -> Iterator[None]:
    """Turn memory that runs out into an error of one line."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        from stylize.machine.devices import out_of_memory

        if not out_of_memory(error):
            raise
        raise CannotContinueError("memory ran out; give a smaller --resolution-px") from None

"""JPEG files encoded a band of rows at a time: Pillow's bytes for the whole picture, without its copy of that.

Bands are encoded by themselves and put together bit by bit. They differ from the whole in their first blocks alone: a
block's mean is written as its difference from that of the block before, and a file's first block has none before it.
"""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from stylize.images import scratch
from stylize.images.pixels import BAND_PIXELS, Pixels

LEAST_PIXELS = 4 * BAND_PIXELS
"""Smaller pictures are encoded whole."""
_SOF, _DHT, _SOS, _END = 0xC0, 0xC4, 0xDA, b"\xff\xd9"
_BLOCK_BYTES = 216
"""Of the longest block: 64 values of 16 and 11 bits."""


def encode(pixels: Pixels, options: dict[str, Any], rows: int | None = None) -> bytes:
    """Return (H, W, 3) pixels as Pillow's JPEG of them with some options, `rows` at once, a multiple of 16."""
    rows = rows or max(16, BAND_PIXELS // pixels.shape[1] // 16 * 16)
    bare = {name: options[name] for name in ("quality", "subsampling")}
    first = _by_pillow(pixels[:rows], options)
    head = _head(first)
    at = head.height_at
    file, carry = io.BytesIO(), ""
    file.write(first[:at] + len(pixels).to_bytes(2) + first[at + 2 : head.end])
    before = [0] * len(head.components)
    for start in range(0, len(pixels), rows):
        band = pixels[start : start + rows]
        own = first if start == 0 else _by_pillow(band, bare)
        scan = own[_head(own).end : -len(_END)].replace(b"\xff\x00", b"\xff")
        last = _last_block(band, head, bare)
        whole, carry = _joined(carry, scan, head, before, last.ones)
        file.write(whole.replace(b"\xff", b"\xff\x00"))
        before = last.means
        scratch.let_go(band)
    if carry:
        file.write(int(carry.ljust(8, "1"), 2).to_bytes(1).replace(b"\xff", b"\xff\x00"))
    file.write(_END)
    return file.getvalue()


def _by_pillow(pixels: Pixels, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


class _Component(NamedTuple):
    blocks: int
    """In each unit, of which a picture is made."""
    means: dict[str, int]
    rest: dict[str, int]
    """Huffman codes, as text of 0 and 1, and what they stand for."""


class _Head(NamedTuple):
    components: list[_Component]
    unit: tuple[int, int]
    """Height and width in pixels."""
    height_at: int
    end: int


def _head(data: bytes) -> _Head:
    """Return what stands before the pixels of a JPEG file that Pillow wrote."""
    tables: dict[int, dict[str, int]] = {}
    sampling: dict[int, int] = {}
    at, height_at = 2, 0
    while True:
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        body, at = data[at + 4 : at + 2 + size], at + 2 + size
        if marker == _SOF:
            height_at = at - len(body) + 1
            sampling = {body[i]: body[i + 1] for i in range(6, len(body), 3)}
        elif marker == _DHT:
            while body:
                counts, symbols = body[1:17], body[17 : 17 + sum(body[1:17])]
                tables[body[0]] = _codes(counts, symbols)
                body = body[17 + len(symbols) :]
        elif marker == _SOS:
            chosen = [(body[i], body[i + 1]) for i in range(1, 1 + 2 * body[0], 2)]
            parts = [
                _Component((sampling[one] >> 4) * (sampling[one] & 15), tables[names >> 4], tables[16 + (names & 15)])
                for one, names in chosen
            ]
            most = max(sampling.values())
            return _Head(parts, (8 * (most & 15), 8 * (most >> 4)), height_at, at)


def _codes(counts: bytes, symbols: bytes) -> dict[str, int]:
    codes, code, number = {}, 0, 0
    for length, count in enumerate(counts, 1):
        for _ in range(count):
            codes[f"{code:0{length}b}"] = symbols[number]
            code, number = code + 1, number + 1
        code <<= 1
    return codes


class _Last(NamedTuple):
    means: list[int]
    """Of the last block of each component."""
    ones: int
    """With how many 1 the last bits end."""


def _last_block(band: Pixels, head: _Head, options: dict[str, Any]) -> _Last:
    """Return how a band ends, by its last unit alone."""
    down, across = ((side - 1) // unit * unit for side, unit in zip(band.shape, head.unit, strict=False))
    data = _by_pillow(np.ascontiguousarray(band[down:, across:]), options)
    bits = _bits(data[_head(data).end : -len(_END)].replace(b"\xff\x00", b"\xff"))
    means, at = [], 0
    for part in head.components:
        mean = 0
        for _ in range(part.blocks):
            _, at, change = _mean(bits, at, part)
            mean, at = mean + change, _after(bits, at, part)
        means.append(mean)
    return _Last(means, _ones(bits[:at]))


def _joined(carry: str, scan: bytes, head: _Head, before: list[int], ones: int) -> tuple[bytes, str]:
    """Return a band's bits behind `carry`, whole bytes and what is left, its blocks following those of `before`."""
    edge = _BLOCK_BYTES * sum(part.blocks for part in head.components)
    if len(scan) < 2 * edge:
        begin, middle, end = _bits(scan), b"", ""
    else:
        begin, middle, end = _bits(scan[:edge]), scan[edge:-4], _bits(scan[-4:])
    text = carry + _following(begin, head, before)
    if not middle:
        text = text[: len(text) - _ones(text) + ones]
        return _bytes(text[: len(text) // 8 * 8]), text[len(text) // 8 * 8 :]
    shift = len(text) % 8
    left = text[len(text) - shift :]
    values = np.frombuffer(middle, np.uint8).astype(np.uint16)
    values[1:] |= values[:-1] << 8
    values[0] |= int(left or "0", 2) << 8
    moved = (values >> shift).astype(np.uint8).tobytes()
    end = f"{middle[-1]:08b}"[8 - shift :] + end
    end = end[: len(end) - _ones(end) + ones]
    whole = len(end) // 8 * 8
    return _bytes(text[: len(text) - shift]) + moved + _bytes(end[:whole]), end[whole:]


def _following(bits: str, head: _Head, before: list[int]) -> str:
    """Return bits with the first block of each component written as the difference from the one before."""
    written, done, at = [], 0, 0
    for part, mean in zip(head.components, before, strict=True):
        for number in range(part.blocks):
            start, at, change = _mean(bits, at, part)
            if number == 0:
                written += [bits[done:start], _coded(change - mean, part)]
                done = at
            at = _after(bits, at, part)
    return "".join([*written, bits[done:]])


def _mean(bits: str, at: int, part: _Component) -> tuple[int, int, int]:
    """Return where a block's mean begins and ends, and the number that stands there."""
    size, end = _symbol(bits, at, part.means)
    value = int(bits[end : end + size] or "0", 2)
    return at, end + size, value if not size or bits[end] == "1" else value - (1 << size) + 1


def _coded(value: int, part: _Component) -> str:
    size = abs(value).bit_length()
    code = next(code for code, symbol in part.means.items() if symbol == size)
    return code + (f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else "")


def _after(bits: str, at: int, part: _Component) -> int:
    """Return where a block ends whose other values begin at a place."""
    count = 1
    while count < 64:
        symbol, at = _symbol(bits, at, part.rest)
        if symbol == 0:
            break
        at += symbol & 15
        count += (symbol >> 4) + 1
    return at


def _symbol(bits: str, at: int, codes: dict[str, int]) -> tuple[int, int]:
    end = next(end for end in range(at + 1, at + 17) if bits[at:end] in codes)
    return codes[bits[at:end]], end


def _bits(data: bytes) -> str:
    return f"{int.from_bytes(data):0{8 * len(data)}b}" if data else ""


def _bytes(bits: str) -> bytes:
    return int(bits, 2).to_bytes(len(bits) // 8) if bits else b""


def _ones(bits: str) -> int:
    return len(bits) - len(bits.rstrip("1"))

"""Transparency of what people hold in Python: the network looks at a picture on white, and its alpha stays."""

from __future__ import annotations

import numpy as np
from PIL import ExifTags, Image

import stylize
from stylize import images
from tests.support.samples import picture


def test_transparency_stays_where_it_was() -> None:
    stylizer = stylize.load("compact", weights="random", device="cpu")
    alpha = np.arange(64, dtype=np.uint8)[None].repeat(48, 0) * 4
    array = np.dstack([picture(1), alpha])
    photo = Image.fromarray(array)
    result = stylizer(array, photo)
    assert (result[..., 3] == alpha).all()
    on_white = images.from_image(photo)
    wanted = stylizer(on_white, on_white).astype(int)
    clear = alpha[..., None] == 0
    assert (result[..., :3] == wanted)[clear[..., 0]].all()
    # What is darker than the white behind it lets through cannot be had.
    wanted = np.maximum(wanted, 255 - alpha[..., None].astype(int))
    shown = images.from_image(Image.fromarray(result))
    assert (np.abs(shown - wanted) <= 1)[~clear[..., 0]].all()
    for one in (stylizer(photo, array), stylizer.batch([photo], photo)[0]):
        assert one.mode == "RGBA"
        assert (np.asarray(one) == result).all()
    photo.getexif()[ExifTags.Base.Orientation] = 6
    turned = stylizer(photo, array)
    assert (np.asarray(turned)[..., 3] == np.rot90(alpha, -1)).all()
    assert stylizer(Image.fromarray(picture(1)).convert("RGBA"), array).mode == "RGB"  # all opaque
    opaque = np.dstack([picture(1), np.full_like(alpha, 255)])
    assert (stylizer(opaque, array)[..., 3] == 255).all()
